"""Every kind of rule: met, not met, exactly at its limit, as a warning, and without data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from app.gates.facts import Facts, ScanFacts
from app.gates.policy import Policy, Rule
from app.gates.results import Verdict
from tests.app.gates.known import (
    AT,
    agreed,
    audited,
    counted,
    dataset,
    decided,
    facts,
    judged,
    per_class,
    planted,
    policy,
    result,
)


class Case(NamedTuple):
    """A rule, and facts by what they come to; `data` of the evaluation beside them."""

    rule: dict[str, Any]
    within: Callable[[Policy], Facts]
    at_limit: Callable[[Policy], Facts]
    beyond: Callable[[Policy], Facts]
    missing: Callable[[Policy], Facts]
    why_missing: str
    baseline: Callable[[Policy], Facts] | None = None


def aged(**age: float) -> Callable[[Policy], Facts]:
    def made(_asked: Policy) -> Facts:
        scan = facts().scan
        assert scan is not None
        return facts(scan=ScanFacts(id=scan.id, finished_at=AT - timedelta(**age)))

    return made


def spread(zeros: int, ones: int) -> Callable[[Policy], Facts]:
    return lambda _: facts(
        dataset=dataset(examples=zeros + ones, class_counts={"0": zeros, "1": ones})
    )


def fingerprint(value: str | None) -> Callable[[Policy], Facts]:
    return lambda _: facts(dataset=dataset(fingerprint=value))


def no_scan(_asked: Policy) -> Facts:
    return facts(scan=None, no_scan_because="The scan has failed.")


CASES = {
    "wrong_labels": Case(
        {"rule": "wrong_labels", "at_most": 0.008},
        lambda _: audited(0.001, 0.004, 0.0079),
        lambda _: audited(0.001, 0.004, 0.008),
        lambda _: audited(0.0081, 0.01, 0.02),
        lambda _: facts(),
        "Nothing was audited",
    ),
    "wrong_labels before": Case(
        {"rule": "wrong_labels", "at_most": 0.02, "of": "before"},
        lambda _: audited(0.001, 0.004, 0.009),
        lambda _: audited(0.001, 0.004, 0.01),
        lambda _: audited(0.011, 0.012, 0.02),
        lambda _: audited(0, 0, 0, confidence=0.99),
        "Nothing was audited",
    ),
    "wrong_labels of a class": Case(
        {"rule": "wrong_labels", "label": "1", "at_most": 0.008},
        lambda _: audited(0.001, 0.004, 0.0079, label="1"),
        lambda _: audited(0.001, 0.004, 0.008, label="1"),
        lambda _: audited(0.0081, 0.01, 0.02, label="1"),
        lambda _: audited(0, 0, 0.001),  # of the whole
        "No audit fell on the examples in class “1”",
    ),
    "wrong_labels of a class that is none": Case(
        {"rule": "wrong_labels", "label": "1", "key": "night/*", "at_most": 0.008},
        lambda _: audited(0.001, 0.004, 0.0079, label="1", key="night/*"),
        lambda _: audited(0.001, 0.004, 0.008, label="1", key="night/*"),
        lambda _: audited(0.0081, 0.01, 0.02, label="1", key="night/*"),
        lambda _: audited(0, 0, 1, label="1", key="night/*", missing="The dataset has no class."),
        "The dataset has no class.",
    ),
    "estimated_share of a slice": Case(
        {"rule": "estimated_share", "key": "night/*", "at_most": 0.01},
        lambda _: audited(0, 0.009, 0.1, key="night/*"),
        lambda _: audited(0, 0.01, 0.1, key="night/*"),
        lambda _: audited(0, 0.0101, 0.1, key="night/*"),
        lambda _: audited(0, 0, 1, key="night/*", audits=0),
        "No audit fell on the examples with a key like “night/*”",
    ),
    "estimated_share": Case(
        {"rule": "estimated_share", "at_most": 0.01},
        lambda _: audited(0, 0.009, 0.1),
        lambda _: audited(0, 0.01, 0.1),
        lambda _: audited(0, 0.0101, 0.1),
        lambda _: audited(0, 0, 1, audits=0),
        "Nothing was audited",
    ),
    "new_flags": Case(
        {"rule": "new_flags", "at_most": 2},
        lambda asked: counted(asked, 1),
        lambda asked: counted(asked, 2),
        lambda asked: counted(asked, 3),
        no_scan,
        "The scan has failed.",
        lambda _: facts(),
    ),
    "new_flags without baseline": Case(
        {"rule": "new_flags"},
        lambda asked: counted(asked, 0),
        lambda asked: counted(asked, 0),
        lambda asked: counted(asked, 1),
        lambda _: facts(),
        "no baseline",
    ),
    "unreviewed_flags": Case(
        {"rule": "unreviewed_flags", "suspicion": 0.95, "at_most": 10},
        lambda asked: counted(asked, 0),
        lambda asked: counted(asked, 10),
        lambda asked: counted(asked, 11),
        no_scan,
        "The scan has failed.",
    ),
    "found_wrong": Case(
        {"rule": "found_wrong", "at_most": 2},
        lambda _: facts(found_wrong=1),
        lambda _: facts(found_wrong=2),
        lambda _: facts(found_wrong=3),
        no_scan,
        "The scan has failed.",
    ),
    "found_wrong of a slice": Case(
        {"rule": "found_wrong", "label": "1", "key": "night/*", "at_most": 2},
        lambda _: decided(label="1", key="night/*", examples=9, found_wrong=1),
        lambda _: decided(label="1", key="night/*", examples=9, found_wrong=2),
        lambda _: decided(label="1", key="night/*", examples=9, found_wrong=3),
        lambda _: decided(label="1", key="night/*"),
        "no such examples",
    ),
    "found_wrong of a class that is none": Case(
        {"rule": "found_wrong", "label": "1"},
        lambda _: decided(label="1", examples=9),
        lambda _: decided(label="1", examples=9),
        lambda _: decided(label="1", examples=9, found_wrong=1),
        lambda _: decided(label="1", missing="The dataset has no class “1”."),
        "no class “1”",
    ),
    "detector_recall": Case(
        {"rule": "detector_recall", "at_least": 0.8},
        lambda _: planted(0.81, 0.9),
        lambda _: planted(0.8, 0.9),
        lambda _: planted(0.6, 0.79),
        lambda _: facts(),
        "planted no errors",
    ),
    "detector_recall without a scan": Case(
        {"rule": "detector_recall", "at_least": 1},
        lambda _: planted(1, 1),
        lambda _: planted(1, 1),
        lambda _: planted(0.9, 0.99),
        no_scan,
        "The scan has failed.",
    ),
    "flags of a class": Case(
        {"rule": "flags", "label": "1", "at_most_share": 0.05},
        lambda asked: counted(asked, 49),
        lambda asked: counted(asked, 50),
        lambda asked: counted(asked, 51),
        lambda asked: counted(asked, missing="The dataset has no class “1”."),
        "no class “1”",
    ),
    "flags of a slice": Case(
        {"rule": "flags", "key": "night/*", "at_most": 4},
        lambda asked: counted(asked, 3),
        lambda asked: counted(asked, 4),
        lambda asked: counted(asked, 5),
        no_scan,
        "The scan has failed.",
    ),
    "flags of an empty slice": Case(
        {"rule": "flags", "key": "night/*", "at_most_share": 0.1},
        lambda asked: counted(asked, 0, examples=1),
        lambda asked: counted(asked, 1, examples=10),
        lambda asked: counted(asked, 2, examples=10),
        lambda asked: counted(asked, 0, examples=0),
        "no such examples",
    ),
    "flags_per_class": Case(
        {"rule": "flags_per_class", "at_most_share": 0.1},
        lambda asked: per_class(asked, cat=9, dog=0),
        lambda asked: per_class(asked, cat=10, dog=0),
        lambda asked: per_class(asked, cat=0, dog=11),
        lambda asked: counted(asked, 3),
        "no classes",
    ),
    "reviewed": Case(
        {"rule": "reviewed", "at_least": 0.9},
        lambda asked: counted(asked, 10, reviewed=10),
        lambda asked: counted(asked, 10, reviewed=9),
        lambda asked: counted(asked, 10, reviewed=8),
        no_scan,
        "The scan has failed.",
    ),
    "reviewed examples": Case(
        {"rule": "reviewed", "of": "examples", "at_least": 0.25},
        lambda _: facts(reviewed_examples=251),
        lambda _: facts(reviewed_examples=250),
        lambda _: facts(reviewed_examples=249),
        lambda _: facts(dataset=dataset(examples=0)),
        "no examples",
    ),
    "reviewed examples of a slice": Case(
        {"rule": "reviewed", "of": "examples", "key": "night/*", "at_least": 0.25},
        lambda _: decided(key="night/*", examples=100, reviewed=26),
        lambda _: decided(key="night/*", examples=100, reviewed=25),
        lambda _: decided(key="night/*", examples=100, reviewed=24),
        lambda _: decided(key="night/*", examples=0),
        "no such examples",
    ),
    "agreement": Case(
        {"rule": "agreement", "at_least": 0.8},
        lambda _: agreed(40, 0.9, 0.81),
        lambda _: agreed(40, 0.9, 0.8),
        lambda _: agreed(40, 0.9, 0.79),
        lambda _: facts(),
        "No item was decided by two",
    ),
    "agreement, too few items": Case(
        {"rule": "agreement", "at_least": 0.8, "measure": "share", "min_items": 10},
        lambda _: agreed(10, 0.9, None),
        lambda _: agreed(10, 0.8, None),
        lambda _: agreed(10, 0.7, None),
        lambda _: agreed(9, 1, 1),
        "only 9 items; 10 are asked for",
    ),
    "fingerprint": Case(
        {"rule": "fingerprint"},
        fingerprint("ab" * 32),
        fingerprint("AB" * 32),
        fingerprint("cd" * 32),
        fingerprint(None),
        "no fingerprint yet",
    ),
    "class_drift": Case(
        {"rule": "class_drift", "at_most": 0.25},
        spread(600, 400),
        spread(750, 250),
        spread(751, 249),
        lambda _: facts(dataset=dataset(class_counts=None)),
        "no classes",
        lambda _: facts(),
    ),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def verdict(
    case: Case, made: Callable[[Policy], Facts], level: str = "fail"
) -> tuple[str, str, str | None]:
    asked = policy(case.rule | {"level": level})
    baseline = case.baseline(asked) if case.baseline else None
    found = result(asked, made(asked), baseline, fingerprint="ab" * 32)
    (rule,) = found.rules
    return found.verdict.value, rule.reason, rule.remedy


def test_every_kind_of_rule_is_among_the_cases() -> None:
    kinds = {each.model_fields["rule"].annotation.__args__[0] for each in Rule.__subclasses__()}
    assert kinds == {case.rule["rule"] for case in CASES.values()} | {"scan_age"}


@every_case
def test_within_its_limit_a_rule_passes(case: Case) -> None:
    assert verdict(case, case.within)[0] == "pass"


@every_case
def test_exactly_at_its_limit_a_rule_passes(case: Case) -> None:
    assert verdict(case, case.at_limit)[0] == "pass"


@every_case
def test_beyond_its_limit_a_rule_fails_and_says_what_to_do(case: Case) -> None:
    outcome, reason, remedy = verdict(case, case.beyond)
    assert outcome == "fail"
    assert "asked for" in reason or "must be the same" in reason
    assert remedy


@every_case
def test_a_warning_stops_nothing(case: Case) -> None:
    assert verdict(case, case.beyond, "warn")[0] == "warn"
    assert verdict(case, case.missing, "warn")[0] == "warn"


@every_case
def test_without_data_there_is_no_verdict(case: Case) -> None:
    outcome, reason, remedy = verdict(case, case.missing)
    assert outcome == "no_verdict"
    assert case.why_missing in reason
    assert remedy


def test_a_scan_that_is_too_old_gives_no_verdict() -> None:
    asked = policy({"rule": "scan_age", "at_most_days": 7})
    assert result(asked, aged(days=6)(asked)).verdict is Verdict.passed
    assert result(asked, aged(days=7)(asked)).verdict is Verdict.passed
    stale = result(asked, aged(days=7, seconds=1)(asked))
    assert stale.verdict is Verdict.no_verdict
    assert "stale" in (stale.rules[0].remedy or "")
    assert result(asked, no_scan(asked)).verdict is Verdict.no_verdict
    lenient = policy({"rule": "scan_age", "at_most_days": 7, "level": "warn"})
    assert result(lenient, aged(days=8)(asked)).verdict is Verdict.warn


def test_an_audit_too_small_to_tell_gives_no_verdict() -> None:
    asked = policy({"rule": "wrong_labels", "at_most": 0.008})
    found = judged(asked, audited(0.001, 0.004, 0.02))
    assert found.status == "no_verdict"
    assert "may be no more than 0.1 %" in found.reason
    assert "About 120 more verdicts" in (found.remedy or "")


def test_too_few_planted_errors_give_no_verdict() -> None:
    asked = policy({"rule": "detector_recall", "at_least": 0.8})
    found = judged(asked, planted(0.7, 0.8))
    assert found.status == "no_verdict"
    assert "At least 70 % of 200 errors" in found.reason
    assert "may be as much as 80 %" in found.reason
    assert "more canaries" in (found.remedy or "")


def test_a_lower_bound_is_not_rounded_up() -> None:
    asked = policy({"rule": "detector_recall", "at_least": 0.8})
    found = judged(asked, planted(0.79996, 0.9))
    assert found.status == "no_verdict"
    assert found.measured == "79.9 %"


def test_a_limit_is_told_as_it_was_asked_for() -> None:
    """And not rounded up, as a bound is."""
    asked = policy({"rule": "wrong_labels", "at_most": 0.1234})
    assert "at most 12.34 % is asked for" in judged(asked, audited(0.13, 0.15, 0.2)).reason
    small = policy({"rule": "wrong_labels", "at_most": 0.00125})
    assert "at most 0.125 % is asked for" in judged(small, audited(0.002, 0.002, 0.003)).reason


def test_the_confidence_asked_for_is_the_one_looked_at() -> None:
    asked = policy({"rule": "wrong_labels", "at_most": 0.01, "confidence": 0.99})
    assert judged(asked, audited(0, 0, 0.005)).status == "no_verdict"
    assert judged(asked, audited(0, 0, 0.005, confidence=0.99)).status == "pass"


def test_no_fingerprint_of_the_repository_gives_no_verdict() -> None:
    assert judged(policy({"rule": "fingerprint"}), facts()).status == "no_verdict"


def test_nothing_to_review_is_reviewed_in_full() -> None:
    asked = policy({"rule": "reviewed", "at_least": 1})
    assert judged(asked, counted(asked, 0)).status == "pass"


def test_classes_that_appear_or_go_are_drift() -> None:
    asked = policy({"rule": "class_drift", "at_most": 0.0})
    new = facts(dataset=dataset(class_counts={"0": 500, "1": 500, "2": 500}))
    found = judged(asked, new, facts())
    assert found.status == "fail"
    assert "“2”, from 0 % to 33.33 %" in found.reason
    assert judged(asked, facts(), new).status == "fail"


def test_every_class_beyond_the_limit_is_named_the_worst_first() -> None:
    asked = policy({"rule": "flags_per_class", "at_most": 1})
    found = judged(asked, per_class(asked, **{"a{}": 2, "b": 9, "c": 0}))
    assert found.value == 9
    assert found.reason.index("“b”") < found.reason.index("“a{}”")
    assert "“c”" not in found.reason
    many = judged(asked, per_class(asked, **{f"c{number}": 5 for number in range(9)}))
    assert "And 4 more." in many.reason


def test_a_number_just_beyond_its_limit_does_not_look_like_it() -> None:
    asked = policy({"rule": "flags", "at_most_share": 0.1})
    found = judged(asked, counted(asked, 100_001, examples=1_000_000))
    assert found.reason.startswith("10.0001 % of 1,000,000 examples are flagged; at most 10 % ")
