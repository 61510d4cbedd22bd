"""The form of a new scan: what was typed, as it was typed, and the request that it means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Form
from pydantic import ValidationError

from app.errors import ProblemError
from app.scans.schemas import MOST_CANARIES, ScanIn, Share, Threshold, TopK

_LONGEST = 2000
_Text = Annotated[str, Form(max_length=_LONGEST)]


@dataclass(frozen=True)
class NewScanForm:
    """The form's fields, all as text.

    layers: all, last or names; then `layer_names`, with commas between.
    checkpoints: all or chosen; then `chosen`, their ids.
    policy: share, top_k or threshold; each has its number. The share is in percent.
    canaries: how many; nothing for none.
    """

    run: str = ""
    layers: str = "all"
    layer_names: str = ""
    checkpoints: str = "all"
    chosen: tuple[str, ...] = ()
    weighting: str = "eta"
    score: str = "self_influence"
    policy: str = "share"
    share: str = "10"
    top_k: str = "100"
    threshold: str = ""
    evidence: bool = False
    fresh: bool = False
    precision: str = "full"
    canaries: str = ""


def _typed(
    run: _Text = "",
    layers: _Text = "all",
    layer_names: _Text = "",
    checkpoints: _Text = "all",
    chosen: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
    weighting: _Text = "eta",
    score: _Text = "self_influence",
    policy: _Text = "share",
    share: _Text = "",
    top_k: _Text = "",
    threshold: _Text = "",
    evidence: _Text = "",
    fresh: _Text = "",
    precision: _Text = "full",
    canaries: _Text = "",
) -> NewScanForm:
    return NewScanForm(
        run=run,
        layers=layers,
        layer_names=layer_names,
        checkpoints=checkpoints,
        chosen=tuple(chosen),
        weighting=weighting,
        score=score,
        policy=policy,
        share=share,
        top_k=top_k,
        threshold=threshold,
        evidence=bool(evidence),
        fresh=bool(fresh),
        precision=precision,
        canaries=canaries,
    )


TypedForm = Annotated[NewScanForm, Depends(_typed)]


class FieldProblem(NamedTuple):
    """What is wrong with a field, and what to do."""

    message: str
    remedy: str | None = None


Problems = dict[str, FieldProblem]
"""By the member of the request that they are about; an empty text: about none."""


class FormInvalid(Exception):
    """What was typed means no request."""

    def __init__(self, problems: Problems) -> None:
        super().__init__(str(problems))
        self.problems = problems


def request_of_form(form: NewScanForm) -> ScanIn:
    """Raises FormInvalid."""
    problems: Problems = {}
    layers: str | list[str] = form.layers
    if form.layers == "names":
        layers = [name.strip() for name in form.layer_names.split(",") if name.strip()]
        if not layers:
            problems["layers"] = FieldProblem(
                "No layer is named.", "Name one or more, such as layer4.*, fc; or score all layers."
            )
    checkpoints: str | Sequence[str] = form.checkpoints
    if form.checkpoints == "chosen":
        checkpoints = form.chosen
        if not checkpoints:
            problems["checkpoints"] = FieldProblem(
                "No checkpoint is ticked.", "Tick at least one, or use them all."
            )
    policy = _policy(form)
    if isinstance(policy, FieldProblem):
        problems["policy"] = policy
    canaries = _number(form.canaries.replace(",", "").replace(" ", "") or "0")
    if not 0 <= canaries <= MOST_CANARIES or canaries != math.floor(canaries):
        problems["canaries"] = FieldProblem(
            "How many errors to plant is not a whole number that can be planted.",
            f"Give one up to {MOST_CANARIES:,}, such as 200; or leave it empty for none.",
        )
    if problems:
        raise FormInvalid(problems)
    try:
        return ScanIn.model_validate(
            {
                "run_id": form.run,
                "layers": layers,
                "checkpoints": checkpoints,
                "weighting": form.weighting,
                "score": form.score,
                "policy": policy,
                "evidence": form.evidence,
                "fresh": form.fresh,
                "precision": form.precision,
                "canaries": int(canaries),
            }
        )
    except ValidationError as error:
        raise FormInvalid(
            {str(each["loc"][0]): FieldProblem(each["msg"] + ".") for each in error.errors()}
        ) from error


def _policy(form: NewScanForm) -> dict[str, Any] | FieldProblem:
    match form.policy:
        case "share":
            share = _number(form.share.rstrip(" %"))
            if not 0 < share <= 100:
                return FieldProblem(
                    "The share to flag is not a percentage.", "Give a number up to 100, such as 10."
                )
            return {"kind": "share", "share": share / 100}
        case "top_k":
            count = _number(form.top_k.replace(",", "").replace(" ", ""))
            if count < 1 or count != math.floor(count):
                return FieldProblem(
                    "How many to flag is not a whole number.", "Give one from 1 on, such as 100."
                )
            return {"kind": "top_k", "k": int(count)}
        case _:
            score = _number(form.threshold)
            if math.isnan(score):
                return FieldProblem(
                    "The score to flag from is not a number.",
                    "Give one in the unit of the ranking score; an earlier scan's page shows its "
                    "range.",
                )
            return {"kind": "threshold", "score": score}


def _number(text: str) -> float:
    """NaN where it is none that is finite."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def form_of_request(request: ScanIn) -> NewScanForm:
    """The form that means this request."""
    policy = request.policy
    numbers: dict[str, str] = {}
    match policy:
        case Share():
            numbers["share"] = f"{100 * policy.share:.10g}"
        case TopK():
            numbers["top_k"] = str(policy.k)
        case Threshold():
            numbers["threshold"] = f"{policy.score!r}"
    named = not isinstance(request.layers, str)
    chosen = () if request.checkpoints == "all" else tuple(map(str, request.checkpoints))
    return NewScanForm(
        run=str(request.run_id),
        layers="names" if named else str(request.layers),
        layer_names=", ".join(request.layers) if named else "",
        checkpoints="chosen" if chosen else "all",
        chosen=chosen,
        weighting=request.weighting.value,
        score=request.score.value,
        policy=policy.kind,
        evidence=bool(request.evidence),
        fresh=request.fresh,
        precision=request.precision.value,
        canaries=str(request.canaries or ""),
        **numbers,
    )


def problems_of(problem: dict[str, Any]) -> Problems:
    """A problem document's fields, as the form has them."""
    found = {}
    for each in problem.get("errors") or [{"field": "", "message": problem["detail"]}]:
        name = str(each["field"]).partition(".")[0]
        remedy = each.get("remedy") or problem.get("remedy")
        found[name if name in FIELDS else ""] = FieldProblem(each["message"], remedy)
    return found


def problems_of_error(error: ProblemError) -> Problems:
    return problems_of(error.as_problem())


FIELDS = (
    "run_id",
    "layers",
    "checkpoints",
    "weighting",
    "score",
    "policy",
    "precision",
    "canaries",
)
