from __future__ import annotations

import pytest
from scipy.stats import binomtest

from app.estimates.reliability import error_rate, share_of


@pytest.mark.parametrize(("hits", "trials"), [(0, 9), (3, 40), (7, 7)])
def test_intervals_are_clopper_and_pearsons(hits: int, trials: int) -> None:
    exact = binomtest(hits, trials).proportion_ci(0.95, method="exact")
    share = share_of(hits, trials, alpha=0.05)
    assert share is not None
    assert (share.lowest, share.highest) == pytest.approx((exact.low, exact.high))
    assert share.estimate == hits / trials


def test_disagreement_of_two_is_the_error_of_either() -> None:
    rate = error_rate(19, 100, alpha=0.05)
    assert rate is not None
    assert rate.estimate == pytest.approx(0.1)
    assert rate.lowest < 0.1 < rate.highest


def test_without_trials_nothing_is_known() -> None:
    assert share_of(0, 0, alpha=0.05) is None
    assert error_rate(0, 0, alpha=0.05) is None
