from __future__ import annotations

import pytest

from app.estimates.bounds import Draw, Now, Trail
from app.estimates.history import History, Left, Outcome

RIGHT, WRONG, UNKNOWN, WAITING = Outcome

LEFT = [
    Left(0, 0, RIGHT, 10),
    Left(0, 1, WRONG, 5),
    Left(1, 0, WRONG, unreviewed=85),
    Left(2, 1, WAITING, unreviewed=81),
    Left(1, 0, RIGHT, 2),
    Left(1, 1, UNKNOWN),
    Left(3, 1, RIGHT, unreviewed=80),
    Left(3, 0, WRONG, 4),
]


def same(one: Trail, other: Trail) -> bool:
    return all(
        (getattr(one, name) == getattr(other, name)).all()
        for name in ("unreviewed", "found", "answers")
    )


def test_what_left_before_a_draw_is_told_by_the_draws_made_until_then() -> None:
    history = History(100, LEFT)
    assert (history.drawn, history.waiting) == (3, 1)
    assert (history.reviewed, history.found, history.unknown) == (24, 10, 1)
    right = [Draw(85, 5, True), Draw(81, 6, False), Draw(80, 6, False)]
    assert same(history.trail(open_is_wrong=False), Trail.of(right, Now(75, 10)))
    wrong = [Draw(85, 5, True), Draw(81, 7, True), Draw(80, 8, False)]
    assert same(history.trail(open_is_wrong=True), Trail.of(wrong, Now(75, 12)))


def test_the_order_in_which_answers_come_is_of_no_matter() -> None:
    trail = History(100, LEFT).trail(open_is_wrong=True)
    assert same(History(100, reversed(LEFT)).trail(open_is_wrong=True), trail)


def test_an_audit_that_waits_tells_nothing_of_what_is_likely() -> None:
    trail = History(100, LEFT).answered_trail(unknown_is_wrong=False)
    assert same(trail, Trail.of([Draw(85, 5, True), Draw(80, 6, False)], Now(75, 10)))


def test_a_class_has_its_own_draws_and_pools() -> None:
    history = History(100, LEFT).of_class(1, 40)
    assert (history.examples, history.drawn, history.reviewed, history.found) == (40, 2, 7, 5)
    trail = history.trail(open_is_wrong=False)
    assert same(trail, Trail.of([Draw(34, 5, False), Draw(33, 5, False)], Now(32, 5)))


def test_pools_that_cannot_have_been_are_refused() -> None:
    with pytest.raises(ValueError, match="more, or less"):
        History(100, [Left(0, 0, RIGHT, 50), Left(1, 0, RIGHT, unreviewed=49)]).trail(
            open_is_wrong=False
        )
