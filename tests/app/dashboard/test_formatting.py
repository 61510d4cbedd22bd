"""Numbers, times and shares in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.dashboard import formatting
from app.dashboard.formatting import NBSP

AT = datetime(2026, 11, 24, 14, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (1797, "1,797"), (10_000_000, "10,000,000"), (None, formatting.NONE)],
)
def test_counts_have_separators(value: int | None, words: str) -> None:
    assert formatting.number(value) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0, "0 %"),
        (0.102, "10.2 %"),
        (0.1, "10 %"),
        (1, "100 %"),
        (0.99999, "99.9 %"),
        (0.00001, "< 0.1 %"),
        (float("nan"), formatting.NONE),
    ],
)
def test_shares_never_read_as_all_or_nothing_unless_they_are(share: float, words: str) -> None:
    assert formatting.percent(share) == words.replace(" ", NBSP)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (12.345, "12.3"),
        (0.004512, "0.00451"),
        (1840.2, "1,840"),
        (-7.541, "−7.54"),  # noqa: RUF001 - a minus sign, as wide as a digit
        (3.2e-7, "3.20e−07"),  # noqa: RUF001
        (float("inf"), formatting.NONE),
    ],
)
def test_measured_numbers_have_three_figures(value: float, words: str) -> None:
    assert formatting.real(value) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (4.12, "4.1 s"),
        (9.99, "10 s"),
        (59.7, "1 min"),
        (125, "2 min 5 s"),
        (3600 * 3 + 720, "3 h 12 min"),
        (86_400 * 2, "2 d"),
    ],
)
def test_durations_use_two_units_at_most(seconds: float, words: str) -> None:
    assert formatting.duration(seconds).replace(NBSP, " ") == words


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(seconds=70), "1 minute ago"),
        (timedelta(minutes=3), "3 minutes ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(hours=30), "yesterday"),
        (timedelta(days=6), "6 days ago"),
        (timedelta(days=40), "15 Oct 2026"),
    ],
)
def test_moments_are_told_from_now(passed: timedelta, words: str) -> None:
    assert formatting.ago(AT - passed, AT) == words


def test_backticks_become_code_and_everything_else_is_escaped() -> None:
    assert (
        str(formatting.coded("Say `all`, or <b>`a<b`</b>."))
        == "Say <code>all</code>, or &lt;b&gt;<code>a&lt;b</code>&lt;/b&gt;."
    )


def test_callers_are_named_without_their_ids() -> None:
    assert formatting.caller_name("key first (6f1c4f0e)") == "key first"
    assert formatting.caller_name("session 6f1c4f0e") == "a browser session"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.00 kB"),
        (972_200, "972 kB"),
        (1_000_000, "1.00 MB"),
        (651e6, "651 MB"),
        (12_345_678_901, "12.3 GB"),
        (2.5e15, "2,500 TB"),
    ],
)
def test_sizes_are_in_powers_of_a_thousand(count: float, words: str) -> None:
    assert formatting.size(count) == words.replace(" ", NBSP)
