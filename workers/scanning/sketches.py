"""A scan's sketches: kept by shards for each checkpoint, joined into one array by finalising.

In the shards' artifacts they are half floats, each row divided by its largest entry: the rounding,
one part in 2,000, is far below a sketch's own error.
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


def packed(sketch: np.ndarray) -> dict[str, np.ndarray]:
    """(m, d) floats as SKETCH_COLUMNS: (m, d) float16 and (m,) float32; not finite stays so."""
    scale = np.abs(sketch).max(1)
    scale[scale == 0] = 1.0
    with np.errstate(invalid="ignore"):
        small = (sketch / scale[:, None]).astype(np.float16)
    return {"sketch": small, "sketch_scale": scale.astype(np.float32)}


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
