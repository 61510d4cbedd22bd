"""What is sketched and how finely, and how sketches of several checkpoints become one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SketchSpec:
    """Sketches can be compared only if spec, salt of the checkpoint and chosen layers are equal.

    dimension: numbers in each sketch; the error of an influence falls as 1 / sqrt(dimension).
    rank: numbers that each side of a convolution's gradient is projected to before.
    seed: of the random map.
    layers: as for the score, of whose parameters only these are sketched.
    Raises:
        ValueError: dimension or rank is below 1.
    """

    dimension: int = 1024
    rank: int = 32
    seed: int = 0
    layers: str | Sequence[str] = "all"

    def __post_init__(self) -> None:
        if self.dimension < 1 or self.rank < 1:
            raise ValueError(
                f"A sketch needs dimension and rank ≥ 1, got {self.dimension} and {self.rank}."
            )


def sum_of_sketches(
    sketches: Sequence[np.ndarray], etas: Sequence[float] | np.ndarray
) -> np.ndarray:
    """sum_i sqrt(eta_i) s_i, (n, dimension) float32: a sketch of all checkpoints together.

    Its inner products estimate sum_i eta_i <g_i, g_i'>: the maps of different checkpoints are
    independent, so that cross terms are zero in expectation.

    Args:
        sketches: (n, dimension) for each checkpoint.
        etas: their learning rates, (k,).
    Raises:
        ValueError: not as many etas as sketches, or none.
    """
    if not sketches:
        raise ValueError("sum_of_sketches needs at least one sketch.")
    total = np.zeros(sketches[0].shape, dtype=np.float32)
    for sketch, eta in zip(sketches, etas, strict=True):
        total += np.float32(np.sqrt(eta)) * sketch
    return total
