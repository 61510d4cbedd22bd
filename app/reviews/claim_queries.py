"""SQL of giving items to people: hand-written, for it is what every reviewer waits for.

How `take` finds the first item for a person without looking twice at what is past:

- The index of open items holds those with a seat left. What is held or done has left it, but an
  index keeps dead entries until a vacuum: so nobody begins at the queue's head. A desk has a
  `base`, before which nothing is left for this person, whether others hold it, it is done, or they
  decided it themselves; a second reviewer's seat costs them nothing there.
- A seat that comes back before somebody's base (a claim expired, released, skipped) stamps the
  item with `freed_at`, and they find it by that: `since` is when they last looked before the base.
- A look may miss an item that another transaction had locked. So `base` moves on only over places
  that two looks, a while apart, found empty; the first is remembered as `pending`.
- Before anybody is told that nothing is left, they look again and wait for what is locked, and
  now and then from the head: so whatever else was missed (a transaction rolled back late) is found.

Locks are taken in one order: the caller's own desk, then items, then claims. Claims of others are
removed only with their desks locked, and desks of others are only ever tried (SKIP LOCKED).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Row, func, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.access.models import Principal
from app.datasets.models import Example, Task
from app.db import rows
from app.estimates.draw_queries import POOL_KEY
from app.reviews.at_queue import DeskState, Entered, QueueLike, QueueRules
from app.reviews.duty_queries import duties_sql
from app.reviews.models import HEAD, Duty, ReviewClaim, ReviewDesk, ReviewVote

ITEM = """
    item.position, item.place, item.given_label, item.suggested_label, item.suggested_value,
    item.priority, item.state, item.votes, example.key, example.given_target
"""


_RULES = len(fields(QueueRules))
_ENTER = f"""
    SELECT queue.id, queue.project_id, queue.dataset_id, queue.name, queue.overlap,
        queue.claim_ttl_s, queue.show_suggestion, queue.tolerance, queue.is_assigned,
        queue.epoch, queue.closed_at, queue.item_count, queue.audits, queue.canaries,
        queue.audits_drawn, queue.canaries_made, queue.mixed_in,
        desk.base, desk.since, desk.pending, desk.pending_at, desk.epoch AS desk_epoch,
        desk.whole_at, dataset.classes, dataset.task,
        ARRAY({duties_sql("%(queue)s", "%(me)s")}) AS duties,
        EXISTS (
            SELECT FROM review_claims claim
            WHERE claim.queue_id = %(queue)s AND claim.expires_at <= now()
        ) AS has_stale,
        EXISTS (
            SELECT FROM review_claims claim
            WHERE claim.queue_id = %(queue)s AND claim.principal_id = %(me)s
        ) AS has_claims,
        -- Whoever makes the dataset's pool waits for all who did not know of it.
        pg_advisory_xact_lock_shared({POOL_KEY})
    FROM review_queues queue
    JOIN review_desks desk ON desk.queue_id = queue.id AND desk.principal_id = %(me)s
    JOIN datasets dataset ON dataset.id = queue.dataset_id
    WHERE queue.id = %(queue)s AND queue.project_id = %(project)s
    FOR UPDATE OF desk
"""  # noqa: S608 - no values in it


def enter(db: Session, project_id: uuid.UUID, queue_id: uuid.UUID, me: uuid.UUID) -> Entered | None:
    """Lock the caller's desk; None if there is no such queue, or no desk yet."""
    found = rows(db, _ENTER, {"queue": queue_id, "me": me, "project": project_id})
    if not found:
        return None
    row = found[0]
    return Entered(
        queue=QueueRules(*row[:_RULES]),
        desk=DeskState(me, *row[_RULES : _RULES + 6]),
        classes=row.classes or [],
        is_regression=row.task == Task.regression,
        has_review_duty=Duty.review in row.duties,
        has_adjudication_duty=Duty.adjudicate in row.duties,
        has_stale=row.has_stale,
        has_claims=row.has_claims,
    )


def add_desk(db: Session, queue_id: uuid.UUID, me: uuid.UUID, epoch: int) -> None:
    db.execute(
        insert(ReviewDesk)
        .values(queue_id=queue_id, principal_id=me, epoch=epoch)
        .on_conflict_do_nothing()
    )


_MINE = f"""
    SELECT {ITEM}, claim.expires_at, claim.adjudicates, claim.claimed_at,
        claim.expires_at < now() + make_interval(secs => %(ttl_s)s / 2.0) AS ends_soon
    FROM review_claims claim
    JOIN review_items item USING (queue_id, position)
    JOIN examples example ON example.dataset_id = %(dataset)s AND example.position = item.position
    WHERE claim.queue_id = %(queue)s AND claim.principal_id = %(me)s AND claim.expires_at > now()
    ORDER BY item.place
"""  # noqa: S608 - no values in it


def claims_of(db: Session, queue: QueueLike, me: uuid.UUID) -> Sequence[Any]:
    """What a person holds, in the queue's order."""
    return rows(
        db,
        _MINE,
        {"queue": queue.id, "dataset": queue.dataset_id, "me": me, "ttl_s": queue.claim_ttl_s},
    )


_FREE_STALE = text("""
    WITH stale AS (
        SELECT principal_id, position FROM review_claims
        WHERE queue_id = :queue AND expires_at <= now()
        ORDER BY expires_at LIMIT 200
    ),
    owners AS MATERIALIZED (
        SELECT principal_id FROM review_desks
        WHERE queue_id = :queue AND principal_id IN (SELECT principal_id FROM stale)
        FOR UPDATE SKIP LOCKED
    ),
    items AS MATERIALIZED (
        SELECT position FROM review_items
        WHERE queue_id = :queue
            AND position IN (SELECT position FROM stale JOIN owners USING (principal_id))
        FOR UPDATE SKIP LOCKED
    ),
    gone AS (
        DELETE FROM review_claims claim
        USING stale JOIN owners USING (principal_id) JOIN items USING (position)
        WHERE claim.queue_id = :queue AND claim.principal_id = stale.principal_id
            AND claim.position = stale.position AND claim.expires_at <= now()
        RETURNING claim.position, claim.adjudicates
    ),
    disputes AS (
        UPDATE review_disputes dispute SET is_held = false FROM gone
        WHERE gone.adjudicates AND dispute.queue_id = :queue
            AND dispute.position = gone.position
    )
    UPDATE review_items item
    SET seats = item.seats + back.seats, freed_at = clock_timestamp()
    FROM (
        SELECT position, count(*) AS seats FROM gone WHERE NOT adjudicates GROUP BY position
    ) back
    WHERE item.queue_id = :queue AND item.position = back.position
""")


def free_stale(db: Session, queue_id: uuid.UUID) -> None:
    """Take expired claims back, but those that somebody is dealing with at this moment."""
    db.execute(_FREE_STALE, {"queue": queue_id})


@cache
def _take(count: int, patient: bool) -> str:
    lock = "FOR UPDATE OF item" if patient else "FOR UPDATE OF item SKIP LOCKED"
    # The limits are literal: a planner that does not know them may prefer to read and sort all.
    # OFFSET 0 keeps it from a join with all that the person ever decided: of the few items that are
    # looked at, each is asked about by its key.
    fits = """
        item.queue_id = %(queue)s AND item.is_open
        AND NOT EXISTS (
            SELECT FROM review_votes vote WHERE vote.queue_id = %(queue)s
                AND vote.position = item.position AND vote.principal_id = %(me)s OFFSET 0
        )
        AND NOT EXISTS (
            SELECT FROM review_claims claim WHERE claim.queue_id = %(queue)s
                AND claim.principal_id = %(me)s AND claim.position = item.position OFFSET 0
        )
    """
    return f"""
        WITH freed AS MATERIALIZED (
            SELECT item.position, item.place FROM review_items item
            WHERE {fits} AND item.freed_at >= %(since)s AND item.place < %(base)s
            ORDER BY item.place LIMIT {count} {lock}
        ),
        ahead AS MATERIALIZED (
            SELECT item.position, item.place FROM review_items item
            WHERE {fits} AND item.place >= %(base)s AND NOT EXISTS (SELECT FROM freed)
            ORDER BY item.place LIMIT {count} {lock}
        ),
        taken AS (SELECT * FROM freed UNION ALL SELECT * FROM ahead),
        held AS (
            INSERT INTO review_claims
                (queue_id, principal_id, position, claimed_at, expires_at, adjudicates)
            SELECT %(queue)s, %(me)s, position, now(),
                now() + make_interval(secs => %(ttl_s)s), false
            FROM taken
        ),
        seated AS (
            UPDATE review_items item SET seats = item.seats - 1 FROM taken
            WHERE item.queue_id = %(queue)s AND item.position = taken.position
            RETURNING item.*
        ),
        looked AS (
            UPDATE review_desks desk SET
                epoch = %(epoch)s,
                base = CASE WHEN due.moves THEN due.pending ELSE %(base)s END,
                since = CASE WHEN due.moves THEN due.pending_at ELSE %(since)s END,
                pending = CASE WHEN due.moves THEN due.place ELSE due.pending END,
                pending_at = CASE WHEN due.moves THEN now() ELSE due.pending_at END
            FROM (
                SELECT CAST(%(pending)s AS integer) AS pending,
                    CAST(%(pending_at)s AS timestamptz) AS pending_at,
                    coalesce((SELECT min(place) FROM ahead), CAST(%(pending)s AS integer)) AS place,
                    now() >= CAST(%(pending_at)s AS timestamptz) + interval '1 second'
                        AND NOT EXISTS (SELECT FROM freed) AS moves
            ) due
            WHERE desk.queue_id = %(queue)s AND desk.principal_id = %(me)s
            RETURNING desk.base
        )
        SELECT {ITEM}, now() + make_interval(secs => %(ttl_s)s) AS expires_at, false AS adjudicates
        FROM seated item
        JOIN examples example
            ON example.dataset_id = %(dataset)s AND example.position = item.position
        ORDER BY item.place
    """  # noqa: S608 - a number of ours


def take(
    db: Session,
    queue: QueueLike,
    desk: DeskState,
    count: int,
    *,
    patient: bool = False,
    whole: bool = False,
) -> Sequence[Any]:
    """Claim up to `count` of the first items that the person may decide.

    May give fewer than there are, but none only if none was found.

    Args:
        patient: wait for items that are locked at this moment, rather than pass them by.
        whole: look from the queue's head, whatever was seen before.
    """
    anew = whole or desk.epoch != queue.epoch
    at = db.scalars(select(func.now())).one() if anew else None
    return rows(
        db,
        _take(count, patient),
        {
            "queue": queue.id,
            "dataset": queue.dataset_id,
            "me": desk.principal_id,
            "ttl_s": queue.claim_ttl_s,
            "epoch": queue.epoch,
            "base": HEAD if anew else desk.base,
            "since": at or desk.since,
            "pending": HEAD if anew else desk.pending,
            "pending_at": at or desk.pending_at,
        },
    )


def note_whole_look(db: Session, queue_id: uuid.UUID, me: uuid.UUID) -> None:
    db.execute(
        update(ReviewDesk)
        .where(ReviewDesk.queue_id == queue_id, ReviewDesk.principal_id == me)
        .values(whole_at=func.now())
        .execution_options(synchronize_session=False)
    )


def look_from_head(db: Session, queue_id: uuid.UUID, me: uuid.UUID) -> None:
    """The person's next look begins at the queue's head."""
    db.execute(
        update(ReviewDesk)
        .where(ReviewDesk.queue_id == queue_id, ReviewDesk.principal_id == me)
        .values(base=HEAD, pending=HEAD, pending_at=func.now(), since=func.now())
        .execution_options(synchronize_session=False)
    )


def renew(db: Session, queue: QueueLike, me: uuid.UUID) -> Sequence[tuple[int, datetime]]:
    """Begin the time of all that a person holds anew; returns positions with the new expiry."""
    rows = db.execute(
        update(ReviewClaim)
        .where(
            ReviewClaim.queue_id == queue.id,
            ReviewClaim.principal_id == me,
            ReviewClaim.expires_at > func.now(),
        )
        .values(expires_at=func.now() + timedelta(seconds=queue.claim_ttl_s))
        .returning(ReviewClaim.position, ReviewClaim.expires_at)
        .execution_options(synchronize_session=False)
    )
    return [(row.position, row.expires_at) for row in rows]


_RELEASE = text("""
    WITH items AS MATERIALIZED (
        SELECT item.position FROM review_items item
        JOIN review_claims claim USING (queue_id, position)
        WHERE claim.queue_id = :queue AND claim.principal_id = :me
            AND (CAST(:position AS integer) IS NULL OR claim.position = :position)
        -- As a patient `take` does, or the two might wait for each other.
        ORDER BY item.place FOR UPDATE OF item
    ),
    gone AS (
        DELETE FROM review_claims claim USING items
        WHERE claim.queue_id = :queue AND claim.principal_id = :me
            AND claim.position = items.position
        RETURNING claim.position, claim.adjudicates
    ),
    disputes AS (
        UPDATE review_disputes dispute SET is_held = false FROM gone
        WHERE gone.adjudicates AND dispute.queue_id = :queue
            AND dispute.position = gone.position
    ),
    back AS (
        UPDATE review_items item SET seats = item.seats + 1, freed_at = clock_timestamp()
        FROM gone
        WHERE NOT gone.adjudicates AND item.queue_id = :queue AND item.position = gone.position
    )
    SELECT count(*) FROM gone
""")


def release(db: Session, queue_id: uuid.UUID, me: uuid.UUID, position: int | None) -> int:
    """Give one item back, or all that a person holds; returns how many."""
    given = {"queue": queue_id, "me": me, "position": position}
    return int(db.execute(_RELEASE, given).scalar_one())


def end_soon(
    db: Session, queue_id: uuid.UUID, me: uuid.UUID, position: int | None, grace_s: int
) -> int:
    """Let one claim, or all that a person holds, expire in a moment; returns how many."""
    query = update(ReviewClaim).where(
        ReviewClaim.queue_id == queue_id,
        ReviewClaim.principal_id == me,
        ReviewClaim.expires_at > func.now(),
    )
    if position is not None:
        query = query.where(ReviewClaim.position == position)
    soon = func.now() + timedelta(seconds=grace_s)
    ended = db.scalars(
        query.values(expires_at=func.least(ReviewClaim.expires_at, soon))
        .returning(ReviewClaim.position)
        .execution_options(synchronize_session=False)
    )
    return len(ended.all())


def holders(
    db: Session, queue: QueueLike, limit: int
) -> Sequence[Row[int, str, uuid.UUID, str, bool, datetime]]:
    """Who holds what until when, the first to expire first."""
    return db.execute(
        select(
            ReviewClaim.position,
            Example.key,
            ReviewClaim.principal_id,
            Principal.name,
            ReviewClaim.adjudicates,
            ReviewClaim.expires_at,
        )
        .join(Principal, Principal.id == ReviewClaim.principal_id)
        .join(
            Example,
            (Example.dataset_id == queue.dataset_id) & (Example.position == ReviewClaim.position),
        )
        .where(ReviewClaim.queue_id == queue.id, ReviewClaim.expires_at > func.now())
        .order_by(ReviewClaim.expires_at)
        .limit(limit)
    ).all()


def held_count(db: Session, queue_id: uuid.UUID) -> int:
    return db.scalars(
        select(func.count()).where(
            ReviewClaim.queue_id == queue_id, ReviewClaim.expires_at > func.now()
        )
    ).one()


def skipped_count(db: Session, queue_id: uuid.UUID, me: uuid.UUID) -> int:
    return db.scalars(
        select(func.count()).where(
            ReviewVote.queue_id == queue_id,
            ReviewVote.principal_id == me,
            # Literal, so that the partial index is known to do.
            ReviewVote.kind == literal_column("'skip'"),
        )
    ).one()


_TAKE_DISPUTE = f"""
    WITH chosen AS MATERIALIZED (
        SELECT dispute.position FROM review_disputes dispute
        WHERE dispute.queue_id = :queue AND NOT dispute.is_held AND dispute.verdict_id IS NULL
            AND NOT EXISTS (
                SELECT FROM review_votes vote WHERE vote.queue_id = :queue
                    AND vote.position = dispute.position AND vote.principal_id = :me
                    AND vote.kind = 'skip' OFFSET 0
            )
        ORDER BY dispute.{{order}} LIMIT 1 FOR UPDATE OF dispute SKIP LOCKED
    ),
    taken AS (
        UPDATE review_disputes dispute SET is_held = true FROM chosen
        WHERE dispute.queue_id = :queue AND dispute.position = chosen.position
        RETURNING dispute.position
    ),
    held AS (
        INSERT INTO review_claims
            (queue_id, principal_id, position, claimed_at, expires_at, adjudicates)
        SELECT :queue, :me, position, now(), now() + make_interval(secs => :ttl_s), true
        FROM taken
    )
    SELECT {ITEM}, now() + make_interval(secs => :ttl_s) AS expires_at, true AS adjudicates
    FROM taken
    JOIN review_items item ON item.queue_id = :queue AND item.position = taken.position
    JOIN examples example ON example.dataset_id = :dataset AND example.position = item.position
"""  # noqa: S608 - no values in it
_TAKE_FIRST_DISPUTE = text(_TAKE_DISPUTE.format(order="place"))
# Places tell what was drawn, where nothing may.
_TAKE_ANY_DISPUTE = text(_TAKE_DISPUTE.format(order="position"))


def take_dispute(db: Session, queue: QueueLike, me: uuid.UUID) -> Sequence[Any]:
    """Claim the first disputed item that nobody has in hand."""
    return db.execute(
        _TAKE_ANY_DISPUTE if queue.is_blind else _TAKE_FIRST_DISPUTE,
        {"queue": queue.id, "dataset": queue.dataset_id, "me": me, "ttl_s": queue.claim_ttl_s},
    ).all()
