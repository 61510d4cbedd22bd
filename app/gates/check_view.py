"""The form that checks a dataset against a stored policy: its fields, and what can be chosen."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form
from sqlalchemy.orm import Session

from app.access.service import Caller
from app.dashboard.formatting import moment
from app.dashboard.frame import project_url
from app.datasets.models import Dataset
from app.datasets.service import get_dataset, list_datasets
from app.gates.schemas import CheckIn
from app.gates.service import list_stored_names
from app.scans.service import get_scan
from app.scans.views import dataset_title

_DATASETS_OFFERED = 200
_Text = Annotated[str, Form(max_length=1000, pattern=r"^[^\x00]*$")]


@dataclass(frozen=True)
class CheckForm:
    """The form's fields, as typed."""

    gate: str = ""
    version: str = ""
    dataset: str = ""
    scan: str = ""
    baseline: str = ""
    fingerprint: str = ""


def _typed(
    gate: _Text = "",
    version: _Text = "",
    dataset: _Text = "",
    scan: _Text = "",
    baseline: _Text = "",
    fingerprint: _Text = "",
) -> CheckForm:
    return CheckForm(gate, version.strip(), dataset, scan, baseline, fingerprint.strip())


TypedCheck = Annotated[CheckForm, Depends(_typed)]


def request_of_form(form: CheckForm) -> CheckIn:
    """Raises ValidationError."""
    of_scan = {"scan_id": form.scan} if form.scan else {"dataset_id": form.dataset or None}
    version = int(form.version) if form.version.isdecimal() else form.version or None
    return CheckIn.model_validate(
        {
            **of_scan,
            "gate": form.gate or None,
            "gate_version": version,
            "baseline_dataset_id": form.baseline or None,
            "fingerprint": form.fingerprint or None,
        }
    )


@dataclass(frozen=True)
class Option:
    value: str
    name: str


@dataclass(frozen=True)
class CheckView:
    gates: list[str]
    scan: str | None
    """In words, where a scan is checked and not a dataset's latest."""
    scan_url: str
    datasets: list[Option]
    baselines: list[Option]


def check_view(db: Session, caller: Caller, form: CheckForm) -> CheckView:
    """Raises DatasetNotFound, ScanNotFound: of what the address names."""
    found, _ = list_datasets(db, caller, limit=_DATASETS_OFFERED)
    scan = None
    with suppress(ValueError):
        if form.scan:
            asked = get_scan(db, caller, UUID(form.scan))
            title = dataset_title(get_dataset(db, caller, asked.dataset_id))
            scan = f"the scan of {title} of {moment(asked.created_at)}"
    return CheckView(
        gates=list_stored_names(db, caller),
        scan=scan,
        scan_url=f"{project_url(caller)}/scans/{form.scan}",
        datasets=_options(_with(db, caller, list(found), form.dataset)),
        baselines=_options(_with(db, caller, list(found), form.baseline)),
    )


def _with(db: Session, caller: Caller, found: list[Dataset], chosen: str) -> list[Dataset]:
    """The chosen one is offered, however old it is."""
    with suppress(ValueError):
        if chosen and UUID(chosen) not in {each.id for each in found}:
            return [get_dataset(db, caller, UUID(chosen)), *found]
    return found


def _options(datasets: list[Dataset]) -> list[Option]:
    return [Option(str(each.id), dataset_title(each)) for each in datasets]
