"""What the page of a queue's settings offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.groups import groups_offered
from app.access.members import list_people
from app.access.models import Role
from app.access.service import Caller
from app.dashboard.formatting import duration, number, plural
from app.datasets.models import Task
from app.datasets.service import get_dataset
from app.reviews import outcome_queries as queries
from app.reviews.models import ReviewQueue
from app.reviews.queues import NOT_IN_REGRESSION, describe_queue
from app.reviews.words import ORDER_NAMES, policy_words
from app.runs.service import runs_of
from app.scans.models import Scan, ScanStatus
from app.scans.service import get_scan, list_scans

_PEOPLE_OFFERED = 500
_SCANS_OFFERED = 50
ASSIGNEES = ("reviewers", "adjudicators", "reviewer_groups", "adjudicator_groups")


@dataclass(frozen=True)
class AssigneeOption:
    """A person, a key or a group that may be ticked."""

    id: str
    name: str
    note: str
    reviews: bool
    adjudicates: bool


@dataclass(frozen=True)
class ScanOption:
    id: str
    name: str
    scan: Scan
    is_current: bool


@dataclass(frozen=True)
class SettingsView:
    facts: list[tuple[str, str]]
    scans: list[ScanOption]
    orders: list[tuple[str, str]]
    order_by: str
    audits: str
    canaries: str
    may_have_canaries: bool
    who: str
    people: list[AssigneeOption]
    groups: list[AssigneeOption]


def settings_view(
    db: Session, caller: Caller, queue: ReviewQueue, typed: dict[str, Any]
) -> SettingsView:
    """`typed`: what was sent and refused, in the place of what is in force."""
    dataset = get_dataset(db, caller, queue.dataset_id)
    described = describe_queue(db, queue)
    chosen = {name: typed.get(name, getattr(described, name)) for name in ASSIGNEES}
    is_regression = dataset.task == Task.regression
    return SettingsView(
        facts=_facts(queue, is_regression=is_regression),
        scans=_scans(db, caller, queue, typed.get("scan", str(queue.order_scan_id))),
        orders=[
            (order.value, name)
            for order, name in ORDER_NAMES.items()
            if not (is_regression and order in NOT_IN_REGRESSION)
        ],
        order_by=typed.get("order_by", queue.order_by),
        audits=typed.get("audits", str(queue.audits)),
        canaries=typed.get("canaries", str(queue.canaries)),
        may_have_canaries=not is_regression,
        who=typed.get("who", "chosen" if described.is_assigned else "all"),
        people=person_options(db, caller, chosen["reviewers"], chosen["adjudicators"]),
        groups=group_options(db, caller, chosen["reviewer_groups"], chosen["adjudicator_groups"]),
    )


def _facts(queue: ReviewQueue, *, is_regression: bool) -> list[tuple[str, str]]:
    facts = [
        ("items", policy_words(queue.policy)),
        ("decided by", plural(queue.overlap, "person", "people")),
        ("an item stays in hand", duration(queue.claim_ttl_s)),
        ("suggested label", _suggestion_words(queue)),
        ("drawn so far", _drawn_words(queue)),
    ]
    if is_regression:
        facts.append(("numbers agree within", f"{queue.tolerance:g}"))
    return [*facts, ("id", str(queue.id))]


def _suggestion_words(queue: ReviewQueue) -> str:
    if queue.is_blind:
        return "hidden, as what is drawn has none"
    return "shown" if queue.show_suggestion else "hidden"


def _drawn_words(queue: ReviewQueue) -> str:
    if not (queue.audits or queue.canaries):
        return "nothing"
    drawn = f"{number(queue.audits_drawn)} of {plural(queue.audits, 'audit')}"
    return f"{drawn}, {plural(queue.canaries_made, 'canary', 'canaries')}"


def _scans(db: Session, caller: Caller, queue: ReviewQueue, chosen: str) -> list[ScanOption]:
    """The data set's complete scans, the newest first, with the one in force."""
    scans, _ = list_scans(db, caller, dataset_id=queue.dataset_id, limit=_SCANS_OFFERED)
    complete = [scan for scan in scans if scan.status == ScanStatus.complete]
    if queue.order_scan_id not in {scan.id for scan in complete}:
        complete.append(get_scan(db, caller, queue.order_scan_id))
    runs = runs_of(db, (scan.run_id for scan in complete))
    return [
        ScanOption(str(scan.id), runs[scan.run_id].name, scan, str(scan.id) == chosen)
        for scan in complete
    ]


def person_options(
    db: Session, caller: Caller, reviewers: Sequence[UUID], adjudicators: Sequence[UUID]
) -> list[AssigneeOption]:
    """Who may review in the project, and whoever is assigned beside, such as a key."""
    people, _ = list_people(db, caller, after=None, limit=_PEOPLE_OFFERED)
    offered = {
        person.id: (person.name, person.email or person.role)
        for person in people
        if Role(person.role).includes(Role.reviewer)
    }
    beside = {*reviewers, *adjudicators} - offered.keys()
    if beside:
        offered |= {each: (name, "") for each, name in queries.names_of(db, sorted(beside)).items()}
    return [
        AssigneeOption(str(each), name, note, each in reviewers, each in adjudicators)
        for each, (name, note) in offered.items()
    ]


def group_options(
    db: Session, caller: Caller, reviewers: Sequence[UUID], adjudicators: Sequence[UUID]
) -> list[AssigneeOption]:
    """The project's groups, by name."""
    return [
        AssigneeOption(
            str(group.id),
            group.name,
            f"group of {plural(len(group.members), 'person', 'people')}",
            group.id in reviewers,
            group.id in adjudicators,
        )
        for group in groups_offered(db, caller)
    ]
