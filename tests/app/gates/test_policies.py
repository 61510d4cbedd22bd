"""Ratchets, waivers, several rules in one policy, and policies that are not accepted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from pydantic import ValidationError

import cleantrace
from app.gates.evaluate import evaluate
from app.gates.facts import Inputs
from app.gates.policy import Policy, json_schema
from app.gates.results import Verdict
from cleantrace.gates import read_policy
from tests.app.gates.known import (
    AT,
    agreed,
    audited,
    counted,
    example,
    facts,
    judged,
    per_class,
    policy,
    result,
)

BROKEN = {"rule": "fingerprint", "id": "same-data"}
OTHER = "cd" * 32
UNKNOWN = {"rule": "agreement", "at_least": 0.5}
MET = {"rule": "scan_age", "at_most_days": 3}
WAIVER = {"rule": "same-data", "owner": "ada", "reason": "known", "until": "2026-11-28"}


class TestRatchet:
    def test_no_worse_than_the_baseline_is_enough(self) -> None:
        asked = policy({"rule": "unreviewed_flags", "ratchet": True})
        assert judged(asked, counted(asked, 5), counted(asked, 5)).status == "pass"
        worse = judged(asked, counted(asked, 6), counted(asked, 5))
        assert worse.status == "fail"
        assert "the baseline has 5" in worse.reason
        assert (worse.value, worse.baseline) == (6, 5)

    def test_more_is_better_where_a_share_must_be_reached(self) -> None:
        asked = policy({"rule": "agreement", "ratchet": True})
        assert judged(asked, agreed(50, 1, 0.7), agreed(50, 1, 0.6)).status == "pass"
        assert judged(asked, agreed(50, 1, 0.5), agreed(50, 1, 0.6)).status == "fail"

    def test_limit_and_baseline_both_hold(self) -> None:
        asked = policy({"rule": "flags", "at_most": 10, "ratchet": True})
        assert judged(asked, counted(asked, 10), counted(asked, 99)).status == "pass"
        assert judged(asked, counted(asked, 11), counted(asked, 99)).status == "fail"
        assert judged(asked, counted(asked, 9), counted(asked, 8)).status == "fail"

    def test_each_class_is_held_against_itself(self) -> None:
        asked = policy({"rule": "flags_per_class", "ratchet": True})
        before = per_class(asked, cat=5, dog=1)
        assert judged(asked, per_class(asked, cat=5, dog=1, new=50), before).status == "pass"
        found = judged(asked, per_class(asked, cat=4, dog=2), before)
        assert found.status == "fail"
        assert "“dog”" in found.reason
        assert "“cat”" not in found.reason

    def test_without_a_baseline_there_is_no_verdict(self) -> None:
        asked = policy({"rule": "estimated_share", "ratchet": True})
        assert "no baseline" in judged(asked, audited(0, 0, 0)).reason
        unmeasured = judged(asked, audited(0, 0, 0), facts())
        assert unmeasured.status == "no_verdict"
        assert unmeasured.reason.startswith("The baseline cannot be measured")


class TestWaiver:
    def at(self, moment: datetime, zone: str = "UTC") -> Any:
        asked = policy(BROKEN, waivers=[WAIVER], time_zone=zone)
        return result(asked, facts(), fingerprint=OTHER, at=moment)

    def test_a_waived_rule_stops_nothing_and_is_told(self) -> None:
        found = self.at(AT)
        assert found.verdict is Verdict.passed
        (rule,) = found.rules
        assert (rule.status, rule.finding) == ("waived", "broken")
        assert (rule.waiver.owner, rule.waiver.reason) == ("ada", "known")

    def test_it_holds_to_the_end_of_its_last_day(self) -> None:
        assert self.at(datetime(2026, 11, 28, 23, 59, 59, tzinfo=UTC)).verdict == "pass"
        late = self.at(datetime(2026, 11, 29, tzinfo=UTC))
        assert late.verdict == "fail"
        assert late.rules[0].waiver.expired

    def test_the_day_ends_where_the_policy_says(self) -> None:
        evening = datetime(2026, 11, 28, 23, 30, tzinfo=UTC)
        assert self.at(evening, "Europe/Berlin").verdict == "fail"
        assert self.at(evening, "America/New_York").verdict == "pass"
        # The same moment, told otherwise.
        told_in_tokyo = evening.astimezone(ZoneInfo("Asia/Tokyo"))
        assert self.at(told_in_tokyo).verdict == "pass"

    def test_the_longest_of_several_counts(self) -> None:
        waivers = [WAIVER, WAIVER | {"until": "2026-01-01", "owner": "bob"}]
        found = result(policy(BROKEN, waivers=waivers), facts(), fingerprint=OTHER)
        assert found.rules[0].waiver is not None
        assert found.rules[0].waiver.owner == "ada"

    def test_it_covers_missing_data_too(self) -> None:
        found = result(policy(BROKEN, waivers=[WAIVER]), facts())
        assert found.verdict is Verdict.passed
        assert found.rules[0].finding == "unknown"

    def test_a_rule_that_holds_needs_none(self) -> None:
        found = result(policy(BROKEN, waivers=[WAIVER]), facts(), fingerprint="ab" * 32)
        assert found.rules[0].status == "pass"


class TestVerdict:
    @pytest.mark.parametrize(
        ("rules", "verdict"),
        [
            ([MET], "pass"),
            ([MET, BROKEN | {"level": "warn"}], "warn"),
            ([MET, BROKEN | {"level": "warn"}, UNKNOWN], "no_verdict"),
            ([UNKNOWN, MET, BROKEN], "fail"),
        ],
    )
    def test_it_is_the_worst_rules(self, rules: list[dict[str, Any]], verdict: str) -> None:
        assert result(policy(*rules), facts(), fingerprint=OTHER).verdict == verdict

    def test_the_worst_examples_are_those_of_rules_that_are_not_met(self) -> None:
        asked = policy({"rule": "flags", "at_most": 1}, {"rule": "unreviewed_flags", "at_most": 9})
        first, second = (rule.question() for rule in asked.rules)
        found = counted(asked, 3, worst=(7, 3))
        met = counted(policy({"rule": "unreviewed_flags", "at_most": 9}), 1, worst=(5,))
        everything = found.model_copy(
            update={
                "flags": found.flags + met.flags,
                "examples": (example(7), example(3), example(5)),
            }
        )
        assert first != second
        worst = result(asked, everything).worst
        assert [(each.position, each.rules) for each in worst] == [(3, ["flags"]), (7, ["flags"])]


def test_the_same_inputs_give_the_same_result_after_storing() -> None:
    asked = policy({"rule": "flags_per_class", "at_most": 1}, BROKEN)
    inputs = Inputs(policy=asked, facts=per_class(asked, a=3, b=0), at=AT, fingerprint=OTHER)
    stored = json.loads(json.dumps(inputs.model_dump(mode="json")))
    assert evaluate(Inputs.model_validate(stored)) == evaluate(inputs)


RULE = {"rule": "new_flags"}


@pytest.mark.parametrize(
    ("body", "place", "message"),
    [
        ({"rules": [{"rule": "no_such"}]}, ("rules", 0), "no_such"),
        ({"rules": []}, ("rules",), "at least 1"),
        ({"rules": [{"rule": "flags"}]}, ("rules", 0, "flags"), "at_most or at_most_share or rat"),
        (
            {"rules": [{"rule": "flags", "at_most": 1, "at_most_share": 0.1}]},
            ("rules", 0, "flags"),
            "not both",
        ),
        (
            {"rules": [{"rule": "flags", "ratchet": True, "only_changed": True}]},
            ("rules", 0, "flags"),
            "whole versions",
        ),
        (
            {"rules": [{"rule": "reviewed", "of": "examples", "at_least": 1, "suspicion": 0.5}]},
            ("rules", 0, "reviewed"),
            "of: flags",
        ),
        (
            {"rules": [{"rule": "wrong_labels", "at_most": 1.5}]},
            ("rules", 0, "wrong_labels", "at_most"),
            "less than or equal to 1",
        ),
        ({"rules": [RULE | {"at_mots": 1}]}, ("rules", 0, "new_flags", "at_mots"), "not permitted"),
        ({"rules": [RULE, RULE]}, ("rules", 1, "id"), "called new_flags"),
        ({"time_zone": "Mars/Olympus"}, ("time_zone",), "no such time zone"),
        ({"time_zone": "../../etc/passwd"}, ("time_zone",), "no such time zone"),
        ({"name": "Not a name"}, ("name",), "pattern"),
        ({"format": 2}, ("format",), "1"),
        (
            {"waivers": [{"rule": "other", "owner": "a", "reason": "b", "until": "2026-01-01"}]},
            ("waivers", 0, "rule"),
            "no rule is called other",
        ),
        (
            {"waivers": [{"rule": "new_flags", "owner": "a", "reason": "b", "until": 20260101}]},
            ("waivers", 0, "until"),
            "2026-12-31",
        ),
        (
            {"waivers": [{"rule": "new_flags", "owner": "a", "reason": "b", "until": "soon"}]},
            ("waivers", 0, "until"),
            "2026-12-31",
        ),
        (
            {"waivers": [{"rule": "new_flags", "reason": "b", "until": "2026-01-01"}]},
            ("waivers", 0, "owner"),
            "required",
        ),
    ],
)
def test_what_is_wrong_with_a_policy_is_said_with_its_place(
    body: dict[str, Any], place: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        policy(*body.pop("rules", [RULE]), **body)
    (error,) = raised.value.errors()
    assert error["loc"] == place
    assert message in error["msg"]


def test_the_published_schema_is_that_of_policies() -> None:
    """To renew it: `python -m app.gates > cleantrace/gates/policy.schema.json`."""
    published = Path(cleantrace.__file__).parent / "gates" / "policy.schema.json"
    assert json.loads(published.read_text()) == json_schema()


def test_what_the_docs_show_is_a_policy_by_schema_and_by_code(tmp_path: Path) -> None:
    docs = Path(cleantrace.__file__).parents[1] / "docs" / "gates.md"
    path = tmp_path / "gate.yaml"
    path.write_text(docs.read_text().split("```yaml\n")[1].split("```")[0])
    shown = read_policy(path).policy
    validator = jsonschema.Draft202012Validator(json_schema())
    validator.check_schema(validator.schema)
    validator.validate(shown)
    assert len(Policy.model_validate(shown).rules) == 4
    assert not validator.is_valid(shown | {"rules": [RULE | {"at_mots": 1}]})
