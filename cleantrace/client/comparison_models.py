"""What the client's methods on comparisons return."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from cleantrace.client.models import Record

ChangeKind = Literal["added", "removed", "relabelled", "content"]
Fate = Literal["gone", "kept", "new"]

_TIMES: Mapping[str, Callable[[Any], Any]] = dict.fromkeys(
    ("at", "as_of", "finished_at"), datetime.fromisoformat
)


@dataclass(frozen=True)
class Version(Record):
    """A version of a dataset."""

    id: str
    name: str
    version: str


@dataclass(frozen=True)
class ChangeCounts(Record):
    """How many examples are not as they were; `before` and `after` are all there are."""

    before: int
    after: int
    added: int
    removed: int
    relabelled: int
    content: int
    unchanged: int


@dataclass(frozen=True)
class Relabelled(Record):
    """How many examples of one class became another."""

    old: str
    new: str
    count: int


@dataclass(frozen=True)
class ClassChange(Record):
    """What became of a class; `gained` and `lost` count relabelled examples."""

    label: str
    before: int
    after: int
    added: int
    removed: int
    gained: int
    lost: int


@dataclass(frozen=True)
class ExportOnTheWay(Record):
    """An export of review outcomes that made one of the versions in between."""

    id: str
    dataset_id: str
    version: str
    as_of: datetime | None
    created_by: str

    _readers: ClassVar = _TIMES


@dataclass(frozen=True)
class Changes(Record):
    """What changed between two versions of a dataset, in figures."""

    dataset: Version
    since: Version
    counts: ChangeCounts
    relabelled: list[Relabelled]
    """The most frequent first; the first 1,000 of `pair_count`."""
    pair_count: int
    classes: list[ClassChange] | None
    exports: list[ExportOnTheWay]

    _readers: ClassVar = {
        "dataset": Version.from_json,
        "since": Version.from_json,
        "counts": ChangeCounts.from_json,
        "relabelled": lambda found: [Relabelled.from_json(each) for each in found],
        "classes": lambda found: [ClassChange.from_json(each) for each in found],
        "exports": lambda found: [ExportOnTheWay.from_json(each) for each in found],
    }


@dataclass(frozen=True)
class Origin(Record):
    """What people decided, from which an export made a change."""

    export_id: str
    queue_id: str
    queue: str
    who: str
    at: datetime
    why: str | None
    decided_by: str

    _readers: ClassVar = _TIMES


@dataclass(frozen=True)
class ChangedExample(Record):
    """An example that is not as it was. `position` is None if it was removed."""

    key: str
    kinds: list[ChangeKind]
    position: int | None
    position_before: int | None
    label: str | None
    label_before: str | None
    target: float | None
    target_before: float | None
    origin: Origin | None

    _readers: ClassVar = {"origin": Origin.from_json}


@dataclass(frozen=True)
class ComparedScan(Record):
    """One of two scans that are compared."""

    id: str
    dataset: Version
    score: str
    finished_at: datetime | None
    examples: int
    flagged: int

    _readers: ClassVar = {**_TIMES, "dataset": Version.from_json}


@dataclass(frozen=True)
class FlagFates(Record):
    """What became of flags; `gone_removed` and `new_added` are of examples in one scan alone."""

    gone: int
    gone_removed: int
    kept: int
    new: int
    new_added: int


@dataclass(frozen=True)
class Corrected(Record):
    """The examples whose label changed between two scans."""

    examples: int
    flagged_before: int
    no_longer_flagged: int
    still_flagged: int
    newly_flagged: int
    median_suspicion_before: float | None
    median_suspicion: float | None


@dataclass(frozen=True)
class ComparedExample(Record):
    """An example in two scans; what is of a scan that has it not is None."""

    key: str
    position: int | None
    position_before: int | None
    label: str | None
    label_before: str | None
    target: float | None
    target_before: float | None
    rank: int | None
    rank_before: int | None
    suspicion: float | None
    suspicion_before: float | None
    flagged: bool
    flagged_before: bool


@dataclass(frozen=True)
class ScanComparison(Record):
    """A scan beside an earlier one.

    distribution: one score of both, over the same bins: `edges`, `counts_before`, `counts`, and
        quantiles of each.
    """

    scan: ComparedScan
    before: ComparedScan
    in_both: int
    added: int
    removed: int
    flags: FlagFates
    rank_correlation: float | None
    corrected: Corrected
    distribution: dict[str, Any]
    moved: list[ComparedExample]

    _readers: ClassVar = {
        "scan": ComparedScan.from_json,
        "before": ComparedScan.from_json,
        "flags": FlagFates.from_json,
        "corrected": Corrected.from_json,
        "moved": lambda found: [ComparedExample.from_json(each) for each in found],
    }
