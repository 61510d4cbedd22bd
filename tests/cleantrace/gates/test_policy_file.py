"""Policy files: what YAML becomes, and on which line a fault is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleantrace.client.errors import Invalid
from cleantrace.gates import PolicyFileInvalid, parse_policy, read_policy, write_policy

TEXT = """\
# What a release must meet.
name: release
time_zone: Europe/Berlin
rules:
  - rule: wrong_labels
    at_most: 0.008
  - rule: flags
    id: no-cats
    label: "no"
    at_mots: 3

  - {rule: scan_age, at_most_days: 14}
waivers:
  - rule: no-cats
    owner: ada
    reason: >
      They are
      dogs.
    until: 2026-12-31
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gate.yaml"


def read(path: Path, text: str | bytes) -> Any:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_policy(path)


def test_a_policy_is_read_as_json_values(path: Path) -> None:
    found = read(path, TEXT)
    assert found.policy["rules"][1] == {
        "rule": "flags",
        "id": "no-cats",
        "label": "no",
        "at_mots": 3,
    }
    (waiver,) = found.policy["waivers"]
    assert (waiver["until"], waiver["reason"]) == ("2026-12-31", "They are dogs.\n")
    assert found.rule_lines() == {"wrong_labels": 5, "no-cats": 7, "scan_age": 12}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("Off", "Off"),
        ("true", True),
        ("True", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("017", 17),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("1:30", "1:30"),
        ("0x1f", "0x1f"),
        ("2026-12-31", "2026-12-31"),
        ('"12"', "12"),
        ("'true'", "true"),
        ("1_000", "1_000"),
    ],
)
def test_words_mean_what_they_say(path: Path, text: str, value: Any) -> None:
    assert read(path, f"value: {text}").policy == {"value": value}


@pytest.mark.parametrize("text", ["1e999", "-1e999", "9" * 400])
def test_what_json_cannot_hold_is_left_for_the_service_to_refuse(path: Path, text: str) -> None:
    assert read(path, f"value: {text}").policy == {"value": text}


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("name: a\nname: b\n", ":2:1", "a second 'name'"),
        ("name: [a\nrules: b\n", ":2", "expected"),
        ("name: &x a\nother: *x\n", ":2:8", "aliases are not used here"),
        ("a: &a [x]\nb: &b [*a, *a]\n", ":2:8", "aliases"),
        ("- a\n- b\n", ":1", "mapping"),
        ("", ":1", "mapping"),
        ("a: 1\n---\nb: 2\n", ":2", "document"),
        ("? [a]\n: b\n", ":1:3", "a key is a word"),
        ("a: \x07\n", "", "special characters are not allowed"),
        (b"a: \xff\n", "", "UTF-8"),
        ("[" * 5000, "", ""),
        ("a: 1\n" * 300_000, "", "at most 1,000,000 bytes"),
    ],
)
def test_what_is_no_policy_says_where(path: Path, text: str | bytes, where: str, what: str) -> None:
    with pytest.raises(PolicyFileInvalid) as raised:
        read(path, text)
    assert str(raised.value).startswith(f"{path}{where}")
    assert what in str(raised.value)


def test_a_file_that_is_not_there(path: Path) -> None:
    with pytest.raises(PolicyFileInvalid, match="No such file"):
        read_policy(path)


def test_what_the_service_refuses_is_found_by_line_and_key(path: Path) -> None:
    found = read(path, TEXT)
    fields = [
        ("policy.rules.1.flags.at_mots", "Extra inputs are not permitted"),
        ("policy.waivers.0.until", "a date is written as 2026-12-31"),
        ("policy.rules.0.wrong_labels", "give a limit"),
        ("policy.time_zone", "no such time zone"),
        ("policy.rules.9.flags", "nowhere"),
        ("policy", "everything"),
    ]
    problem = {
        "status": 422,
        "errors": [{"field": field, "message": text, "remedy": None} for field, text in fields],
    }
    refused = found.refused(Invalid(422, problem))
    assert str(refused).splitlines() == [
        f"{path}:2: policy: everything.",
        f"{path}:3: time_zone: no such time zone.",
        f"{path}:4: rules.9.flags: nowhere.",
        f"{path}:5: rules.0: give a limit.",
        f"{path}:10: rules.1.at_mots: Extra inputs are not permitted.",
        f"{path}:19: waivers.0.until: a date is written as 2026-12-31.",
    ]
    other = {"status": 422, "errors": [{"field": "scan_id", "message": "unknown"}]}
    assert found.refused(Invalid(422, other)) is None


plain = st.text("aé漢🐈z019 \\:#-?!&*'\"|>%@{}[],.~/_=\u2028", max_size=12)
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**12), 10**12),
        st.floats(allow_nan=False, allow_infinity=False),
        plain,
        st.sampled_from(
            ["1e5", "no", "NULL", "~", "2026-12-31", "0x1f", "a: b", "- a", "# a", "a\nb"]
        ),
    ),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(plain, parts, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(plain, values, min_size=1, max_size=4))
def test_what_is_written_reads_as_the_same(policy: dict[str, Any]) -> None:
    found = parse_policy(write_policy(policy).encode(), Path("policy"))
    assert found.policy == policy


def test_a_policy_is_written_as_people_write_it() -> None:
    rule = {"rule": "flags", "at_most": 3, "label": "no", "key": "night/*"}
    assert write_policy({"name": "release", "rules": [rule]}) == (
        "name: release\nrules:\n  - rule: flags\n    at_most: 3\n    label: 'no'\n"
        "    key: night/*\n"
    )
