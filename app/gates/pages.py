"""The dashboard's pages of gates: how they stand, their policies, and checking one now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.access.guards import FormEngineer, PageEngineer, PageViewer
from app.access.models import Role
from app.access.service import Caller
from app.dashboard.frame import Place, page, with_query
from app.db import ReadSession, WriteSession
from app.errors import ProblemError
from app.gates import service
from app.gates.check_view import CheckForm, TypedCheck, check_view, request_of_form
from app.gates.evaluation_view import evaluations_url, gates_url, policy_url
from app.gates.policies_view import evaluation_rows, gate_cards, policy_view
from app.gates.policy import NAME, Policy
from app.paging import decode_cursor, decode_time_cursor
from cleantrace.gates import Fault, PolicyFileInvalid, parse_policy

router = APIRouter(prefix="/gates", include_in_schema=False)

_IN_A_PAGE = 20
_LONGEST_POLICY = 200_000
_FIRST = """\
name: release
rules:
  - rule: unreviewed_flags    # nobody has looked at these
    suspicion: 0.99
    at_most: 0
  - rule: wrong_labels        # at most 1 % wrong, with 95 % confidence
    at_most: 0.01
  - rule: scan_age
    at_most_days: 14
    level: warn
"""
Version = Annotated[int | None, Query(ge=1, le=2**31 - 1)]


@router.get("")
def list_gates(caller: PageViewer, db: ReadSession, after: str | None = None) -> Response:
    cursor = decode_cursor(after, _gate_name)
    names, following = service.list_names(
        db, caller, after=cursor[0] if cursor else None, limit=_IN_A_PAGE
    )
    url = gates_url(caller)
    is_engineer = caller.role.includes(Role.engineer)
    return page(
        "gates/gates.html",
        title="Gates",
        caller=caller,
        section="gates",
        gates=gate_cards(db, caller, names),
        verdicts_url=evaluations_url(caller),
        new_url=f"{url}/new" if is_engineer else None,
        check_url=f"{url}/check" if is_engineer else None,
        policy=_FIRST,
        first_url=url if after else None,
        next_url=with_query(url, after=following) if following else None,
    )


def _gate_name(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ValueError("not the name of a gate")
    return value


@router.get("/policies/{name}")
def policy_page(
    name: str,
    caller: PageViewer,
    db: ReadSession,
    version: Version = None,
    against: Version = None,
    after: str | None = None,
) -> Response:
    """Raises GateNotFound."""
    view = policy_view(db, caller, name, version=version, against=against)
    rows, following = service.list_evaluations(
        db, caller, gate=name, after=decode_time_cursor(after), limit=_IN_A_PAGE
    )
    url, of = gates_url(caller), {"version": version, "against": against}
    is_engineer = caller.role.includes(Role.engineer)
    return page(
        "gates/policy.html",
        title=f"Gate {view.title}",
        caller=caller,
        section="gates",
        crumbs=(Place("gates", url), Place(view.title)),
        view=view,
        rows=evaluation_rows(db, caller, rows),
        check_url=with_query(f"{url}/check", gate=name, version=version)
        if is_engineer and view.is_stored
        else None,
        change_url=with_query(f"{url}/new", of=name, version=version) if is_engineer else None,
        first_url=f"{with_query(view.url, **of)}#verdicts" if after else None,
        next_url=f"{with_query(view.url, **of, after=following)}#verdicts" if following else None,
    )


@router.get("/new")
def new_policy_page(
    caller: PageEngineer, db: ReadSession, of: str | None = None, version: Version = None
) -> Response:
    """A form with an example, or with a policy to change. Raises GateNotFound."""
    if of is None:
        return _new_page(caller, _FIRST)
    return _new_page(caller, policy_view(db, caller, of, version=version, against=None).yaml)


@router.post("/new")
def new_policy(
    caller: FormEngineer,
    db: WriteSession,
    policy: Annotated[str, Form(max_length=_LONGEST_POLICY, pattern=r"^[^\x00]*$")] = "",
) -> Response:
    try:
        stored = service.store_policy(db, caller, _read(policy))
    except PolicyFileInvalid as error:
        return _new_page(caller, policy, error.faults)
    return RedirectResponse(policy_url(caller, stored.name, stored.version), 303)


def _read(text: str) -> Policy:
    """Raises PolicyFileInvalid: it is no YAML, or no policy."""
    file = parse_policy(text.encode(), Path("policy"))
    try:
        return Policy.model_validate(file.policy)
    except ValidationError as error:
        told = [
            (each["loc"], f"{each['msg'].removeprefix('Value error, ')}.")
            for each in error.errors()
        ]
        raise PolicyFileInvalid(file.path, file.faults(told)) from error


def _new_page(caller: Caller, text: str, faults: list[Fault] | None = None) -> Response:
    lines = text.splitlines()
    return page(
        "gates/new.html",
        title="Store a policy",
        caller=caller,
        section="gates",
        crumbs=(Place("gates", gates_url(caller)), Place("store a policy")),
        status=422 if faults else 200,
        url=f"{gates_url(caller)}/new",
        policy=text,
        faults=[
            (fault, lines[fault.line - 1] if fault.line and fault.line <= len(lines) else "")
            for fault in faults or ()
        ],
    )


@router.get("/check")
def check_page(
    caller: PageEngineer,
    db: ReadSession,
    gate: str = "",
    version: str = "",
    dataset: UUID | None = None,
    scan: UUID | None = None,
) -> Response:
    """Raises DatasetNotFound, ScanNotFound."""
    form = CheckForm(gate=gate, version=version, dataset=str(dataset or ""), scan=str(scan or ""))
    return _check_page(db, caller, form)


@router.post("/check")
def check(caller: FormEngineer, db: WriteSession, form: TypedCheck) -> Response:
    try:
        with db.begin_nested():
            found = service.check(db, caller, request_of_form(form))
    except ProblemError as error:
        return _check_page(db, caller, form, problem=error, status=error.status)
    except ValidationError as error:
        (first, *_) = error.errors()
        problem = {"detail": f"{first['loc'][0]}: {first['msg']}.", "remedy": None}
        return _check_page(db, caller, form, problem=problem, status=422)
    return RedirectResponse(f"{evaluations_url(caller)}/{found.id}", 303)


def _check_page(
    db: Session, caller: Caller, form: CheckForm, *, problem: Any = None, status: int = 200
) -> Response:
    url = gates_url(caller)
    return page(
        "gates/check.html",
        title="Check a dataset",
        caller=caller,
        section="gates",
        crumbs=(Place("gates", url), Place("check a dataset")),
        status=status,
        url=f"{url}/check",
        new_url=f"{url}/new",
        view=check_view(db, caller, form),
        form=form,
        problem=problem,
    )
