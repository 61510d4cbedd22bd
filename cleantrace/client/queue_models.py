"""What the client's methods on review queues return."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from cleantrace.client.models import Record

_TIMES: Mapping[str, Callable[[Any], Any]] = dict.fromkeys(
    ("created_at", "closed_at", "finished_at", "expires_at", "undone_at", "at"),
    datetime.fromisoformat,
)


@dataclass(frozen=True)
class Queue(Record):
    """A review queue: where it came from, how it works, how far it is."""

    id: str
    name: str
    dataset_id: str
    scan_id: str
    policy: dict[str, Any]
    order_scan_id: str
    order_by: str
    overlap: int
    claim_ttl_s: int
    show_suggestion: bool
    reviewers: list[str]
    adjudicators: list[str]
    item_count: int
    done: int
    disputed: int
    created_at: datetime
    closed_at: datetime | None
    finished_at: datetime | None
    """When every item was found to be done; None while any is not."""
    tolerance: float = 0.0
    reviewer_groups: Sequence[str] = ()
    adjudicator_groups: Sequence[str] = ()
    audits: int = 0
    canaries: int = 0

    _readers: ClassVar = _TIMES


@dataclass(frozen=True)
class QueueProgress(Record):
    """Counts of a queue; `mine` has what the caller did."""

    item_count: int
    open: int
    held: int
    done: int
    disputed: int
    skipped: int
    per_hour: float
    mine: dict[str, int]


@dataclass(frozen=True)
class ReviewItem(Record):
    """An item that the caller holds until `expires_at`."""

    position: int
    key: str
    place: int | None
    """None in a blind queue, as are suggestion and priority."""
    given_label: str | None
    given_target: float | None
    suggested_label: str | None
    suggested_value: float | None
    priority: float | None
    state: str
    votes: int
    adjudicates: bool
    expires_at: datetime

    _readers: ClassVar = _TIMES


@dataclass(frozen=True)
class Verdict(Record):
    """A line of the log. `item_state` is the item's state after it."""

    id: int
    position: int
    key: str
    principal_id: str
    kind: str
    label: str | None
    value: float | None
    comment: str | None
    seconds: float | None
    at: datetime
    undoes: int | None
    batch_id: str | None
    adjudicates: bool
    counted: bool
    item_state: str
    is_undone: bool = False

    _readers: ClassVar = _TIMES


@dataclass(frozen=True)
class ImportReport(Record):
    """What becomes of annotations from another tool; but for the first, the counts add up to it."""

    annotations: int
    new: int
    changed: int
    """Their annotator said otherwise before."""
    unchanged: int
    taken: int
    """Left out: the item has all the verdicts that it asks for."""
    mixed_in: int
    """Left out: audits and canaries are decided in their queue alone."""
    repeated: int
    """Left out: a later one of the same annotator on the same example counts."""
    invalid: int
    invalid_rows: list[dict[str, Any]]
    """The first, each with `row`, `key`, `field` and `message`."""
    verdicts: dict[str, int]
    done: int
    disputed: int
    annotators: list[dict[str, Any]]


@dataclass(frozen=True)
class AnnotationImport(ImportReport):
    """Annotations that became verdicts. `id` is None where nothing was new."""

    id: str | None
    queue_id: str
    tool: str
    created_at: datetime
    created_by: str
    undone_at: datetime | None

    _readers: ClassVar = _TIMES
