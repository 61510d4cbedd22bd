"""The form of a new queue: what was typed, as it was typed, and the request that it means."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Form
from pydantic import ValidationError

from app.errors import ProblemError
from app.reviews.queue_schemas import QueueIn

_LONGEST_KEYS = 1_000_000
_LONGEST_REGION = 500_000
_Text = Annotated[str, Form(max_length=2000)]
_Ticked = Annotated[list[str], Form()]


@dataclass(frozen=True)
class QueueForm:
    """The form's fields, all as text.

    policy: flagged, top_k, suspicion, class, each_class, keys or region; each has its own fields.
    suspicion: in percent. minutes: how long an item stays in hand. keys: one a line. region: what
    was selected in the scatter, as JSON.
    """

    scan: str = ""
    name: str = ""
    policy: str = "flagged"
    top_k: str = "100"
    suspicion: str = "95"
    given: str = ""
    suggested: str = ""
    flagged_only: bool = True
    of_class: str = "10"
    keys: str = ""
    region: str = ""
    order_by: str = "suspicion"
    overlap: str = "1"
    minutes: str = "10"
    tolerance: str = "0"
    show_suggestion: bool = True
    audits: str = "0"
    canaries: str = "0"
    who: str = "all"
    reviewers: tuple[str, ...] = ()
    adjudicators: tuple[str, ...] = ()
    reviewer_groups: tuple[str, ...] = ()
    adjudicator_groups: tuple[str, ...] = ()


def _typed(
    scan: _Text = "",
    name: _Text = "",
    policy: _Text = "flagged",
    top_k: _Text = "",
    suspicion: _Text = "",
    given: _Text = "",
    suggested: _Text = "",
    flagged_only: _Text = "",
    of_class: _Text = "",
    keys: Annotated[str, Form(max_length=_LONGEST_KEYS)] = "",
    region: Annotated[str, Form(max_length=_LONGEST_REGION)] = "",
    order_by: _Text = "suspicion",
    overlap: _Text = "1",
    minutes: _Text = "10",
    tolerance: _Text = "0",
    show_suggestion: _Text = "",
    audits: _Text = "0",
    canaries: _Text = "0",
    who: _Text = "all",
    reviewers: _Ticked = [],  # noqa: B006 - FastAPI copies it
    adjudicators: _Ticked = [],  # noqa: B006
    reviewer_groups: _Ticked = [],  # noqa: B006
    adjudicator_groups: _Ticked = [],  # noqa: B006
) -> QueueForm:
    return QueueForm(
        scan=scan,
        name=name,
        policy=policy,
        top_k=top_k,
        suspicion=suspicion,
        given=given,
        suggested=suggested,
        flagged_only=bool(flagged_only),
        of_class=of_class,
        keys=keys,
        region=region,
        order_by=order_by,
        overlap=overlap,
        minutes=minutes,
        tolerance=tolerance,
        show_suggestion=bool(show_suggestion),
        audits=audits,
        canaries=canaries,
        who=who,
        reviewers=tuple(reviewers),
        adjudicators=tuple(adjudicators),
        reviewer_groups=tuple(reviewer_groups),
        adjudicator_groups=tuple(adjudicator_groups),
    )


TypedQueue = Annotated[QueueForm, Depends(_typed)]


class FieldProblem(NamedTuple):
    """What is wrong with a field, and what to do."""

    message: str
    remedy: str | None = None


NOBODY_TICKED = FieldProblem(
    "Nobody is ticked.", "Tick those who are to review, or let every reviewer."
)
Problems = dict[str, FieldProblem]
"""By the member of the request that they are about; an empty text: about none."""

FIELDS = (
    "name", "policy", "order_by", "overlap", "claim_ttl_s", "tolerance", "audits", "canaries",
    "reviewers", "adjudicators", "reviewer_groups", "adjudicator_groups",
)  # fmt: skip


class FormInvalid(Exception):
    """What was typed means no request."""

    def __init__(self, problems: Problems) -> None:
        super().__init__(str(problems))
        self.problems = problems


def request_of_form(form: QueueForm) -> QueueIn:
    """Raises FormInvalid."""
    problems: Problems = {}

    def read(name: str, value: Any) -> Any:
        if isinstance(value, FieldProblem):
            problems[name] = value
        return value

    is_chosen = form.who != "all"
    if is_chosen and not (form.reviewers or form.reviewer_groups):
        problems["reviewers"] = NOBODY_TICKED

    minutes = number_of(form.minutes)
    if not 0 < minutes <= 1440:
        problems["claim_ttl_s"] = FieldProblem(
            "How long an item stays in hand is not a number of minutes.",
            "Give one up to 1440, which is a day.",
        )
    if not form.name.strip():
        problems["name"] = FieldProblem("The queue has no name.", "Say what people will review.")
    body = {
        "name": form.name,
        "scan_id": form.scan,
        "policy": read("policy", _policy(form)),
        "order_by": form.order_by,
        "overlap": read("overlap", _overlap(form)),
        "claim_ttl_s": 600 if "claim_ttl_s" in problems else max(10, round(60 * minutes)),
        "tolerance": read("tolerance", _tolerance(form)),
        "show_suggestion": form.show_suggestion,
        "audits": read("audits", mixed_in(form.audits, "audits")),
        "canaries": read("canaries", mixed_in(form.canaries, "canaries")),
        "reviewers": form.reviewers if is_chosen else (),
        "adjudicators": form.adjudicators,
        "reviewer_groups": form.reviewer_groups if is_chosen else (),
        "adjudicator_groups": form.adjudicator_groups,
    }
    if problems:
        raise FormInvalid(problems)
    try:
        return QueueIn.model_validate(body)
    except ValidationError as error:
        raise FormInvalid(
            {
                _field(str(each["loc"][0])): FieldProblem(each["msg"] + ".")
                for each in error.errors()
            }
        ) from error


def _policy(form: QueueForm) -> dict[str, Any] | FieldProblem:
    match form.policy:
        case "flagged":
            return {"kind": "flagged"}
        case "top_k":
            return _first(form.top_k, "top_k")
        case "each_class":
            return _first(form.of_class, "each_class")
        case "suspicion":
            share = number_of(form.suspicion.rstrip(" %"))
            if not 0 <= share <= 100:
                return FieldProblem(
                    "The least suspicion is not a percentage.",
                    "Give a number up to 100, such as 95.",
                )
            return {"kind": "suspicion", "at_least": share / 100}
        case "class":
            return _classes(form)
        case "region":
            return _region(form)
        case _:
            keys = [line.strip() for line in form.keys.splitlines() if line.strip()]
            if not keys:
                return FieldProblem("No key is given.", "Paste the examples' keys, one a line.")
            return {"kind": "keys", "keys": keys}


def _first(text: str, kind: str) -> dict[str, Any] | FieldProblem:
    count = count_of(text)
    if count is None:
        return FieldProblem(
            "How many to review is not a whole number.", "Give one from 1 on, such as 100."
        )
    return {"kind": kind, "k": count}


def _classes(form: QueueForm) -> dict[str, Any] | FieldProblem:
    if not form.given:
        return FieldProblem("No class is chosen.", "Choose the class that was given.")
    if form.flagged_only:
        chosen: dict[str, Any] = {"kind": "filter", "given": [form.given], "flagged": True}
        return chosen | ({"suggested": [form.suggested]} if form.suggested else {})
    return {"kind": "class", "given": form.given, "suggested": form.suggested or None}


def _region(form: QueueForm) -> dict[str, Any] | FieldProblem:
    try:
        region: dict[str, Any] = json.loads(form.region)
        return {**region, "kind": "region"}
    except (ValueError, TypeError, RecursionError):
        return FieldProblem(
            "Nothing is selected.", "Select examples in the scan's scatter and come from there."
        )


def _overlap(form: QueueForm) -> int | FieldProblem:
    count = count_of(form.overlap)
    if count is None or count > 20:
        return FieldProblem(
            "How many people decide each item is not a whole number.", "Give one from 1 to 20."
        )
    return count


def mixed_in(text: str, what: str) -> int | FieldProblem:
    count = 0 if not text.strip() or number_of(text) == 0 else count_of(text)
    if count is None:
        return FieldProblem(f"How many {what} is not a whole number.", "Give one from 0 on.")
    return count


def _tolerance(form: QueueForm) -> float | FieldProblem:
    value = number_of(form.tolerance)
    if not value >= 0:
        return FieldProblem(
            "By how much numbers may differ is not a number.", "Give one from 0 on."
        )
    return value


def count_of(text: str) -> int | None:
    """A whole number from 1 on; None where it is none."""
    value = number_of(text.replace(",", "").replace(" ", ""))
    return int(value) if 1 <= value < 2**31 and value == math.floor(value) else None


def number_of(text: str) -> float:
    """NaN where it is none that is finite."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def problems_of(error: ProblemError) -> Problems:
    """A refused request's fields, as the form has them."""
    problem = error.as_problem()
    found = {}
    for each in problem.get("errors") or [{"field": "", "message": problem["detail"]}]:
        remedy = each.get("remedy") or problem.get("remedy")
        found[_field(str(each["field"]))] = FieldProblem(each["message"], remedy)
    return found


def _field(name: str) -> str:
    name = name.partition(".")[0]
    return name if name in FIELDS else ""
