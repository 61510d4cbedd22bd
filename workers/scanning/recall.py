"""The share of planted errors that a scan would have flagged. Plain numpy, no service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.estimates.reliability import share_of
from workers.scanning.ranking import Ranking, flagged

ALPHA = 0.05
_POINTS = 51


def places(
    score: np.ndarray,
    positions: np.ndarray,
    real: np.ndarray,
    ranking: Ranking,
    *,
    high_is_suspicious: bool,
) -> Ranking:
    """Where each canary would stand, were it alone among the real ones, in its example's place.

    Args:
        score: (m,) of the canaries; NaN where one is not finite.
        positions: (m,) whose place they take.
        real: (n,) scores, and their `ranking`.
    """
    sign = 1.0 if high_is_suspicious else -1.0
    ranked = ranking.ranks > 0
    ascending = np.sort(sign * real[ranked])
    finite = np.isfinite(score)
    wanted = np.where(finite, sign * score, np.inf)
    # Equal scores of real ones come first: the order of equals is no merit.
    before = len(ascending) - np.searchsorted(ascending, wanted, side="left")
    own = ranked[positions] & (sign * real[positions] >= wanted)
    ranks = np.where(finite, 1 + before - own, 0).clip(max=ranking.ranked)
    suspicion = np.where(finite, 1.0 - (ranks - 0.5) / max(ranking.ranked, 1), np.nan)
    return Ranking(ranks, suspicion, ranking.ranked)


def recall(
    found: Ranking,
    score: np.ndarray,
    policy: dict[str, Any],
    labels: np.ndarray,
    classes: Sequence[str] | None,
    *,
    high_is_suspicious: bool,
) -> dict[str, Any]:
    """What the summary says of canaries, as JSON.

    Args:
        found: of the m canaries, as `places` finds it; `score` is theirs.
        labels: (m,) planted.
        classes: None in a regression.
    """
    caught = flagged(found, score, policy, high_is_suspicious=high_is_suspicious)
    # A canary that is not finite has no rank, and is never come to.
    after = np.where(found.ranks > 0, found.ranks / max(found.ranked, 1), np.inf)
    return {
        **_counted(caught),
        "not_finite": int((found.ranks == 0).sum()),
        "alpha": ALPHA,
        "classes": [
            {"label": name, **_counted(caught[labels == index])}
            for index, name in enumerate(classes or ())
            if (labels == index).any()
        ],
        # Even in the square root: what is reviewed first matters most.
        "curve": [
            {"reviewed": share, "caught": float((after <= share).mean())}
            for share in (np.linspace(0, 1, _POINTS) ** 2).tolist()
        ],
    }


def _counted(caught: np.ndarray) -> dict[str, Any]:
    hits = int(caught.sum())
    share = share_of(hits, len(caught), alpha=ALPHA)
    return {
        "planted": len(caught),
        "caught": hits,
        "missed": len(caught) - hits,
        "caught_share": None if share is None else vars(share),
    }
