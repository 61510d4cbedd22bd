"""Why an example changed: the verdicts from which exports made the versions in between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller
from app.compare import queries
from app.compare.change_schemas import ChangedExampleOut, ChangeKind, OriginOut
from app.datasets.models import Dataset, Task
from app.datasets.service import get_dataset, label_name
from app.exports.models import Export
from app.exports.service import get_export
from app.reviews.decisions import decisions_at, queues_named
from app.reviews.models import ReviewQueue, VerdictKind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Step:
    """An export that made a version from the one before."""

    made: Dataset
    source: Dataset
    export: Export

    @property
    def as_of(self) -> datetime | None:
        moment = ((self.export.result or {}).get("card") or {}).get("as_of")
        return None if moment is None else datetime.fromisoformat(moment)

    def queues(self, db: Session) -> list[ReviewQueue]:
        return queues_named(db, [UUID(each) for each in self.export.request["queue_ids"]])


def steps_between(db: Session, caller: Caller, now: Dataset, was: Dataset) -> list[Step]:
    """The way back from a version to an earlier one, the latest first; empty if there is none.

    Raises:
        UnderBlindReview: a version in between is reviewed blindly by the caller.
    """
    steps = []
    while now.id != was.id:
        if now.parent_id is None or now.export_id is None:
            return []
        source = get_dataset(db, caller, now.parent_id)
        steps.append(Step(now, source, get_export(db, caller, now.export_id)))
        now = source
    return steps


def origins(
    db: Session, steps: Sequence[Step], examples: Sequence[ChangedExampleOut]
) -> dict[str, OriginOut]:
    """By key, of those examples that are as people decided them to be."""
    found: dict[str, OriginOut] = {}
    reviewed = {ChangeKind.relabelled, ChangeKind.removed}
    for step in steps:
        open_ones = {
            each.key: each
            for each in examples
            if each.key not in found and reviewed.intersection(each.kinds)
        }
        if not open_ones:
            break
        queues = step.queues(db)
        positions = queries.positions_of(db, step.source.id, list(open_ones))
        keys = {position: key for key, position in positions.items()}
        for row in decisions_at(db, [queue.id for queue in queues], list(keys)):
            key, at = keys[row.position], _EPOCH + timedelta(microseconds=row.at)
            # What was decided anew after the export is not why the version is as it is.
            late = step.as_of is not None and at > step.as_of
            if late or not _is_so(open_ones[key], row, step.source):
                continue
            queue = queues[row.queue]
            found[key] = OriginOut(
                export_id=step.export.id,
                queue_id=queue.id,
                queue=queue.name,
                who=row.who,
                at=at,
                why=row.why or None,
                decided_by=row.settled_by,
            )
    return found


def _is_so(example: ChangedExampleOut, row: Any, source: Dataset) -> bool:
    """Whether the example became what was decided."""
    if ChangeKind.removed in example.kinds:
        return bool(row.outcome == VerdictKind.unusable)
    if row.outcome != VerdictKind.relabel:
        return False
    if source.task == Task.regression:
        # The column may hold it in fewer bits than it was typed with.
        return math.isclose(row.outcome_value, example.target or 0.0, rel_tol=1e-6)
    return label_name(source, row.outcome_label) == example.label
