"""Exact top-k of inner products, by blocks: as fast as the sketches can be read, at any size.

Every sketch is read once for all queries of a call. A block's products are only compared with the
worst value kept so far; few pass once the first blocks are done, so that sorting costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Bytes of sketches, and numbers of products, in one block: read once, then still in the cache.
_BLOCK_BYTES = 1 << 25
_BLOCK_PRODUCTS = 1 << 22


@dataclass(frozen=True)
class Found:
    """The best first; equal values by position. Where fewer than k exist, -1 and nan fill up.

    positions: rows of the sketches, (q, k) int64.
    values: inner products, (q, k) float32.
    """

    positions: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Influences:
    """proponents: the largest values. opponents: the smallest, the most negative first."""

    proponents: Found
    opponents: Found


def top_influences(
    sketches: np.ndarray,
    queries: np.ndarray,
    k: int,
    *,
    allowed: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    restrict: Sequence[int | None] | None = None,
    exclude: Sequence[int | None] | None = None,
    block_rows: int | None = None,
) -> Influences:
    """The k rows with the largest and the k with the smallest inner product with each query.

    Rows whose product is not finite, as those of nan sketches, are never found.

    Args:
        sketches: (n, d) float32, in memory or memory-mapped; a block at a time is read.
        queries: (q, d).
        allowed: (n,) or (q, n) bool; only these rows are searched.
        labels: (n,) of the rows, needed by `restrict`.
        restrict: for each query, the label that rows must have, or None.
        exclude: for each query, a row to leave out, itself as a rule, or None.
        block_rows: rows read at a time; by default some 32 MB.
    Raises:
        ValueError: shapes that do not fit, k or block_rows below 1, or restrict without labels.
    """
    _require_fitting(sketches, queries, k, allowed, labels, restrict, exclude)
    n, d = sketches.shape
    q = len(queries)
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    if block_rows is not None and block_rows < 1:
        raise ValueError(f"block_rows must be ≥ 1, got {block_rows}.")
    fitting = min(_BLOCK_BYTES // (4 * max(1, d)), _BLOCK_PRODUCTS // max(1, q))
    rows = max(64, fitting) if block_rows is None else block_rows
    largest, smallest = _Best(q, k), _Best(q, k)
    for start in range(0, n, rows):
        block = np.asarray(sketches[start : start + rows], dtype=np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            products = queries @ block.T if q > 1 else (block @ queries[0])[None]
        at = slice(start, start + len(block))
        if allowed is not None:
            products[~np.broadcast_to(allowed[..., at], products.shape)] = np.nan
        for i, label in enumerate(restrict or ()):
            if label is not None and labels is not None:
                products[i, labels[at] != label] = np.nan
        for i, row in enumerate(exclude or ()):
            if row is not None and at.start <= row < at.stop:
                products[i, row - start] = np.nan
        largest.take(products, start)
        smallest.take(np.negative(products, out=products), start)
    opponents = smallest.found()
    return Influences(largest.found(), Found(opponents.positions, -opponents.values))


class _Best:
    """The k largest values so far of each query, sorted."""

    def __init__(self, q: int, k: int) -> None:
        self._values = np.full((q, k), -np.inf, dtype=np.float32)
        self._positions = np.full((q, k), -1, dtype=np.int64)

    def take(self, products: np.ndarray, start: int) -> None:
        """products: (q, rows), nan where a row is not to be found."""
        better = products > self._values[:, -1:]  # never true of nan
        for i in np.flatnonzero(better.any(1)):
            at = np.flatnonzero(better[i])
            self._merge(int(i), products[i, at], at + start)

    def _merge(self, i: int, values: np.ndarray, positions: np.ndarray) -> None:
        finite = values < np.inf
        values, positions = values[finite], positions[finite]
        k = self._values.shape[1]
        if len(values) > k:
            least = np.partition(values, len(values) - k)[len(values) - k]
            kept = values >= least
            values, positions = values[kept], positions[kept]
        values = np.concatenate([self._values[i], values])
        positions = np.concatenate([self._positions[i], positions])
        # Stable, and earlier rows come first: so equal values stay in the order of their rows.
        order = np.argsort(-values, kind="stable")[:k]
        self._values[i], self._positions[i] = values[order], positions[order]

    def found(self) -> Found:
        return Found(
            self._positions, np.where(self._positions < 0, np.float32(np.nan), self._values)
        )


def _require_fitting(
    sketches: np.ndarray,
    queries: np.ndarray,
    k: int,
    allowed: np.ndarray | None,
    labels: np.ndarray | None,
    restrict: Sequence[int | None] | None,
    exclude: Sequence[int | None] | None,
) -> None:
    if sketches.ndim != 2 or queries.ndim != 2 or sketches.shape[1] != queries.shape[1]:
        raise ValueError(
            f"Sketches (n, d) and queries (q, d) do not fit: {sketches.shape}, {queries.shape}."
        )
    n, q = len(sketches), len(queries)
    if k < 1:
        raise ValueError(f"k must be ≥ 1, got {k}.")
    if allowed is not None and (allowed.dtype != bool or allowed.shape not in {(n,), (q, n)}):
        raise ValueError(f"allowed must be bool, ({n},) or ({q}, {n}), got {allowed.shape}.")
    if restrict is not None and labels is None:
        raise ValueError("restrict needs the rows' labels.")
    if labels is not None and labels.shape != (n,):
        raise ValueError(f"labels must be ({n},), got {labels.shape}.")
    for name, given in (("restrict", restrict), ("exclude", exclude)):
        if given is not None and len(given) != q:
            raise ValueError(f"{name} needs one entry for each of {q} queries, got {len(given)}.")
