from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from app.estimates.findings import Range, audits_to_reach, course, findings
from app.estimates.history import History, Left, Outcome
from benchmarks.coverage import ALPHA, audits_needed, try_mixtures, try_review, try_slices
from benchmarks.simulated_reviews import Plan, Ranking, SimulatedReview

SMALL = Plan(examples=400, audits=40, flags=60)


def audited(count: int, *, of: int, wrong: int = 0) -> History:
    """Audits alone, those with wrong labels first."""
    return History(
        of,
        [
            Left(n + 1, 0, Outcome.wrong if n < wrong else Outcome.right, unreviewed=of - n)
            for n in range(count)
        ],
    )


@pytest.mark.parametrize("ranking", ["informative", "useless"])
def test_ranges_hold_while_answers_come_late_and_some_never(ranking: Ranking) -> None:
    """In 60 reviews with a look after every tenth verdict. The large trial is a benchmark."""
    tried = [try_review(seed, ranking, SMALL, every=10) for seed in range(60)]
    missed = sum(each.missed for each in tried)
    assert binomtest(missed, len(tried), ALPHA, alternative="greater").pvalue > 0.01
    assert sum(each.looks for each in tried) > 500


def test_bounds_of_slices_hold_each_alone_and_jointly_together() -> None:
    """In 40 reviews with a look after every thirtieth verdict."""
    tried = [try_slices(seed, "informative", SMALL, every=30) for seed in range(40)]
    missed = sum(sum(each.alone) for each in tried)
    together = sum(each.together for each in tried)
    assert binomtest(missed, 5 * len(tried), ALPHA, alternative="greater").pvalue > 0.01
    assert binomtest(together, len(tried), ALPHA, alternative="greater").pvalue > 0.01


def test_whatever_the_open_ones_turn_out_to_be_the_range_holds() -> None:
    found = try_mixtures(20, most_open=5)
    assert found.tried > 100
    assert found.beyond == 0


def test_without_audits_what_is_reviewed_is_all_that_is_known() -> None:
    history = History(100, [Left(0, 0, Outcome.right, 20), Left(0, 0, Outcome.wrong, 5)])
    found = findings(history, alpha=0.05).all
    assert found.before == Range(5, 5, 80)
    assert found.after == Range(0, 0, 75)


def test_what_is_unknown_spans_the_range_and_stays_uncorrected() -> None:
    left = [Left(0, 0, Outcome.right, 90), Left(0, 0, Outcome.wrong, 6)]
    found = findings(History(100, [*left, Left(0, 0, Outcome.unknown, 4)]), alpha=0.05)
    assert found.open_right.before == Range(6, 6, 6)
    assert found.open_wrong.before == Range(10, 10, 10)
    assert found.open_wrong.after == Range(4, 4, 4)
    assert found.all.before == Range(8, 6, 10)


def test_an_early_audit_that_waits_costs_little() -> None:
    answered = audited(400, of=100_000)
    left = answered.left
    waits = History(100_000, [replace(left[0], outcome=Outcome.waiting), *left[1:]])
    sure, unsure = (findings(each, alpha=0.05).all.after for each in (answered, waits))
    assert sure.highest < 1000
    assert sure.highest < unsure.highest < 2 * sure.highest
    # The last ones are always in somebody's hand: they tell nothing, and cost nothing.
    last = [replace(each, outcome=Outcome.waiting) for each in left[-8:]]
    in_hand = findings(History(100_000, [*left[:-8], *last]), alpha=0.05).all
    assert in_hand == findings(audited(392, of=100_000), alpha=0.05).all


def test_the_course_ends_as_it_stands() -> None:
    review = SimulatedReview(4, "informative", SMALL)
    for _ in review.verdicts():
        pass
    looks = course(review.history, alpha=0.05, points=11)
    assert [look.audits for look in looks] == list(range(0, 41, 4))
    whole = findings(review.history, alpha=0.05).all.before
    assert (looks[-1].before.lowest, looks[-1].before.highest) == (whole.lowest, whole.highest)
    last = (looks[-1].found, looks[-1].reviewed)
    assert last == (review.history.found, review.history.reviewed)
    assert looks[0].before.highest <= SMALL.examples
    assert [look.reviewed for look in looks] == sorted(look.reviewed for look in looks)


def test_one_percent_is_certified_soon_where_little_is_wrong() -> None:
    """An exact bound at one look takes 475 audits at 0.3 % wrong, if one knows so beforehand."""
    assert audits_needed(0.0, 0.01, 0) <= 1.25 * 299
    assert np.median([audits_needed(0.003, 0.01, seed) for seed in range(40)]) <= 1.9 * 475


def test_a_forecast_is_what_it_takes_if_nothing_is_found() -> None:
    nothing = History(100_000, [])
    assert audits_to_reach(nothing, 0.01, alpha=0.05) == 356
    assert audits_to_reach(audited(300, of=100_000), 0.01, alpha=0.05) == 56
    assert audits_to_reach(audited(356, of=100_000), 0.01, alpha=0.05) == 0


def test_a_forecast_comes_true_where_the_audits_go_on_evenly() -> None:
    history = audited(300, of=20_000, wrong=1)
    more = audits_to_reach(history, 0.01, alpha=0.05)
    assert more is not None
    assert 300 < more < 1500
    half = audited(300 + more // 2, of=20_000, wrong=1 + more // 600)
    rest = audits_to_reach(half, 0.01, alpha=0.05)
    assert rest is not None
    assert abs(rest - (more - more // 2)) < 0.35 * more


def test_a_forecast_reviews_all_rather_than_to_give_up_and_says_what_stands_in_the_way() -> None:
    assert audits_to_reach(audited(40, of=100, wrong=20), 0.0, alpha=0.05) == 60
    unknown = History(100, [Left(0, 0, Outcome.unknown, 3)])
    assert audits_to_reach(unknown, 0.02, alpha=0.05) is None
    assert audits_to_reach(unknown, 0.03, alpha=0.05) is not None
