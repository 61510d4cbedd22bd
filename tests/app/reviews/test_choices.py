"""Which labels one key chooses."""

from __future__ import annotations

from app.reviews.choices import MOST, likely_first

ANIMALS = ["ant", "bee", "cat", "dog", "eel"]


def test_the_most_likely_comes_first_then_what_is_often_meant_then_the_rest() -> None:
    chosen = likely_first(
        ANIMALS,
        "cat",
        suggested="dog",
        shares={"cat": 0.1, "dog": 0.7},
        often=["dog", "eel", "bee"],
    )
    assert [each.label for each in chosen] == ["dog", "cat", "eel", "bee", "ant"]
    assert [each.share for each in chosen] == [0.7, 0.1, None, None, None]
    assert [each.is_suggested for each in chosen] == [True, False, False, False, False]
    assert [each.is_given for each in chosen] == [False, True, False, False, False]


def test_the_given_label_may_be_the_more_likely_one() -> None:
    shares = {"cat": 0.6, "dog": 0.3}
    chosen = likely_first(ANIMALS, "cat", suggested="dog", shares=shares, often=[])
    assert [each.label for each in chosen[:2]] == ["cat", "dog"]


def test_without_a_suggestion_the_order_tells_nothing() -> None:
    chosen = likely_first(ANIMALS, "dog", suggested=None, shares={"bee": 0.9}, often=["bee", "eel"])
    assert [each.label for each in chosen] == ANIMALS
    assert not any(each.share or each.is_suggested for each in chosen)


def test_there_are_as_many_as_there_are_digits() -> None:
    many = [f"class {number}" for number in range(1000)]
    chosen = likely_first(many, "class 77", suggested="class 500", shares={}, often=[])
    assert len(chosen) == MOST
    assert {"class 77", "class 500"} <= {each.label for each in chosen}
