"""A scan's sketches: kept by shards for each checkpoint, joined into one array by finalising.

The joined array is what is searched; its weights are the scan's own. The checkpoints' are kept
beside it, as a later scan of more or fewer checkpoints, or weighted otherwise, joins them anew. In
the shards' artifacts a number is one byte, as each row is divided by its largest entry over 127:
an inner product is off by at most about .3 % of the two lengths' product, a tenth of the error that
a sketch of 1,024 numbers has itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias
from uuid import UUID

import numpy as np

from app.artifacts import ArtifactStore
from app.settings import settings

Columns: TypeAlias = dict[str, np.ndarray]

SKETCH_COLUMNS = ("sketch", "sketch_scale")
# Part of what scans must agree on to share results: see workers/scanning/reuse.py.
SKETCH_FORM = "int8"
_LARGEST = 127


def bytes_kept(dimension: int) -> int:
    """In a shard's artifact, of an example at a checkpoint."""
    return dimension + 4 if dimension else 0


def packed(sketch: np.ndarray) -> dict[str, np.ndarray]:
    """(m, d) floats as SKETCH_COLUMNS: (m, d) int8 and (m,) float32; not finite stays so."""
    scale = np.abs(sketch).max(1) / _LARGEST
    finite = np.isfinite(scale)
    scale[~finite] = np.nan
    divisor = np.where(scale > 0, scale, 1.0)
    small = np.where(finite[:, None], sketch, 0.0) / divisor[:, None]
    return {"sketch": np.rint(small).astype(np.int8), "sketch_scale": scale.astype(np.float32)}


def joined(columns: Columns, weights: Sequence[float]) -> np.ndarray:
    """sum_i sqrt(weight_i) sketch_i of k checkpoints, (m, d) float32.

    The sketches of different checkpoints are independent, so that in a product of two such sums
    the cross terms vanish on average: it estimates sum_i weight_i <g_i, g_i'>.
    """
    total = np.zeros((len(columns["sketch"]), columns["sketch"].shape[2]), np.float32)
    for at, weight in enumerate(weights):
        scale = columns["sketch_scale"][:, at] * np.float32(np.sqrt(weight))
        total += columns["sketch"][:, at].astype(np.float32) * scale[:, None]
    return total


def write_sketches(scan_id: UUID, token: UUID, parts: Iterable[np.ndarray], examples: int) -> str:
    """One (n, d) float32 `.npy` artifact of the parts in order; memory does not grow with n."""
    name = f"scans/{scan_id}/sketches-{token.hex}.npy"
    with ArtifactStore(settings().artifacts).writer(name) as path, path.open("wb") as file:
        for number, part in enumerate(parts):
            if number == 0:
                shape = (examples, part.shape[1])
                header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(part.astype("<f4", copy=False).tobytes())
    return name


def weights_of(weighting: str, etas: Sequence[float]) -> list[float]:
    """What each checkpoint counts for in the scan's influence."""
    return [1 / len(etas)] * len(etas) if weighting == "equal" else list(etas)
