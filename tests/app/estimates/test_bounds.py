from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, binomtest, hypergeom

from app.estimates.bounds import (
    Bounds,
    Draw,
    Forecaster,
    Now,
    Trail,
    bound_wrong_labels,
    course_of_bounds,
    is_bounded_by,
)
from benchmarks.simulated_reviews import Plan, Ranking, SimulatedReview

BETA = Forecaster(0.0, ((1.0, 0.7, 9.0),))


PLAN = Plan(examples=300, audits=60, flags=120)


def reviewed(seed: int, ranking: Ranking) -> tuple[int, Trail]:
    """The wrong labels of a population, and a whole review of it."""
    review = SimulatedReview(seed, ranking, PLAN)
    for _ in review.verdicts():
        pass
    return review.wrong, review.truth.trail(open_is_wrong=False)


def audit_only(population: int, answers: list[bool]) -> Trail:
    found = np.cumsum([0, *answers])
    draws = [
        Draw(population - number, int(found[number]), is_wrong)
        for number, is_wrong in enumerate(answers)
    ]
    return Trail.of(draws, Now(population - len(answers), int(found[-1])))


@given(
    population=st.integers(1, 60),
    answers=st.lists(st.booleans(), max_size=60),
    alpha=st.sampled_from([0.01, 0.05, 0.3]),
)
@settings(max_examples=150, deadline=None)
def test_without_a_queue_it_is_the_published_sequence(
    population: int, answers: list[bool], alpha: float
) -> None:
    """{M: Hypergeom(x; N, M, m) > alpha * BetaBinomial(x; m, a, b)}, looks intersected."""
    answers = answers[:population]
    kept = set(range(population + 1))
    for count in range(1, len(answers) + 1):
        wrong = sum(answers[:count])
        told = alpha * betabinom.pmf(wrong, count, 0.7, 9.0)
        fits = {
            total
            for total in range(wrong, population - count + wrong + 1)
            if hypergeom.pmf(wrong, population, total, count) > told * (1 + 1e-9)
        }
        kept = kept & fits or kept
    kept &= set(range(sum(answers), population - len(answers) + sum(answers) + 1)) or kept
    trail = audit_only(population, answers)
    found = bound_wrong_labels(trail, alpha=alpha, forecaster=BETA)
    if kept:
        assert (found.lowest, found.highest) == (min(kept), max(kept))


def test_nothing_audited_says_nothing() -> None:
    assert bound_wrong_labels(Trail.of([], Now(100, 7))) == Bounds(7, 107)


def test_all_reviewed_says_all() -> None:
    trail = audit_only(8, [True, False, False, True, False, False, False, False])
    assert bound_wrong_labels(trail) == Bounds(2, 2)


def test_one_percent_is_certified_within_a_quarter_more_than_the_rule_of_three() -> None:
    count = math.ceil(1.25 * 299)
    assert bound_wrong_labels(audit_only(1_000_000, [False] * count)).highest <= 10_000
    fewer = audit_only(1_000_000, [False] * 299)
    assert bound_wrong_labels(fewer).highest > 10_000, "no bound for all looks can do that"


def test_findings_of_the_queue_count_at_once() -> None:
    """The queue finds 30 wrong labels between two halves of the audit."""
    draws = [Draw(1000 - number, 0, False) for number in range(100)]
    later = [Draw(900 - 60 - number, 30, False) for number in range(100)]
    bounds = bound_wrong_labels(Trail.of([*draws, *later], Now(740, 30)))
    assert bounds.lowest == 30
    # As the queue found none, 200 right answers among 1,000 would allow no more than about 17.
    assert bounds.highest < 30 + 17


CONTRADICTIONS = [
    ([Draw(10, 0, True)], Now(9, 0)),
    ([Draw(10, 0, False)], Now(10, 0)),
    ([Draw(10, 0, False)], Now(9, 1)),
    ([Draw(10, 3, False), Draw(9, 2, False)], Now(8, 3)),
]


@pytest.mark.parametrize(("draws", "now"), CONTRADICTIONS)
def test_a_trail_that_contradicts_itself_is_refused(draws: list[Draw], now: Now) -> None:
    with pytest.raises(ValueError, match="more, or less"):
        Trail.of(draws, now)


@pytest.mark.parametrize("ranking", ["informative", "useless"])
def test_bounds_hold_at_all_looks_together(ranking: Ranking) -> None:
    """In 150 reviews, with a look after every verdict. At 5 % at most 8 fail but by chance."""
    failures = 0
    for seed in range(150):
        wrong, trail = reviewed(seed, ranking)
        last = bound_wrong_labels(trail)
        # No bound is wider than one before it: what the last holds, all held.
        failures += not last.lowest <= wrong <= last.highest
    assert binomtest(failures, 150, 0.05, alternative="greater").pvalue > 0.01


def test_a_later_look_never_widens_what_is_known_of_the_whole() -> None:
    _, trail = reviewed(3, "informative")
    course = course_of_bounds(trail)
    assert len(course) == trail.draws + 1
    for before, after in pairwise(course):
        assert before.lowest <= after.lowest
        assert after.highest <= before.highest


@given(seed=st.integers(0, 10**6), alpha=st.sampled_from([0.01, 0.05, 0.3]))
@settings(max_examples=30, deadline=None)
def test_few_looks_end_where_all_do_and_a_single_number_is_told_quickly(
    seed: int, alpha: float
) -> None:
    _, trail = reviewed(seed, "informative")
    every = course_of_bounds(trail, alpha=alpha)
    few = course_of_bounds(trail, looks=[0, 7, 8, 31, 60], alpha=alpha)
    assert few == [every[seen] for seen in (0, 7, 8, 31, 60)]
    highest = every[-1].highest
    for most in {*range(max(highest - 3, 0), highest + 4), trail.now.found}:
        assert is_bounded_by(trail, most, alpha=alpha) == (most >= highest), most
