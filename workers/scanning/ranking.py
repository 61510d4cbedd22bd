"""From scores to ranks, suspicion and flags. Plain numpy, no service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

# A large margin means a good fit; all other scores grow with suspicion.
_LOW_IS_SUSPICIOUS = {"margin"}


def column_of(score: str, weighting: str) -> str:
    """Which column ranks: the weighting picks between two forms of self-influence."""
    if weighting == "equal" and score in {"self_influence", "last_layer"}:
        return f"{score}_equal"
    return score


def is_high_suspicious(score: str) -> bool:
    return score not in _LOW_IS_SUSPICIOUS


@dataclass(frozen=True)
class Ranking:
    """Ranks of n examples by one score.

    Attributes:
        ranks: (n,) int32, 1 for the most suspicious; 0 where the score is not finite.
        suspicion: (n,) float64 in (0, 1), the share of ranked examples that are less suspicious
            (its middle, so that neither end is certain); NaN where the score is not finite.
        ranked: how many have a rank.
    """

    ranks: np.ndarray
    suspicion: np.ndarray
    ranked: int


def rank(score: np.ndarray, usable: np.ndarray, *, high_is_suspicious: bool) -> Ranking:
    """Rank by score, equal scores by position.

    Args:
        score: (n,) float64.
        usable: (n,) bool; the others get no rank.
    """
    keys = np.where(usable, -score if high_is_suspicious else score, np.inf)
    order = np.argsort(keys, kind="stable")
    ranked = int(usable.sum())
    ranks = np.zeros(len(score), dtype=np.int32)
    ranks[order[:ranked]] = np.arange(1, ranked + 1, dtype=np.int32)
    suspicion = np.where(ranks > 0, 1.0 - (ranks - 0.5) / max(ranked, 1), np.nan)
    return Ranking(ranks, suspicion, ranked)


def flagged(
    ranking: Ranking, score: np.ndarray, policy: dict[str, Any], *, high_is_suspicious: bool
) -> np.ndarray:
    """(n,) bool: which examples the policy flags."""
    match policy["kind"]:
        case "top_k":
            most = policy["k"]
        case "share":
            # At least one: a share of a small data set that rounds to none helps nobody.
            most = max(1, round(policy["share"] * ranking.ranked))
        case "threshold":
            beyond = score >= policy["score"] if high_is_suspicious else score <= policy["score"]
            return beyond & (ranking.ranks > 0)
        case other:
            raise AssertionError(f"unknown policy {other}")
    return (ranking.ranks > 0) & (ranking.ranks <= most)


def share_less_suspicious(
    score: np.ndarray, groups: np.ndarray, chosen: np.ndarray, *, high_is_suspicious: bool
) -> np.ndarray:
    """For each chosen example: the share of its group that is less suspicious, 0 to 1.

    Args:
        score: (n,) float64; those not finite are left out of the groups.
        groups: (n,) int, such as the given label.
        chosen: (m,) positions, with finite scores.
    Returns:
        (m,) float64.
    """
    signed = score if high_is_suspicious else -score
    shares = np.zeros(len(chosen))
    for group in np.unique(groups[chosen]):
        members = np.sort(signed[(groups == group) & np.isfinite(signed)])
        here = groups[chosen] == group
        below = np.searchsorted(members, signed[chosen[here]], side="left")
        shares[here] = below / max(len(members), 1)
    return shares
