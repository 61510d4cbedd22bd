"""What the page of a new queue shows: ready values."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.access.service import Caller
from app.dashboard.formatting import number, plural, shortened
from app.dashboard.frame import Place, project_url, with_query
from app.datasets.models import Dataset, Task
from app.datasets.service import datasets_of
from app.db import now
from app.reviews.queue_form import FIELDS, FieldProblem, Problems, QueueForm
from app.reviews.queue_schemas import QueueIn
from app.reviews.queues import NOT_IN_REGRESSION
from app.reviews.settings_view import AssigneeOption, group_options, person_options
from app.reviews.words import ORDER_NAMES
from app.runs.service import runs_of
from app.scans.models import Scan, ScanStatus
from app.scans.region_address import AskedRegion, query_of
from app.scans.region_schemas import RegionIn
from app.scans.results import Results
from app.scans.service import list_scans
from app.scans.views import dataset_title, scan_url
from app.scans.words import region_words

_SCANS_OFFERED = 50


@dataclass(frozen=True)
class Preview:
    """How much work the queue would be."""

    count: int
    figure: str
    words: str


@dataclass(frozen=True)
class NewQueueView:
    url: str
    scan_url: str
    other_scan_url: str
    scan_words: str
    flagged: str
    form: QueueForm
    region: Place | None
    problems: Problems
    classes: list[str]
    is_regression: bool
    orders: list[tuple[str, str]]
    people: list[AssigneeOption]
    groups: list[AssigneeOption]
    preview: Preview | None
    fields: tuple[str, ...] = field(default=FIELDS)

    @property
    def general(self) -> FieldProblem | None:
        """A problem that no field is at fault for."""
        return self.problems.get("")


def new_queue_url(caller: Caller, **query: object) -> str:
    return with_query(f"{project_url(caller)}/queues/new", **query)


def suggested_form(found: Results, asked: AskedRegion) -> QueueForm:
    """The form one meets first: what was flagged, one class pair of it, or what was selected in
    the scatter.

    Raises:
        RegionInvalid
    """
    region = asked.region(found) if asked.x else None
    given, suggested = asked.given, asked.suggested
    if region is not None:
        what = "selected examples"
    else:
        what = f"{given} → {suggested}" if given and suggested else given or "suspects"
    date = now()
    name = f"{dataset_title(found.dataset)}: {what}, {date.day} {date:%b %H:%M}"
    return QueueForm(
        scan=str(found.scan.id),
        name=shortened(name, 120),
        policy="region" if region else "class" if given else "flagged",
        given=given,
        suggested=suggested,
        region=region.model_dump_json(exclude_defaults=True) if region else "",
    )


def _region(caller: Caller, found: Results, form: QueueForm) -> Place | None:
    """What was selected in the scatter, in words, and where it is seen."""
    with suppress(ValidationError):
        region = RegionIn.model_validate_json(form.region or "null")
        address = f"{scan_url(caller, found.scan)}/explore?{query_of(region)}"
        return Place(region_words(region.model_dump(mode="json")), address)
    return None


def new_queue_view(
    db: Session,
    caller: Caller,
    found: Results,
    form: QueueForm,
    *,
    problems: Problems | None = None,
    preview: Preview | None = None,
) -> NewQueueView:
    dataset, scan = found.dataset, found.scan
    run = runs_of(db, [scan.run_id])[scan.run_id]
    is_regression = dataset.task == Task.regression
    url = new_queue_url(caller)
    return NewQueueView(
        url=url,
        scan_url=scan_url(caller, scan),
        other_scan_url=url,
        scan_words=f"{dataset_title(dataset)}, {plural(scan.example_count, 'example')}, "
        f"scanned with {run.name}",
        flagged=number(scan.flagged_count or 0),
        form=form,
        region=_region(caller, found, form),
        problems=problems or {},
        classes=dataset.classes or [],
        is_regression=is_regression,
        orders=[
            (order.value, name)
            for order, name in ORDER_NAMES.items()
            if not (is_regression and order in NOT_IN_REGRESSION)
        ],
        people=person_options(db, caller, _ids(form.reviewers), _ids(form.adjudicators)),
        groups=group_options(db, caller, _ids(form.reviewer_groups), _ids(form.adjudicator_groups)),
        preview=preview,
    )


def _ids(typed: tuple[str, ...]) -> list[UUID]:
    """What names somebody; the rest is told beside the field."""
    found = []
    for each in typed:
        with suppress(ValueError):
            found.append(UUID(each))
    return found


def preview_of(found: Results, body: QueueIn, count: int) -> Preview:
    if not count:
        return Preview(0, "No item", "No example of the scan fits. Choose a wider policy.")
    words = f"of {plural(found.scan.example_count, 'example')}"
    if body.overlap > 1:
        decisions = plural(count * body.overlap, "decision")
        words += f"; {decisions}, for {body.overlap} people decide each"
    if body.audits:
        words += f"; {plural(body.audits, 'audit')} on top"
    return Preview(count, plural(count, "item"), words + ".")


@dataclass(frozen=True)
class ScanChoice:
    """A scan that a queue can be made from."""

    url: str
    name: str
    note: str
    scan: Scan


def scan_choices(db: Session, caller: Caller) -> list[ScanChoice]:
    """The latest complete scans."""
    scans, _ = list_scans(db, caller, limit=_SCANS_OFFERED)
    complete = [scan for scan in scans if scan.status == ScanStatus.complete]
    datasets = datasets_of(db, (scan.dataset_id for scan in complete))
    runs = runs_of(db, (scan.run_id for scan in complete))
    return [_choice(caller, scan, datasets, runs[scan.run_id].name) for scan in complete]


def _choice(caller: Caller, scan: Scan, datasets: dict[UUID, Dataset], run: str) -> ScanChoice:
    flagged = plural(scan.flagged_count or 0, "example")
    return ScanChoice(
        url=new_queue_url(caller, scan=scan.id),
        name=dataset_title(datasets[scan.dataset_id]),
        note=f"{run}; {flagged} flagged",
        scan=scan,
    )
