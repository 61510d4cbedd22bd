"""Two scans of a dataset, or of two versions of it, side by side."""

from __future__ import annotations

import numpy as np
from sqlalchemy.orm import Session

from app.compare.change_schemas import VersionOut
from app.compare.compared_examples import compared_examples
from app.compare.pairs import Pair
from app.compare.scan_schemas import (
    ComparedScanOut,
    CorrectedOut,
    DistributionOut,
    FlagFates,
    Quantiles,
    ScanComparisonOut,
)
from app.scans.models import RankedScore
from app.scans.results import Results

_BINS = 40


def describe_comparison(db: Session, pair: Pair, *, most: int) -> ScanComparisonOut:
    here, there = pair.both
    moved = _most_moved(pair, most)
    return ScanComparisonOut(
        scan=_scan(pair.now),
        before=_scan(pair.was),
        in_both=len(here),
        added=len(pair.partners) - len(here),
        removed=len(pair.removed),
        flags=_fates(pair),
        rank_correlation=_rank_correlation(pair),
        corrected=_corrected(pair),
        distribution=_distribution(pair),
        moved=compared_examples(db, pair, here[moved], there[moved]),
    )


def _scan(found: Results) -> ComparedScanOut:
    return ComparedScanOut(
        id=found.scan.id,
        dataset=VersionOut.model_validate(found.dataset),
        score=RankedScore(found.scan.score),
        finished_at=found.scan.finished_at,
        examples=found.scan.example_count,
        flagged=found.scan.flagged_count or 0,
    )


def _fates(pair: Pair) -> FlagFates:
    here, there = pair.both
    now, was = pair.columns["flagged"], pair.columns_was["flagged"]
    kept = int((now[here] & was[there]).sum())
    return FlagFates(
        gone=int(was.sum()) - kept,
        gone_removed=int(was[pair.removed].sum()),
        kept=kept,
        new=int(now.sum()) - kept,
        new_added=int(now.sum() - now[here].sum()),
    )


def _rank_correlation(pair: Pair) -> float | None:
    here, there = pair.both
    rank, rank_was = pair.columns["rank"][here], pair.columns_was["rank"][there]
    ranked = (rank > 0) & (rank_was > 0)
    if ranked.sum() < 2:
        return None
    # Among those that both rank. No two examples of a scan share a rank.
    orders = [np.argsort(np.argsort(each[ranked])) for each in (rank, rank_was)]
    return float(np.corrcoef(orders[0], orders[1])[0, 1])


def _corrected(pair: Pair) -> CorrectedOut:
    here, there = pair.both
    chosen = pair.partners["is_relabelled"][here]
    here, there = here[chosen], there[chosen]
    now, was = pair.columns["flagged"][here], pair.columns_was["flagged"][there]
    return CorrectedOut(
        examples=len(here),
        flagged_before=int(was.sum()),
        no_longer_flagged=int((was & ~now).sum()),
        still_flagged=int((was & now).sum()),
        newly_flagged=int((now & ~was).sum()),
        median_suspicion_before=_quantile(pair.columns_was["suspicion"][there], 0.5),
        median_suspicion=_quantile(pair.columns["suspicion"][here], 0.5),
    )


def _distribution(pair: Pair) -> DistributionOut:
    values = [_finite(each[pair.score]) for each in (pair.columns_was, pair.columns)]
    every = [value for each in values if len(each) for value in (each.min(), each.max())]
    low, high = (float(min(every)), float(max(every))) if every else (0.0, 1.0)
    scale = "sqrt" if low >= 0 else "linear"
    if scale == "sqrt":
        edges = np.linspace(0.0, np.sqrt(high) or 1.0, _BINS + 1) ** 2
        edges[-1] = max(edges[-1], high)  # rounding must not leave the largest outside
    else:
        edges = np.linspace(low, high if high > low else low + 1.0, _BINS + 1)
    before, now = (np.histogram(each, edges)[0].tolist() for each in values)
    return DistributionOut(
        score=RankedScore(pair.score),
        scale=scale,
        edges=edges.tolist(),
        counts_before=before,
        counts=now,
        before=_quantiles(values[0]),
        now=_quantiles(values[1]),
    )


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def _quantile(values: np.ndarray, share: float) -> float | None:
    values = _finite(values)
    return float(np.quantile(values, share)) if len(values) else None


def _quantiles(values: np.ndarray) -> Quantiles:
    return Quantiles(
        median=_quantile(values, 0.5), p90=_quantile(values, 0.9), p99=_quantile(values, 0.99)
    )


def _most_moved(pair: Pair, most: int) -> np.ndarray:
    """Indices into `both`."""
    here, there = pair.both
    change = np.abs(pair.columns["suspicion"][here] - pair.columns_was["suspicion"][there])
    change[np.isnan(change)] = 0.0
    first = np.argpartition(-change, min(most, len(change) - 1))[:most] if len(change) else here
    first = first[change[first] > 0]
    # Of those that moved alike, the first in the dataset comes first.
    return first[np.lexsort((first, -change[first]))]
