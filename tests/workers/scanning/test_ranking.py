from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workers.scanning.ranking import flagged, rank, share_less_suspicious
from workers.scanning.summary import class_counts, class_pairs, histogram, in_words

scores = arrays(
    np.float64,
    st.integers(1, 40),
    elements=st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, np.nan, np.inf])),
)


@given(scores, st.booleans())
def test_ranks_are_a_permutation_of_the_finite(score: np.ndarray, high: bool) -> None:
    finite = np.isfinite(score)
    ranking = rank(score, finite, high_is_suspicious=high)
    assert sorted(ranking.ranks[finite]) == list(range(1, int(finite.sum()) + 1))
    assert (ranking.ranks[~finite] == 0).all()
    assert np.isnan(ranking.suspicion[~finite]).all()
    ordered = score[np.flatnonzero(finite)[np.argsort(ranking.ranks[finite])]]
    assert (np.diff(ordered) <= 0).all() if high else (np.diff(ordered) >= 0).all()
    assert ((ranking.suspicion[finite] > 0) & (ranking.suspicion[finite] < 1)).all()


@given(scores, st.integers(1, 50))
def test_top_k_flags_the_first_k(score: np.ndarray, k: int) -> None:
    finite = np.isfinite(score)
    ranking = rank(score, finite, high_is_suspicious=True)
    chosen = flagged(ranking, score, {"kind": "top_k", "k": k}, high_is_suspicious=True)
    assert chosen.sum() == min(k, finite.sum())
    assert not chosen[~finite].any()


@pytest.mark.parametrize(("high", "expected"), [(True, [2, 3]), (False, [0, 1, 2])])
def test_a_threshold_includes_its_own_value(high: bool, expected: list[int]) -> None:
    score = np.array([1.0, 2.0, 3.0, 4.0, np.nan])
    ranking = rank(score, np.isfinite(score), high_is_suspicious=high)
    policy: dict[str, Any] = {"kind": "threshold", "score": 3.0}
    chosen = flagged(ranking, score, policy, high_is_suspicious=high)
    assert np.flatnonzero(chosen).tolist() == expected


def test_shares_are_within_the_group() -> None:
    score = np.array([1.0, 5.0, 3.0, 100.0, np.nan])
    groups = np.array([0, 0, 0, 1, 0])
    shares = share_less_suspicious(score, groups, np.array([1, 3, 0]), high_is_suspicious=True)
    np.testing.assert_allclose(shares, [2 / 3, 0.0, 0.0])


@given(scores)
def test_a_histogram_counts_every_finite_score_once(score: np.ndarray) -> None:
    finite = np.isfinite(score)
    chosen = finite & (score > np.median(score[finite])) if finite.any() else finite
    drawn = histogram(score, chosen)
    assert sum(drawn["counts"]) == finite.sum()
    assert sum(drawn["flagged"]) == chosen.sum()
    assert len(drawn["edges"]) == len(drawn["counts"]) + 1
    assert (np.diff(drawn["edges"]) >= 0).all()


def test_counts_and_pairs() -> None:
    labels = np.array([0, 0, 1, 2], dtype=np.int32)
    chosen = np.array([True, False, True, False])
    counts = class_counts(labels, chosen, ["a", "b", "c"])
    assert counts == [
        {"label": "a", "examples": 2, "flagged": 1},
        {"label": "b", "examples": 1, "flagged": 1},
        {"label": "c", "examples": 1, "flagged": 0},
    ]
    pairs = class_pairs(np.array([0, 0, 1]), np.array([1, 1, -1]), ["a", "b", "c"])
    assert pairs == [{"given": "a", "suggested": "b", "count": 2}]


def test_words_never_claim_everything() -> None:
    assert in_words(1.0, "of class 9", prediction=None) == ("Harder to fit than 99.9 % of class 9.")
