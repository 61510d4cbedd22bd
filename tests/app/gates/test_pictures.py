"""Numbers held against their limits, and verdicts over time, as drawn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from app.gates.evaluate import evaluate
from app.gates.evaluation_view import rule_picture
from app.gates.facts import Facts, Inputs
from app.gates.limits import direction, limit_of, unit_of
from app.gates.pictures import Held, Past, limit_picture, mark, verdict_strip
from app.gates.policy import DetectorRecall, Fingerprint, Policy, WrongLabels
from app.gates.results import Finding, Verdict
from app.gates.words import percent, plain
from tests.app.dashboard.test_charts import parsed
from tests.app.gates.known import audited, facts, policy
from tests.app.gates.test_rules import CASES, Case, aged

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)


def held(value: float, limit: float | None, **changes: Any) -> ElementTree.Element:
    values: dict[str, Any] = {
        "told": percent(value),
        "baseline": None,
        "finding": Finding.holds,
        "less_is_better": True,
        "is_share": True,
        "in_words": percent,
    }
    return parsed(limit_picture(Held(value=value, limit=limit, **(values | changes))))


def of_class(tree: ElementTree.Element, name: str) -> dict[str, str]:
    (found,) = [each for each in tree.iter() if name in each.attrib.get("class", "").split()]
    return found.attrib


def test_what_is_allowed_ends_at_the_limit() -> None:
    tree = held(0.05, 0.1)
    limit, allowed = of_class(tree, "limit"), of_class(tree, "allowed")
    assert (float(allowed["x"]), allowed["width"]) == (0, limit["x1"])
    assert float(of_class(tree, "end")["cx"]) == pytest.approx(float(limit["x1"]) / 2)
    assert tree.attrib["aria-label"] == "5 % found, at most 10 %."


def test_where_more_is_better_it_begins_there() -> None:
    tree = held(0.4, 0.5, less_is_better=False, finding=Finding.broken)
    allowed = of_class(tree, "allowed")
    assert allowed["x"] == of_class(tree, "limit")["x1"]
    assert float(allowed["x"]) + float(allowed["width"]) == 320
    assert "at least 50 %" in tree.attrib["aria-label"]


def test_a_bound_is_an_interval_with_what_is_likeliest() -> None:
    tree = held(0.08, 0.03, other_end=0.01, likeliest=0.04, finding=Finding.unknown)
    bar, likeliest = of_class(tree, "bar"), of_class(tree, "end")
    left, width = float(bar["x"]), float(bar["width"])
    assert left < float(of_class(tree, "limit")["x1"]) < left + width
    assert left < float(likeliest["cx"]) < left + width
    assert "between 1" in tree.attrib["aria-label"]


def test_a_lower_bound_is_an_interval_that_goes_up() -> None:
    tree = held(0.7, 0.75, other_end=0.8, less_is_better=False, finding=Finding.unknown)
    bar, limit = of_class(tree, "bar"), float(of_class(tree, "limit")["x1"])
    assert float(bar["x"]) < limit < float(bar["x"]) + float(bar["width"])
    assert tree.attrib["aria-label"] == "between 70 % and 80 %, at least 75 %."


def pictured(asked: Policy, found: Facts, baseline: Facts | None = None) -> list[str | None]:
    """What the pictures of the rules say; None for a rule that has none."""
    inputs = Inputs(policy=asked, facts=found, baseline=baseline, at=AT, fingerprint="ab" * 32)
    pictures = [
        rule_picture(rule, result, inputs)
        for rule, result in zip(asked.rules, evaluate(inputs).rules, strict=True)
    ]
    return [each and parsed(each).attrib["aria-label"] for each in pictures]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_kind_of_rule_has_a_picture(case: Case) -> None:
    asked = policy(case.rule)
    (rule,) = asked.rules
    baseline = case.baseline(asked) if case.baseline else None
    for made in (case.within, case.at_limit, case.beyond):
        (told,) = pictured(asked, made(asked), baseline)
        if isinstance(rule, Fingerprint):
            assert told is None
        else:
            limit = limit_of(rule)
            assert told is not None
            assert told.endswith(
                f"at {'most' if direction(rule) > 0 else 'least'} {unit_of(rule)(limit)}."
            )
            is_bound = isinstance(rule, WrongLabels | DetectorRecall)
            assert told.startswith("between ") == is_bound
    assert pictured(asked, case.missing(asked), None) == [None]


def test_the_age_of_a_scan_has_a_picture_too() -> None:
    asked = policy({"rule": "scan_age", "at_most_days": 7})
    assert pictured(asked, aged(days=8)(asked)) == ["8 days found, at most 7 days."]


def test_an_interval_is_that_of_the_rules_own_slice() -> None:
    asked = policy(
        {"rule": "wrong_labels", "at_most": 0.05},
        {"rule": "wrong_labels", "id": "bees", "label": "bee", "key": "night/*", "at_most": 0.05},
    )
    whole, part = audited(0.01, 0.02, 0.03), audited(0.001, 0.1, 0.2, label="bee", key="night/*")
    assert pictured(asked, facts(wrong_labels=whole.wrong_labels + part.wrong_labels)) == [
        "between 1 % and 3 %, at most 5 %.",
        "between 0.1 % and 20 %, at most 5 %.",
    ]


@pytest.mark.parametrize(
    ("value", "limit", "baseline"),
    [(0, 0, None), (1, 1, 1), (0, None, 0), (500, 0, None), (1e-300, 0.5, None), (-0.3, 0.6, -1)],
)
def test_nothing_is_drawn_outside(
    value: float, limit: float | None, baseline: float | None
) -> None:
    is_share = 0 <= value <= 1
    words = percent if is_share else plain
    tree = held(value, limit, baseline=baseline, is_share=is_share, in_words=words)
    for each in tree.iter():
        for name in ("x", "x1", "x2", "cx"):
            assert -5 <= float(each.attrib.get(name, 0)) <= 325
        assert float(each.attrib.get("width", 0)) >= 0


def test_limit_and_baseline_are_named_where_both_have_room() -> None:
    tree = held(3, 100, baseline=10, is_share=False, in_words=plain, told="3")
    texts = [each.text for each in tree.iter() if each.tag.endswith("text")]
    assert texts == ["limit 100", "baseline 10", "3"]
    near = held(3, 100, baseline=99, is_share=False, in_words=plain, told="3")
    texts = [each.text for each in near.iter() if each.tag.endswith("text")]
    assert texts == ["limit 100", "3"]
    assert "baseline 99" in near.attrib["aria-label"]


def test_verdicts_stand_in_a_row_each_with_a_shape_of_its_own() -> None:
    history = [
        Past(verdict, AT + timedelta(days=day), "<b>digits 3")
        for day, verdict in enumerate([*Verdict, Verdict.fail])
    ]
    tree = parsed(verdict_strip(history))
    titles = [each.text for each in tree.iter() if each.tag.endswith("title")]
    assert titles[0] == "passed on <b>digits 3, 28 Nov 2026, 12:00:00 UTC"
    assert tree.attrib["aria-label"] == (
        "The last 5 verdicts, the latest at the right: 1 passed, 1 passed with warnings, "
        "2 failed, 1 no verdict."
    )
    shapes = {mark(each, "x") for each in ("pass", "warn", "fail", "no_verdict", "waived")}
    assert len(shapes) == 5
