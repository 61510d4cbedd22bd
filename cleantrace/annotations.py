"""Annotations as Label Studio and Argilla export them, read without their packages.

Each becomes one statement of one annotator about one example, which is what
`POST queues/{id}/imports` takes.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast, get_args

AnnotationTool = Literal["label-studio", "argilla"]
Skipped = Literal["unsure", "unusable", "ignore"]
TOOLS: tuple[str, ...] = get_args(AnnotationTool)
SKIPPED: tuple[str, ...] = get_args(Skipped)

_LONGEST_S = 86_400.0
_MOST_FAULTS = 20


class AnnotationsUnreadable(ValueError):
    """Not what the tool exports; the message has a line for each fault."""


@dataclass(frozen=True)
class Annotation:
    """What somebody said of an example.

    Attributes:
        kind: `relabel` for any label: one that is the given label is found to be right.
        label: a class, or a number as text.
        revision: tells what the same annotator said at another time.
    """

    key: str
    annotator: str
    kind: Literal["relabel", "unusable", "unsure"]
    label: str | None = None
    value: float | None = None
    seconds: float | None = None
    revision: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class _Fault(Exception):
    """Of one entry of the file."""


def read_annotations(
    content: bytes,
    tool: AnnotationTool,
    *,
    skipped: Skipped = "unsure",
    names: Mapping[str, str] | None = None,
) -> list[Annotation]:
    """The annotations of an export, in its order, those of one task by their time.

    Args:
        content: Label Studio's JSON or JSON-MIN; Argilla's records as JSON, or flattened as JSON
            or JSON Lines.
        skipped: what it means that somebody skipped a task, or discarded a record.
        names: of annotators, by the ids or e-mail addresses that the file has for them.
    Raises:
        AnnotationsUnreadable
    """
    read = _of_task if tool == "label-studio" else _of_record
    found: list[Annotation] = []
    faults: list[str] = []
    for number, entry in enumerate(_entries(content)):
        try:
            for said in read(entry):
                annotation = _annotation(said, skipped, names or {})
                if annotation is not None:
                    found.append(annotation)
        except _Fault as fault:
            faults.append(f"entry {number}: {fault}")
    if faults:
        more = len(faults) - _MOST_FAULTS
        shown = [*faults[:_MOST_FAULTS], *([f"and {more:,} more"] if more > 0 else [])]
        raise AnnotationsUnreadable("\n".join(shown))
    return found


def _entries(content: bytes) -> list[dict[str, Any]]:
    try:
        text = content.decode("utf-8-sig")
        try:
            read = json.loads(text, parse_constant=_no_constant)
        except json.JSONDecodeError:
            # JSON Lines, unless it is nothing at all.
            lines = [line for line in text.split("\n") if line.strip()]
            read = [json.loads(line, parse_constant=_no_constant) for line in lines]
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise AnnotationsUnreadable(f"The file is not JSON: {error}") from error
    entries = read if isinstance(read, list) else [read]
    if not all(isinstance(entry, dict) for entry in entries):
        raise AnnotationsUnreadable("The file is not a list of tasks or records.")
    return cast("list[dict[str, Any]]", entries)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


@dataclass(frozen=True)
class _Said:
    """`label` None: skipped."""

    key: str
    annotator: str
    label: str | float | None
    seconds: float | None = None
    revision: str | None = None


def _annotation(said: _Said, skipped: Skipped, names: Mapping[str, str]) -> Annotation | None:
    shared: dict[str, Any] = {
        "key": said.key,
        "annotator": _named(said.annotator, names),
        "seconds": said.seconds,
        "revision": said.revision,
    }
    match said.label:
        case None:
            return None if skipped == "ignore" else Annotation(kind=skipped, **shared)
        case str(label):
            return Annotation(kind="relabel", label=label, **shared)
        case number:
            return Annotation(kind="relabel", value=number, **shared)


def _named(annotator: str, names: Mapping[str, str]) -> str:
    # Whoever gives names knows the number alone.
    return names.get(annotator) or names.get(annotator.removeprefix("user "), annotator)


def _of_task(task: dict[str, Any]) -> Iterator[_Said]:
    """Of Label Studio: its JSON has the annotations in a task, JSON-MIN one in each entry."""
    if "annotations" not in task:
        yield _of_flat_task(task)
        return
    key = _key(_mapping(task.get("data"), "data").get("key"), "`data.key`")
    made = _listed(task["annotations"], "annotations")
    for each in sorted((_mapping(each, "annotations") for each in made), key=_revision):
        result = [] if each.get("was_cancelled") else _listed(each.get("result"), "result")
        yield _Said(
            key=key,
            annotator=_who(each.get("completed_by")),
            label=_label_of(result),
            seconds=_seconds(each.get("lead_time")),
            revision=_revision(each) or None,
        )


def _of_flat_task(task: dict[str, Any]) -> _Said:
    value = task.get("label")
    if isinstance(value, list):
        value = _only(value)
    if isinstance(value, dict):
        value = _value_of(value)
    return _Said(
        key=_key(task.get("key"), "`key`"),
        annotator=_who(task.get("annotator")),
        label=_text_or_number(value),
        seconds=_seconds(task.get("lead_time")),
        revision=_revision(task) or None,
    )


def _revision(each: Mapping[str, Any]) -> str:
    return str(each.get("updated_at") or each.get("created_at") or "")[:100]


def _label_of(result: Sequence[Any]) -> str | float | None:
    """A result without any label is as good as a skip."""
    regions = [_mapping(each, "result") for each in result]
    regions = [each for each in regions if each.get("type") in ("choices", "number")]
    own = [each for each in regions if each.get("from_name") == "label"] or regions
    return _only([_value_of(_mapping(each.get("value"), "value")) for each in own])


def _value_of(value: Mapping[str, Any]) -> str | float | None:
    if "choices" in value:
        return _text_or_number(_only(_listed(value["choices"], "choices")))
    return _text_or_number(value.get("number"))


def _only(values: Sequence[Any]) -> Any:
    if len(values) > 1:
        raise _Fault("it has more than one label, and an example has one")
    return values[0] if values else None


def _who(who: Any) -> str:
    if isinstance(who, Mapping):
        who = who.get("email") or who.get("username") or who.get("id")
    if who is None or isinstance(who, bool | float | list | dict):
        return "unknown"
    return f"user {who}" if isinstance(who, int) else str(who)


def _of_record(record: dict[str, Any]) -> Iterator[_Said]:
    """Of Argilla: responses below their question, or flattened. Drafts are no answers."""
    key = _key(record.get("id"), "`id`")
    for each in _responses(record):
        status = each.get("status") or "submitted"
        if status != "draft":
            label = None if status == "discarded" else _text_or_number(each.get("value"))
            yield _Said(key, _who(each.get("user_id")), label)


def _responses(record: dict[str, Any]) -> list[Mapping[str, Any]]:
    if isinstance(record.get("responses"), Mapping):
        by_question = record["responses"]
        chosen = by_question.get("label")
        if chosen is None and by_question:
            chosen = _only(list(by_question.values()))
        return [_mapping(each, "responses") for each in _listed(chosen, "responses")]
    flat = [name for name in record if name.endswith(".responses")]
    name = "label.responses" if "label.responses" in flat else _only(flat)
    if name is None:
        return []
    columns = (name, f"{name}.users", f"{name}.status")
    values, users, statuses = (_listed(record.get(each), each) for each in columns)
    statuses = statuses or [None] * len(values)
    if not len(values) == len(users) == len(statuses):
        raise _Fault(f"`{name}` and its users differ in number")
    return [
        {"value": value, "user_id": user, "status": status}
        for value, user, status in zip(values, users, statuses, strict=True)
    ]


def _key(key: Any, place: str) -> str:
    """Argilla and people's own files may have made a number of a key that looks like one."""
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    if not isinstance(key, str) or not key:
        raise _Fault(f"{place} is missing: it says which example this is about")
    return key


def _text_or_number(value: Any) -> str | float | None:
    if value is None or (isinstance(value, str) and value):
        return value
    number = _finite(value)
    if number is not None:
        return number
    raise _Fault(f"{json.dumps(value)[:60]} is no label")


def _seconds(value: Any) -> float | None:
    number = _finite(value)
    return None if number is None or number < 0 else min(number, _LONGEST_S)


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # JSON knows no largest number
        return None
    return number if math.isfinite(number) else None


def _listed(value: Any, name: str) -> list[Any]:
    return _as(list, value if value is not None else [], name)


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", _as(dict, value, name))


def _as(kind: Callable[..., Any], value: Any, name: str) -> Any:
    if not isinstance(value, cast("type", kind)):
        raise _Fault(f"`{name}` is not as the tool writes it")
    return value
