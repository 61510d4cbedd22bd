"""How exactly the passes compute.

"full" is the model's own precision. On CUDA torch rounds convolutions to TF32 unless it is told not
to; here it is told. "tf32" and "bf16" are quicker where the hardware has them, and their error is
measured on the data, never assumed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from workers.influence.errors import InfluenceError

Precision = Literal["full", "tf32", "bf16"]


@dataclass(frozen=True)
class PrecisionError:
    """Relative errors of squared norms in a lower precision, against the full one.

    examples: how many norms were compared: each example at the first and the last checkpoint.
    """

    median: float
    largest: float
    examples: int

    @classmethod
    def between(cls, found: np.ndarray, true: np.ndarray) -> "PrecisionError":
        """Of norms by example, (n,) each; those that are not finite or zero are left out."""
        fine = np.isfinite(found) & np.isfinite(true) & (true > 0)
        off = np.abs(found[fine] / true[fine] - 1)
        if not len(off):
            return cls(0.0, 0.0, 0)
        return cls(float(np.median(off)), float(off.max()), len(off))


def require_precision(precision: str) -> None:
    """Raises InfluenceError: there is no such precision."""
    if precision not in get_args(Precision):
        raise InfluenceError(
            f"There is no precision {precision!r}. Use one of {', '.join(get_args(Precision))}."
        )


@contextmanager
def rounding(device: torch.device, precision: Precision) -> Iterator[None]:
    """Products of float32 on CUDA in this precision; on other devices nothing changes."""
    if device.type != "cuda":
        yield
        return
    matmul, conv = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.backends.cudnn.allow_tf32 = conv


def widened_outputs(outputs: Any) -> Any:
    """Outputs of a pass in bf16, in float32, so that the loss is not rounded as well."""
    if isinstance(outputs, Tensor) and outputs.dtype == torch.bfloat16:
        return outputs.float()
    return outputs
