"""Rules as sentences: each kind, with a limit, a baseline, or both."""

from __future__ import annotations

from typing import Any

import pytest

from app.gates.policy import Rule
from app.gates.sentences import sentence
from tests.app.gates.known import policy


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            {"rule": "wrong_labels", "at_most": 0.01, "of": "before"},
            "At most 1 % of the labels are wrong before corrections, with 95 % confidence.",
        ),
        (
            {"rule": "estimated_share", "at_most": 0.01, "ratchet": True},
            ("At most 1 % of the labels are most likely wrong after corrections, and no more "
             "than in the baseline."),
        ),
        ({"rule": "new_flags"}, "No flags that the baseline has not."),
        ({"rule": "new_flags", "at_most": 1}, "At most 1 flag that the baseline has not."),
        (
            {"rule": "unreviewed_flags", "at_most": 2, "label": "{} cat", "key": "night/*",
             "suspicion": 0.99, "only_changed": True},
            ("At most 2 flags in class “{} cat” with a key like “night/*” at least 0.99 suspicious "
             "among what has changed that nobody has reviewed."),
        ),
        (
            {"rule": "unreviewed_flags", "ratchet": True},
            "No more flags that nobody has reviewed, compared with the baseline.",
        ),
        ({"rule": "found_wrong"}, "No labels that people found wrong are still in the data."),
        ({"rule": "flags", "at_most": 1000}, "At most 1,000 flags."),
        ({"rule": "flags", "at_most_share": 0}, "At most 0 % of the examples are flagged."),
        ({"rule": "flags_per_class", "at_most": 3}, "At most 3 flags in each class."),
        (
            {"rule": "flags_per_class", "at_most_share": 0.2},
            "At most 20 % of the examples of each class are flagged.",
        ),
        ({"rule": "reviewed", "at_least": 0.9}, "At least 90 % of the flags are reviewed."),
        (
            {"rule": "reviewed", "of": "examples", "ratchet": True},
            "No less of all examples are reviewed, compared with the baseline.",
        ),
        (
            {"rule": "agreement", "at_least": 0.6},
            "Krippendorff's alpha is at least 0.6, over 20 items or more.",
        ),
        (
            {"rule": "agreement", "at_least": 0.6, "measure": "share"},
            ("People agree on at least 60 % of the items that several decided, over 20 items or "
             "more."),
        ),
        (
            {"rule": "detector_recall", "at_least": 0.8},
            ("At least 80 % of the errors planted in memory would be flagged, with 95 % "
             "confidence."),
        ),
        ({"rule": "scan_age", "at_most_days": 0.5}, "The scan is at most 12 hours old."),
        ({"rule": "scan_age", "at_most_days": 1}, "The scan is at most 1 day old."),
        ({"rule": "fingerprint"}, "The data in the repository are those that are registered."),
        (
            {"rule": "class_drift", "at_most": 0.05},
            "The classes' shares have moved by at most 5 % since the baseline.",
        ),
    ],
)  # fmt: skip
def test_what_a_rule_asks_for(rule: dict[str, Any], words: str) -> None:
    assert sentence(policy(rule).rules[0]) == words


def test_every_kind_has_a_sentence() -> None:
    kinds = {each.model_fields["rule"].annotation.__args__[0] for each in Rule.__subclasses__()}
    for kind in kinds:
        fields = next(
            each.model_fields
            for each in Rule.__subclasses__()
            if each.model_fields["rule"].annotation.__args__[0] == kind
        )
        limits = [name for name in fields if name.startswith(("at_most", "at_least"))]
        slices = {
            name: value
            for name, value in (("label", "a {} cat"), ("key", "night/*"))
            if name in fields
        }
        for limit in limits or [None]:
            rule = {"rule": kind} | ({} if limit is None else {limit: 1})
            told = sentence(policy(rule).rules[0])
            assert told.endswith(".")
            assert "“" not in told
            for name, value in slices.items():
                part = sentence(policy(rule | {name: value}).rules[0])
                assert f"“{value}”" in part
            both = sentence(policy(rule | slices).rules[0])
            assert all(f"“{value}”" in both for value in slices.values())
            assert both.count("{}") == ("label" in slices)
