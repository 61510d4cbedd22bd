"""The form of a bulk decision: what was typed, and the request that it means."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Form
from pydantic import BaseModel, ValidationError

from app.errors import ProblemError
from app.reviews.bulk_schemas import BulkIn, BulkVerdictIn, SampleIn, SelectionIn
from app.reviews.queue_form import FieldProblem, FormInvalid, Problems, count_of, number_of

Model = TypeVar("Model", bound=BaseModel)
_LONGEST_KEYS = 1_000_000
_Text = Annotated[str, Form(max_length=2000)]
FIELDS = ("selection", "verdict", "comment", "sample_id", "k")


@dataclass(frozen=True)
class BulkForm:
    """The form's fields, all as text. sample: a sample of the group, drawn before."""

    given: str = ""
    suggested: str = ""
    keys: str = ""
    kind: str = "relabel"
    label: str = ""
    value: str = ""
    comment: str = ""
    sample: str = ""
    k: str = "10"


def _typed(
    given: _Text = "",
    suggested: _Text = "",
    keys: Annotated[str, Form(max_length=_LONGEST_KEYS)] = "",
    kind: _Text = "relabel",
    label: _Text = "",
    value: _Text = "",
    comment: Annotated[str, Form(max_length=20_000)] = "",
    sample: _Text = "",
    k: _Text = "10",
) -> BulkForm:
    return BulkForm(given, suggested, keys, kind, label, value, comment, sample, k)


TypedBulk = Annotated[BulkForm, Depends(_typed)]


def selection_of_form(form: BulkForm) -> SelectionIn:
    """Raises FormInvalid."""
    keys = [line.strip() for line in form.keys.splitlines() if line.strip()]
    if not (keys or form.given or form.suggested):
        raise FormInvalid(
            {
                "selection": FieldProblem(
                    "No group is chosen.", "Choose a class, a suggestion, or paste keys."
                )
            }
        )
    return _valid(
        SelectionIn,
        "selection",
        {"given": form.given or None, "suggested": form.suggested or None, "keys": keys or None},
    )


def request_of_form(form: BulkForm) -> BulkIn:
    """Raises FormInvalid."""
    is_relabel = form.kind == "relabel"
    if is_relabel and not (form.label or form.value.strip()):
        raise FormInvalid(
            {"verdict": FieldProblem("No label is chosen.", "Say what the label should be.")}
        )
    value = form.value.strip()
    if is_relabel and value and not math.isfinite(number_of(value)):
        raise FormInvalid(
            {"verdict": FieldProblem(f"{value!r} is no number.", "Give one such as 152.5.")}
        )
    verdict = _valid(
        BulkVerdictIn,
        "verdict",
        {
            "kind": form.kind,
            "label": form.label or None if is_relabel else None,
            "value": number_of(value) if is_relabel and value else None,
        },
    )
    return _valid(
        BulkIn,
        "comment",
        {
            "selection": selection_of_form(form),
            "verdict": verdict,
            "comment": form.comment.strip() or None,
            "sample_id": form.sample or None,
        },
    )


def sample_of_form(form: BulkForm) -> SampleIn:
    """Raises FormInvalid."""
    count = count_of(form.k)
    if count is None:
        raise FormInvalid(
            {"k": FieldProblem("How many to draw is not a whole number.", "Give one from 1 on.")}
        )
    return _valid(SampleIn, "k", {"selection": selection_of_form(form), "k": count})


def _valid(model: type[Model], field: str, values: dict[str, Any]) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = str(first["loc"][0]) if first["loc"] else ""
        problem = FieldProblem(first["msg"] + ".")
        raise FormInvalid({place if place in FIELDS else field: problem}) from error


def problems_of(error: ProblemError) -> Problems:
    """A refused request's fields, as the form has them; about none: at the group."""
    problem = error.as_problem()
    found = {}
    for each in problem.get("errors") or [{"field": "", "message": problem["detail"]}]:
        name = str(each["field"]).partition(".")[0]
        remedy = each.get("remedy") or problem.get("remedy")
        found[name if name in FIELDS else ""] = FieldProblem(each["message"], remedy)
    return found
