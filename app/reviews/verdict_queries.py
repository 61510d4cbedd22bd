"""SQL of verdicts: what is known of an item under its lock, and writing what was decided."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.orm import Session, aliased

from app.datasets.models import Example
from app.db import rows
from app.reviews.at_queue import QueueLike
from app.reviews.consensus import Opinion, Settlement
from app.reviews.models import (
    ItemState,
    ReviewClaim,
    ReviewDispute,
    ReviewItem,
    ReviewVerdict,
    ReviewVote,
    SettledBy,
    VerdictKind,
)

_LOCK_ITEM = """
    SELECT item.position, item.place, item.given_label, item.seats, item.votes, item.state,
        item.settled_by, item.role, example.key, example.given_target,
        claim.adjudicates AS claim_adjudicates,
        vote.verdict_id AS vote_id, vote.kind AS vote_kind,
        earlier.id AS earlier_id
    FROM review_items item
    JOIN examples example ON example.dataset_id = %(dataset)s AND example.position = item.position
    LEFT JOIN review_claims claim ON claim.queue_id = %(queue)s AND claim.principal_id = %(me)s
        AND claim.position = item.position
    LEFT JOIN review_votes vote ON vote.queue_id = %(queue)s AND vote.position = item.position
        AND vote.principal_id = %(me)s
    LEFT JOIN review_verdicts earlier ON earlier.queue_id = %(queue)s
        AND earlier.principal_id = %(me)s AND earlier.token = %(token)s
    WHERE item.queue_id = %(queue)s AND item.position = %(position)s
    FOR UPDATE OF item
"""


def lock_item(
    db: Session, queue: QueueLike, position: int, me: uuid.UUID, token: uuid.UUID
) -> Any | None:
    """Lock an item; with the person's claim, vote, and verdict of the same token, if any.

    What is the person's own cannot have changed while the lock was waited for: their desk is
    locked.
    """
    found = rows(
        db,
        _LOCK_ITEM,
        {
            "queue": queue.id,
            "dataset": queue.dataset_id,
            "position": position,
            "me": me,
            "token": token,
        },
    )
    return found[0] if found else None


_RECORD = """
    WITH verdict AS (
        INSERT INTO review_verdicts (
            queue_id, principal_id, position, kind, label, value, comment, seconds, at, token,
            undoes, adjudicates, counted, item_state, import_id
        ) VALUES (
            %(queue)s, %(me)s, %(position)s, %(kind)s, %(label)s, %(value)s, %(comment)s,
            %(seconds)s, now(), %(token)s,
            %(undoes)s, %(adjudicates)s, %(counted)s, %(state)s, %(import_id)s
        ) RETURNING id, at
    ),
    claim AS (
        DELETE FROM review_claims
        WHERE queue_id = %(queue)s AND principal_id = %(me)s AND position = %(position)s
            AND adjudicates = %(adjudicates)s AND %(ends_claim)s
    ),
    vote AS (
        INSERT INTO review_votes (queue_id, position, principal_id, verdict_id, kind, label, value)
        SELECT %(queue)s, %(position)s, %(me)s, id, %(kind)s, %(label)s, %(value)s
        FROM verdict WHERE %(votes_now)s
        ON CONFLICT (queue_id, position, principal_id) DO UPDATE SET
            verdict_id = excluded.verdict_id, kind = excluded.kind, label = excluded.label,
            value = excluded.value
    ),
    tally AS (
        INSERT INTO review_tallies AS tally (
            queue_id, principal_id, day, decided, skipped, seconds, done, disputed, recent,
            recent_at
        ) VALUES (
            %(queue)s, %(me)s,
            CAST(coalesce(CAST(%(counted_at)s AS timestamptz), now()) AT TIME ZONE 'utc' AS date),
            %(decided)s, %(skipped)s, %(tally_seconds)s, %(done)s, %(disputed)s,
            greatest(%(decided)s, 0), now()
        )
        ON CONFLICT (queue_id, principal_id, day) DO UPDATE SET
            decided = tally.decided + excluded.decided,
            skipped = tally.skipped + excluded.skipped,
            seconds = tally.seconds + excluded.seconds,
            done = tally.done + excluded.done,
            disputed = tally.disputed + excluded.disputed,
            recent = excluded.recent
                + tally.recent * exp(extract(epoch FROM tally.recent_at - now()) / 600.0),
            recent_at = now()
    ),
    item AS (
        UPDATE review_items SET
            seats = %(seats)s, votes = %(votes)s, state = %(state)s, settled_by = %(settled_by)s,
            outcome = %(outcome)s, outcome_label = %(outcome_label)s,
            outcome_value = %(outcome_value)s,
            freed_at = CASE WHEN %(seats)s > seats THEN clock_timestamp() ELSE freed_at END
        WHERE queue_id = %(queue)s AND position = %(position)s AND %(changes_item)s
    ),
    pool AS (
        SELECT draws FROM audit_pools WHERE dataset_id = %(dataset)s AND %(is_review)s FOR SHARE
    ),
    reviewed AS (
        INSERT INTO reviewed_examples (dataset_id, position, left_after)
        SELECT %(dataset)s, %(position)s, draws FROM pool
        ON CONFLICT DO NOTHING
    )
    SELECT id, at FROM verdict
"""


def record(db: Session, values: Mapping[str, Any]) -> Any:
    """Write a verdict and all that follows from it, by one statement; returns its id and time.

    `votes_now`: it becomes the person's standing vote. `changes_item`: the item's columns are
    written. `ends_claim`: what the person held the item for is done. `is_review`: the example has
    left the pool of audits, if it was not out of it before.
    """
    [written] = rows(db, _RECORD, values)
    return written


def opinions(db: Session, queue_id: uuid.UUID, position: int, but: uuid.UUID) -> list[Opinion]:
    """What others hold of an item; skips are no opinions."""
    found = db.execute(
        select(ReviewVote.kind, ReviewVote.label, ReviewVote.value).where(
            ReviewVote.queue_id == queue_id,
            ReviewVote.position == position,
            ReviewVote.principal_id != but,
            ReviewVote.kind != VerdictKind.skip.value,
        )
    )
    return [Opinion(VerdictKind(row.kind), row.label, row.value) for row in found]


def verdict(
    db: Session, queue_id: uuid.UUID, me: uuid.UUID, verdict_id: int
) -> ReviewVerdict | None:
    return db.get(ReviewVerdict, (queue_id, me, verdict_id))


def verdicts_by_token(
    db: Session, queue_id: uuid.UUID, me: uuid.UUID, tokens: Sequence[uuid.UUID]
) -> Sequence[ReviewVerdict]:
    return db.scalars(
        select(ReviewVerdict)
        .where(
            ReviewVerdict.queue_id == queue_id,
            ReviewVerdict.principal_id == me,
            ReviewVerdict.token.in_(tokens),
        )
        .order_by(ReviewVerdict.id)
    ).all()


def standing(
    db: Session, queue_id: uuid.UUID, me: uuid.UUID, limit: int, *, of: uuid.UUID | None = None
) -> Sequence[ReviewVerdict]:
    """The person's latest verdicts that were not taken back; batches are undone as batches.

    Args:
        of: the token of the only one that is meant.
    """
    query = _standing(queue_id, me)
    if of is not None:
        query = query.where(ReviewVerdict.token == of)
    return db.scalars(query.order_by(ReviewVerdict.id.desc()).limit(limit)).all()


def standing_before(
    db: Session, verdict: ReviewVerdict, *, adjudicates: bool = False
) -> ReviewVerdict | None:
    """What the person held of the item before that verdict, and did not take back."""
    return db.scalar(
        _standing(verdict.queue_id, verdict.principal_id)
        .where(
            ReviewVerdict.position == verdict.position,
            ReviewVerdict.id < verdict.id,
            ReviewVerdict.counted,
            ReviewVerdict.adjudicates.is_(adjudicates),
        )
        .order_by(ReviewVerdict.id.desc())
        .limit(1)
    )


def _standing(queue_id: uuid.UUID, me: uuid.UUID) -> Select[ReviewVerdict]:
    return select(ReviewVerdict).where(
        ReviewVerdict.queue_id == queue_id,
        ReviewVerdict.principal_id == me,
        ReviewVerdict.kind != VerdictKind.undo.value,
        ReviewVerdict.batch_id.is_(None),
        ~_is_undone(),
    )


def _is_undone() -> ColumnElement[bool]:
    undo = aliased(ReviewVerdict)
    return (
        select(undo.id)
        .where(undo.queue_id == ReviewVerdict.queue_id, undo.undoes == ReviewVerdict.id)
        .exists()
    )


def lock_items(db: Session, queue_id: uuid.UUID, positions: Sequence[int]) -> None:
    """In the one order in which several items are locked."""
    db.execute(
        select(ReviewItem.position)
        .where(ReviewItem.queue_id == queue_id, ReviewItem.position.in_(positions))
        .order_by(ReviewItem.place)
        .with_for_update()
    )


def put_vote(db: Session, queue_id: uuid.UUID, me: uuid.UUID, earlier: ReviewVerdict) -> None:
    """An earlier verdict stands again."""
    db.execute(
        update(ReviewVote)
        .where(
            ReviewVote.queue_id == queue_id,
            ReviewVote.position == earlier.position,
            ReviewVote.principal_id == me,
        )
        .values(verdict_id=earlier.id, kind=earlier.kind, label=earlier.label, value=earlier.value)
    )


def drop_vote(db: Session, queue_id: uuid.UUID, me: uuid.UUID, position: int) -> None:
    db.execute(
        delete(ReviewVote).where(
            ReviewVote.queue_id == queue_id,
            ReviewVote.position == position,
            ReviewVote.principal_id == me,
        )
    )


def put_claim(
    db: Session, queue: QueueLike, me: uuid.UUID, position: int, *, adjudicates: bool
) -> None:
    db.execute(
        insert(ReviewClaim).values(
            queue_id=queue.id,
            principal_id=me,
            position=position,
            # Before all that the person holds: it is what they want to see again.
            claimed_at=func.coalesce(
                select(func.min(ReviewClaim.claimed_at) - timedelta(microseconds=1))
                .where(ReviewClaim.queue_id == queue.id, ReviewClaim.principal_id == me)
                .scalar_subquery(),
                func.now(),
            ),
            expires_at=func.now() + timedelta(seconds=queue.claim_ttl_s),
            adjudicates=adjudicates,
        )
    )


def dispute(db: Session, queue_id: uuid.UUID, position: int) -> ReviewDispute | None:
    """Locked: whoever holds the item's lock comes first, adjudicators at `next` only try."""
    return db.scalar(
        select(ReviewDispute)
        .where(ReviewDispute.queue_id == queue_id, ReviewDispute.position == position)
        .with_for_update()
    )


def add_dispute(db: Session, queue_id: uuid.UUID, position: int, place: int) -> None:
    db.execute(
        insert_or(ReviewDispute)
        .values(queue_id=queue_id, position=position, place=place)
        .on_conflict_do_nothing()
    )


def change_dispute(
    db: Session,
    queue_id: uuid.UUID,
    position: int,
    *,
    is_held: bool,
    verdict_id: int | None,
    decided_by: uuid.UUID | None,
) -> None:
    db.execute(
        update(ReviewDispute)
        .where(ReviewDispute.queue_id == queue_id, ReviewDispute.position == position)
        .values(is_held=is_held, verdict_id=verdict_id, decided_by=decided_by)
        .execution_options(synchronize_session=False)
    )


def drop_dispute(db: Session, queue_id: uuid.UUID, position: int) -> None:
    db.execute(
        delete(ReviewDispute)
        .where(ReviewDispute.queue_id == queue_id, ReviewDispute.position == position)
        .execution_options(synchronize_session=False)
    )


def take_up_skips(db: Session, queue_id: uuid.UUID, me: uuid.UUID) -> int:
    """Take back all of a person's skips, each with its row in the log; returns how many."""
    taken = text("""
        WITH gone AS (
            DELETE FROM review_votes
            WHERE queue_id = :queue AND principal_id = :me AND kind = 'skip'
            RETURNING position, verdict_id
        ),
        logged AS (
            INSERT INTO review_verdicts (
                queue_id, principal_id, position, kind, at, token, undoes, item_state
            )
            SELECT :queue, :me, gone.position, 'undo', now(), gen_random_uuid(), gone.verdict_id,
                item.state
            FROM gone JOIN review_items item
                ON item.queue_id = :queue AND item.position = gone.position
            RETURNING id
        ),
        counted AS (SELECT count(*) AS n FROM logged),
        tally AS (
            INSERT INTO review_tallies AS tally (
                queue_id, principal_id, day, decided, skipped, seconds, done, disputed, recent,
                recent_at
            )
            SELECT :queue, :me, CAST(now() AT TIME ZONE 'utc' AS date), 0, -n, 0, 0, 0, 0, now()
            FROM counted
            ON CONFLICT (queue_id, principal_id, day) DO UPDATE SET
                skipped = tally.skipped + excluded.skipped
        )
        SELECT n FROM counted
    """)
    return int(db.execute(taken, {"queue": queue_id, "me": me}).scalar_one())


def history_of_person(
    db: Session,
    queue: QueueLike,
    person: uuid.UUID,
    *,
    before: int | None,
    limit: int,
    told_to: uuid.UUID | None = None,
) -> Sequence[Row[ReviewVerdict, str, bool]]:
    """Rows of (ReviewVerdict, key, is_undone), the latest first.

    Args:
        told_to: leave out what this person is not to know before they decide.
    """
    query = _history(queue, told_to).where(ReviewVerdict.principal_id == person)
    if before is not None:
        query = query.where(ReviewVerdict.id < before)
    return db.execute(query.order_by(ReviewVerdict.id.desc()).limit(limit)).all()


def history_of_item(
    db: Session,
    queue: QueueLike,
    position: int,
    *,
    after: int | None,
    limit: int,
    told_to: uuid.UUID | None = None,
) -> Sequence[Row[ReviewVerdict, str, bool]]:
    """The same of an item, the earliest first."""
    query = _history(queue, told_to).where(ReviewVerdict.position == position)
    if after is not None:
        query = query.where(ReviewVerdict.id > after)
    return db.execute(query.order_by(ReviewVerdict.id).limit(limit)).all()


def _history(queue: QueueLike, told_to: uuid.UUID | None) -> Select[ReviewVerdict, str, bool]:
    query = (
        select(ReviewVerdict, Example.key, _is_undone().label("is_undone"))
        .join(
            Example,
            (Example.dataset_id == queue.dataset_id) & (Example.position == ReviewVerdict.position),
        )
        .where(ReviewVerdict.queue_id == queue.id)
    )
    if told_to is None:
        return query
    has_decided = exists().where(
        ReviewVote.queue_id == queue.id,
        ReviewVote.position == ReviewVerdict.position,
        ReviewVote.principal_id == told_to,
        ReviewVote.kind != VerdictKind.skip.value,
    )
    is_open = exists().where(
        ReviewItem.queue_id == queue.id,
        ReviewItem.position == ReviewVerdict.position,
        ReviewItem.state == ItemState.open.value,
    )
    return query.where(or_(ReviewVerdict.principal_id == told_to, has_decided, ~is_open))


def settlement_of(db: Session, queue_id: uuid.UUID, position: int) -> Settlement:
    """As it is written in the item."""
    item = db.execute(
        select(
            ReviewItem.state,
            ReviewItem.settled_by,
            ReviewItem.outcome,
            ReviewItem.outcome_label,
            ReviewItem.outcome_value,
        ).where(ReviewItem.queue_id == queue_id, ReviewItem.position == position)
    ).one()
    return Settlement(
        ItemState(item.state),
        SettledBy(item.settled_by) if item.settled_by else None,
        VerdictKind(item.outcome) if item.outcome else None,
        item.outcome_label,
        item.outcome_value,
    )


def key_of(db: Session, queue: QueueLike, position: int) -> str:
    return db.scalars(
        select(Example.key).where(
            Example.dataset_id == queue.dataset_id, Example.position == position
        )
    ).one()


def item_exists(db: Session, queue_id: uuid.UUID, position: int) -> bool:
    return db.get(ReviewItem, (queue_id, position)) is not None
