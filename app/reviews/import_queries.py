"""SQL of annotations that come from other tools."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ARRAY, String, Uuid, bindparam, func, select, text, tuple_, update
from sqlalchemy.orm import Session, aliased

from app.reviews.at_queue import QueueLike
from app.reviews.consensus import Opinion
from app.reviews.models import ReviewImport, ReviewVerdict, ReviewVote, VerdictKind

_BY_KEY = text("""
    SELECT example.key, item.position
    FROM examples example
    JOIN review_items item ON item.queue_id = :queue AND item.position = example.position
    WHERE example.dataset_id = :dataset AND example.key = ANY(:keys)
""").bindparams(bindparam("keys", type_=ARRAY(String)))


def positions_by_key(db: Session, queue: QueueLike, keys: Iterable[str]) -> dict[str, int]:
    """Those of these examples that are items."""
    values = {"queue": queue.id, "dataset": queue.dataset_id, "keys": sorted(set(keys))}
    found = db.execute(_BY_KEY, values)
    return {row.key: row.position for row in found}


_KNOWN = text("""
    SELECT verdict.token, EXISTS (
        SELECT FROM review_verdicts undo
        WHERE undo.queue_id = :queue AND undo.undoes = verdict.id
    ) AS is_undone
    FROM unnest(:people, :tokens) AS asked (person, token)
    JOIN review_verdicts verdict ON verdict.queue_id = :queue
        AND verdict.principal_id = asked.person AND verdict.token = asked.token
""").bindparams(bindparam("people", type_=ARRAY(Uuid())), bindparam("tokens", type_=ARRAY(Uuid())))


def known_tokens(
    db: Session, queue_id: uuid.UUID, asked: Sequence[tuple[uuid.UUID, uuid.UUID]]
) -> dict[uuid.UUID, bool]:
    """Which of these people's tokens are in the log, and whether their verdicts were undone."""
    people, tokens = [person for person, _ in asked], [token for _, token in asked]
    found = db.execute(_KNOWN, {"queue": queue_id, "people": people, "tokens": tokens})
    return {row.token: row.is_undone for row in found}


def standing_opinions(
    db: Session, queue_id: uuid.UUID, people: Iterable[uuid.UUID], positions: Sequence[int]
) -> Mapping[tuple[uuid.UUID, int], Opinion]:
    """What these people hold of these items, by person and position."""
    query = select(
        ReviewVote.principal_id,
        ReviewVote.position,
        ReviewVote.kind,
        ReviewVote.label,
        ReviewVote.value,
    ).where(
        ReviewVote.queue_id == queue_id,
        ReviewVote.position.in_(positions),
        ReviewVote.principal_id.in_(list(people)),
    )
    return {
        (row.principal_id, row.position): Opinion(VerdictKind(row.kind), row.label, row.value)
        for row in db.execute(query)
    }


def verdicts_of(
    db: Session, queue_id: uuid.UUID, import_id: uuid.UUID, people: Iterable[uuid.UUID]
) -> Sequence[ReviewVerdict]:
    """Those that came with an import and were not undone, the latest first."""
    undo = aliased(ReviewVerdict)
    is_undone = (
        select(undo.id)
        .where(undo.queue_id == ReviewVerdict.queue_id, undo.undoes == ReviewVerdict.id)
        .exists()
    )
    query = select(ReviewVerdict).where(
        ReviewVerdict.queue_id == queue_id,
        ReviewVerdict.principal_id.in_(list(people)),
        ReviewVerdict.import_id == import_id,
        ~is_undone,
    )
    return db.scalars(query.order_by(ReviewVerdict.id.desc())).all()


def import_of(db: Session, queue_id: uuid.UUID, import_id: uuid.UUID) -> ReviewImport | None:
    return db.scalar(
        select(ReviewImport).where(ReviewImport.queue_id == queue_id, ReviewImport.id == import_id)
    )


def mark_undone(db: Session, import_id: uuid.UUID) -> bool:
    """Says whether it was not undone before."""
    marked = db.scalar(
        update(ReviewImport)
        .where(ReviewImport.id == import_id, ReviewImport.undone_at.is_(None))
        .values(undone_at=func.now())
        .returning(ReviewImport.id)
    )
    return marked is not None


def imports_newest_first(
    db: Session,
    queue_id: uuid.UUID,
    *,
    after: tuple[datetime, uuid.UUID] | None,
    limit: int,
) -> Sequence[ReviewImport]:
    query = select(ReviewImport).where(ReviewImport.queue_id == queue_id)
    if after is not None:
        query = query.where(tuple_(ReviewImport.created_at, ReviewImport.id) < after)
    order = (ReviewImport.created_at.desc(), ReviewImport.id.desc())
    return db.scalars(query.order_by(*order).limit(limit)).all()
