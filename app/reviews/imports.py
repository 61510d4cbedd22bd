"""Annotations from other tools: each becomes a verdict of its annotator, as if given here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid5

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from app.access.annotators import find_or_add_annotators, known_annotators
from app.access.service import Caller, audit
from app.db import new_id, now
from app.errors import ProblemError
from app.paging import cut_page
from app.reviews import claim_queries, queue_queries, verdict_queries
from app.reviews import import_queries as queries
from app.reviews.blindness import require_sight
from app.reviews.consensus import Opinion
from app.reviews.desks import AtDesk, sit_down
from app.reviews.errors import AnnotationsInvalid, ImportNotFound, ImportUndone
from app.reviews.import_schemas import (
    AnnotationIn,
    AnnotatorCount,
    ImportIn,
    ImportOut,
    ImportReport,
    InvalidRow,
)
from app.reviews.item_schemas import Number, VerdictIn
from app.reviews.models import ItemState, ReviewImport
from app.reviews.queues import get_queue, require_open
from app.reviews.undoing import undo_one
from app.reviews.verdicts import opinion_of, vote
from app.reviews.writing import Item, lock_item, write
from cleantrace.class_names import by_written_name

_TOKENS = UUID("5f0c2d0e-3a4e-4ac1-9f1e-6a3d8c1b7e52")
_NUMBER: TypeAdapter[float] = TypeAdapter(Number)
_ROWS_SHOWN = 100
_FAULTS_SHOWN = 20


def preview_import(db: Session, caller: Caller, queue_id: UUID, body: ImportIn) -> ImportReport:
    """What an import would do now: it is done, and taken back.

    Raises:
        QueueNotFound, QueueClosed.
    """
    with db.begin_nested() as tried:
        report = _import(db, caller, queue_id, body, new_id())
        tried.rollback()
    return report


def import_annotations(db: Session, caller: Caller, queue_id: UUID, body: ImportIn) -> ImportOut:
    """Write each annotation as a verdict of its annotator; all of them or none.

    What was imported before, and what stands already, changes nothing.

    Raises:
        QueueNotFound, QueueClosed.
        AnnotationsInvalid: a key or a label is not known, and such are not to be left out.
    """
    import_id = new_id()
    report = _import(db, caller, queue_id, body, import_id)
    if report.invalid and not body.leave_out_invalid:
        raise _invalid(report)
    made = ReviewImport(
        id=import_id,
        queue_id=queue_id,
        tool=body.tool,
        report=report.model_dump(mode="json"),
        created_by=caller.principal_id,
    )
    if report.new or report.changed:
        db.add(made)
        db.flush()
        audit(
            db,
            caller,
            "import_annotations",
            f"queue {queue_id}",
            **{"import": str(import_id), "tool": body.tool},
            new=report.new,
            changed=report.changed,
        )
        return describe_import(made)
    return ImportOut(
        **report.model_dump(),
        id=None,
        queue_id=queue_id,
        tool=body.tool,
        created_at=now(),
        created_by=caller.principal_id,
        undone_at=None,
    )


def _invalid(report: ImportReport) -> AnnotationsInvalid:
    remedy = "Mend these rows, or ask for `leave_out_invalid` to import the rest."
    return AnnotationsInvalid(
        f"Of {report.annotations:,} annotations {report.invalid:,} cannot be imported; none was.",
        remedy=remedy,
        errors=[
            {
                "field": f"annotations.{row.row}.{row.field}",
                "message": row.message,
                "remedy": remedy,
            }
            for row in report.invalid_rows[:_FAULTS_SHOWN]
        ],
    )


def _import(
    db: Session, caller: Caller, queue_id: UUID, body: ImportIn, import_id: UUID
) -> ImportReport:
    queue = get_queue(db, caller, queue_id)
    require_open(queue)
    counts = Counter(each.annotator for each in body.annotations)
    people, new = find_or_add_annotators(db, caller.project_id, body.tool, counts.keys())
    desks = _sit_down(db, caller, queue_id, people.values())
    importing = _Importing(db, {name: desks[people[name]] for name in people}, import_id)
    importing.run(body.annotations)
    return importing.report(
        [
            AnnotatorCount(name=name, annotations=count, is_new=name in new)
            for name, count in sorted(counts.items())
        ]
    )


def _sit_down(
    db: Session, caller: Caller, queue_id: UUID, people: Iterable[UUID]
) -> dict[UUID, AtDesk]:
    """Annotators' desks, always in one order; then the queue, before any of its items is locked."""
    desks = {
        each: sit_down(db, replace(caller, principal_id=each), queue_id) for each in sorted(people)
    }
    queue_queries.hold_queue(db, queue_id)
    if any(at.has_stale for at in desks.values()):
        claim_queries.free_stale(db, queue_id)
    return desks


@dataclass
class _Importing:
    """One pass over annotations, with what became of each."""

    db: Session
    desks: Mapping[str, AtDesk]
    import_id: UUID
    counts: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    invalid: list[InvalidRow] = field(default_factory=list)

    def run(self, annotations: list[AnnotationIn]) -> None:
        at = next(iter(self.desks.values()))
        self.counts["annotations"] = len(annotations)
        self._classes = by_written_name(at.classes)
        self._names = at.classes
        rows = self._latest(annotations)
        positions = queries.positions_by_key(self.db, at.queue, (e.key for e in rows.values()))
        verdict_queries.lock_items(self.db, at.queue.id, list(positions.values()))
        people = [desk.me for desk in self.desks.values()]
        self._standing = queries.standing_opinions(
            self.db, at.queue.id, people, list(positions.values())
        )
        tokens = self._new_tokens(at.queue.id, rows)
        for row, said in rows.items():
            if said.key not in positions:
                self._refuse(row, said, "key", "The queue has no item with this key.")
            elif row not in tokens:
                self.counts["unchanged"] += 1
            else:
                self._decide(row, said, positions[said.key], tokens[row])

    def _latest(self, annotations: list[AnnotationIn]) -> dict[int, AnnotationIn]:
        """The last that each annotator said of each example, by row."""
        last = {(said.annotator, said.key): row for row, said in enumerate(annotations)}
        self.counts["repeated"] = len(annotations) - len(last)
        return {row: annotations[row] for row in sorted(last.values())}

    def _new_tokens(self, queue_id: UUID, rows: dict[int, AnnotationIn]) -> dict[int, UUID]:
        """A token for each row that is not in the log, or was undone there."""
        asked = {row: _token(said) for row, said in rows.items()}
        found: dict[int, UUID] = {}
        while asked:
            mine = [(self.desks[rows[row].annotator].me, token) for row, token in asked.items()]
            known = queries.known_tokens(self.db, queue_id, mine)
            found |= {row: token for row, token in asked.items() if token not in known}
            asked = {row: uuid5(token, "again") for row, token in asked.items() if known.get(token)}
        return found

    def _decide(self, row: int, said: AnnotationIn, position: int, token: UUID) -> None:
        at = self.desks[said.annotator]
        item = lock_item(self.db, at, position, token)
        assert item is not None
        # Known under its lock alone: an item may be drawn until then.
        if item.place < 1:
            self.counts["mixed_in"] += 1
            return
        try:
            opinion = self._opinion(at, item, said, token)
        except ProblemError as error:
            self._refuse(row, said, error.field or "kind", error.detail)
            return
        before = self._standing.get((at.me, position))
        if before == opinion:
            self.counts["unchanged"] += 1
            return
        change = vote(self.db, at, item, opinion)
        if not change.counted:
            self.counts["taken"] += 1
            return
        written = write(
            self.db,
            at,
            item,
            change,
            token=token,
            comment=said.comment,
            seconds=said.seconds,
            import_id=self.import_id,
        )
        self.counts["new" if before is None else "changed"] += 1
        self.verdicts[opinion.kind.value] += 1
        for state in (ItemState.done, ItemState.disputed):
            after, earlier = written.item_state == state, item.state is state
            self.counts[state.value] += int(after) - int(earlier)

    def _opinion(self, at: AtDesk, item: Item, said: AnnotationIn, token: UUID) -> Opinion:
        label, value = said.label, said.value
        if label is not None and value is None and at.is_regression:
            value = _number(label)
            label = None
        if label in self._classes:
            label = self._names[self._classes[label]]
        body = VerdictIn.model_construct(
            kind=said.kind, label=label, value=value, token=token, adjudicate=False
        )
        return opinion_of(at, item, body)

    def _refuse(self, row: int, said: AnnotationIn, where: str, message: str) -> None:
        self.counts["invalid"] += 1
        if len(self.invalid) < _ROWS_SHOWN:
            self.invalid.append(InvalidRow(row=row, key=said.key, field=where, message=message))

    def report(self, annotators: list[AnnotatorCount]) -> ImportReport:
        names = ImportReport.model_fields.keys() - {"invalid_rows", "verdicts", "annotators"}
        return ImportReport(
            **{name: self.counts[name] for name in names},
            invalid_rows=self.invalid,
            verdicts=dict(self.verdicts),
            annotators=annotators,
        )


def _token(said: AnnotationIn) -> UUID:
    """The same for the same annotation of the same annotator: by it their verdict is known."""
    return uuid5(_TOKENS, json.dumps(said.model_dump(mode="json")))


def _number(text: str) -> float | None:
    try:
        return _NUMBER.validate_python(float(text))
    except ValueError:
        return None


def undo_import(db: Session, caller: Caller, queue_id: UUID, import_id: UUID) -> ImportOut:
    """Take back the verdicts that an import brought; what their annotators said before stands.

    Raises:
        QueueNotFound, QueueClosed, ImportNotFound.
        ImportUndone: it was undone before.
    """
    made = get_import(db, caller, queue_id, import_id)
    require_open(get_queue(db, caller, queue_id))
    names = [each["name"] for each in made.report["annotators"]]
    people = known_annotators(db, caller.project_id, made.tool, names)
    desks = _sit_down(db, caller, queue_id, people.values())
    if not queries.mark_undone(db, import_id):
        raise ImportUndone("The import was undone before.", remedy="Nothing is left to do.")
    verdicts = queries.verdicts_of(db, queue_id, import_id, people.values())
    verdict_queries.lock_items(db, queue_id, [verdict.position for verdict in verdicts])
    for verdict in verdicts:
        undo_one(db, desks[verdict.principal_id], verdict, new_id(), holds=False)
    # Its items may lie behind where people look by now.
    queue_queries.change_queue(db, queue_id, look=True)
    audit(
        db,
        caller,
        "undo_import",
        f"queue {queue_id}",
        **{"import": str(import_id)},
        verdicts=len(verdicts),
    )
    db.refresh(made)
    return describe_import(made)


def get_import(db: Session, caller: Caller, queue_id: UUID, import_id: UUID) -> ReviewImport:
    """Raises QueueNotFound, ImportNotFound."""
    get_queue(db, caller, queue_id)
    made = queries.import_of(db, queue_id, import_id)
    if made is None:
        raise ImportNotFound(
            f"The queue has no import {import_id}.",
            field="import_id",
            remedy="List the queue's imports to see their ids.",
        )
    return made


def list_imports(
    db: Session,
    caller: Caller,
    queue_id: UUID,
    *,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> tuple[list[ReviewImport], str | None]:
    """The newest first.

    Raises:
        QueueNotFound.
        UnderBlindReview: what came from elsewhere, and what has no item, tells what was drawn.
    """
    queue = get_queue(db, caller, queue_id)
    require_sight(db, caller, queue.dataset_id)
    rows = queries.imports_newest_first(db, queue_id, after=after, limit=limit + 1)
    return cut_page(rows, limit, lambda made: (made.created_at, made.id))


def describe_import(made: ReviewImport) -> ImportOut:
    return ImportOut(
        **made.report,
        id=made.id,
        queue_id=made.queue_id,
        tool=made.tool,
        created_at=made.created_at,
        created_by=made.created_by,
        undone_at=made.undone_at,
    )
