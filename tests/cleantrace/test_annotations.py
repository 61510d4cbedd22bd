"""Exports of Label Studio and Argilla, read without them. Their own packages' are in tests/app."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cleantrace.annotations import Annotation, AnnotationsUnreadable, read_annotations
from cleantrace.class_names import by_written_name, written_class


def task(key: Any, *annotations: dict[str, Any]) -> dict[str, Any]:
    return {"id": 7, "data": {"key": key, "text": "…"}, "annotations": list(annotations)}


def by(who: Any, *labels: str, **more: Any) -> dict[str, Any]:
    value = {"from_name": "label", "to_name": "input", "type": "choices"}
    result = [value | {"value": {"choices": list(labels)}}] if labels else []
    return {"completed_by": who, "result": result, "was_cancelled": False} | more


def read(entries: Any, tool: Any = "label-studio", **options: Any) -> list[Annotation]:
    return read_annotations(json.dumps(entries).encode(), tool, **options)


def test_label_studio() -> None:
    later = by({"id": 3, "email": "ada@example.com"}, "dog", updated_at="2026-02-02T00:00:00Z")
    first = by(4, "cat", updated_at="2026-01-01T00:00:00Z", lead_time=2.5)
    found = read([task("a", later, first), task(12, by(None, was_cancelled=True)), task("c")])
    assert found == [
        Annotation("a", "user 4", "relabel", "cat", None, 2.5, "2026-01-01T00:00:00Z"),
        Annotation("a", "ada@example.com", "relabel", "dog", None, None, "2026-02-02T00:00:00Z"),
        Annotation("12", "unknown", "unsure"),
    ]
    for name in ("user 4", "4"):
        named = read([task("a", first)], names={name: "Ben"})
        assert [each.annotator for each in named] == ["Ben"]


@pytest.mark.parametrize(
    ("skipped", "kinds"),
    [("unsure", ["unsure"] * 2), ("unusable", ["unusable"] * 2), ("ignore", [])],
)
def test_what_was_skipped_or_left_empty(skipped: Any, kinds: list[str]) -> None:
    entries = [task("a", by(1, "cat", was_cancelled=True), by(2))]
    assert [each.kind for each in read(entries, skipped=skipped)] == kinds


def test_label_studio_s_short_form() -> None:
    entry = {"id": 1, "key": "a", "annotator": 2, "annotation_id": 9, "lead_time": 1.0}
    entries = [
        entry | {"label": "cat"},
        entry | {"label": {"choices": ["cat"]}},
        entry | {"label": [{"number": 2}]},
        entry | {"label": 2.5},
        entry,
    ]
    found = read(entries)
    assert [(each.kind, each.label, each.value) for each in found] == [
        ("relabel", "cat", None),
        ("relabel", "cat", None),
        ("relabel", None, 2.0),
        ("relabel", None, 2.5),
        ("unsure", None, None),
    ]


def test_argilla() -> None:
    user = "5b2f6d2e-0000-0000-0000-000000000001"
    nested = {"id": "a", "responses": {"label": [{"value": "cat", "user_id": user}]}}
    flat = {
        "id": "b",
        "label.responses": ["dog", "cat", "cat"],
        "label.responses.users": [user, "u2", "u3"],
        "label.responses.status": ["submitted", "discarded", "draft"],
    }
    unanswered = {"id": "c", "label.responses": None}
    found = read([nested, flat, unanswered], "argilla", names={user: "Ada"})
    assert [(each.key, each.annotator, each.kind, each.label) for each in found] == [
        ("a", "Ada", "relabel", "cat"),
        ("b", "Ada", "relabel", "dog"),
        ("b", "u2", "unsure", None),
    ]
    lines = "\n".join(json.dumps(each) for each in (nested, flat))
    assert len(read_annotations(lines.encode(), "argilla")) == 3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"no", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[NaN]", "not JSON"),
        (b"3", "not a list"),
        (b'[{"annotations": 3, "data": {"key": "a"}}]', "entry 0: `annotations`"),
        (b'[{"annotations": [], "data": {}}]', "`data.key` is missing"),
        (b'[{"key": "a", "label": ["x", "y"]}]', "more than one label"),
        (b'[{"key": "a", "label": true}]', "true is no label"),
        (b'[{"key": "a", "lead_time": 1%s, "label": 1%s}]' % ((b"0" * 400,) * 2), "is no label"),
    ],
)
def test_what_cannot_be_read_is_told(content: bytes, says: str) -> None:
    with pytest.raises(AnnotationsUnreadable, match=says):
        read_annotations(content, "label-studio")


def test_each_fault_has_a_line_and_many_are_cut() -> None:
    entries = [task("a", by(1, "x", "y"))] * 30
    with pytest.raises(AnnotationsUnreadable) as raised:
        read(entries)
    assert len(str(raised.value).splitlines()) == 21


ODD = ["", " a", "a ", '"a"', '"', "$text", "a\nb", "\x1b[2J", "\u202ex", "a$b", "\x7f", "\ufffe"]


def test_written_classes_are_visible_and_each_stands_for_one() -> None:
    plain = ["cat", "<b>&amp;", "=1+1", "名前", "a\\b", "it's"]
    assert [written_class(name) for name in plain] == plain
    written = [written_class(name) for name in ODD]
    assert all(name.isprintable() and name.strip() == name and "$" not in name for name in written)
    assert len({*written, *plain}) == len(ODD) + len(plain)
    known = by_written_name([*plain, *ODD])
    assert [known[name] for name in [*plain, *written]] == list(range(len(plain) + len(ODD)))
    assert [known[name] for name in ODD] == [len(plain) + i for i in range(len(ODD))]
    # One that is named as another is written.
    both = [" a", written_class(" a")]
    known = by_written_name(both)
    assert [known[written_class(name)] for name in both] == [0, 1]
