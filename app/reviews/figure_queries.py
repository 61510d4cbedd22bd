"""SQL of figures: sums over people's tallies, and what people answered to the same items."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

_TODAY = "day = CAST(now() AT TIME ZONE 'utc' AS date)"
# See `ReviewTally.recent`: so many decisions in ten minutes.
_PER_HOUR = "6.0 * sum(recent * exp(extract(epoch FROM recent_at - now()) / 600.0))"

_PROGRESS = text(f"""
    SELECT coalesce(sum(done), 0) AS done, coalesce(sum(disputed), 0) AS disputed,
        coalesce(sum(skipped), 0) AS skipped, coalesce({_PER_HOUR}, 0) AS per_hour,
        coalesce(sum(decided) FILTER (WHERE principal_id = :me), 0) AS mine,
        coalesce(sum(decided) FILTER (WHERE principal_id = :me AND {_TODAY}), 0) AS my_today,
        coalesce(sum(skipped) FILTER (WHERE principal_id = :me), 0) AS my_skipped,
        (SELECT count(*) FROM review_claims claim
            WHERE claim.queue_id = :queue AND claim.expires_at > now()) AS held
    FROM review_tallies WHERE queue_id = :queue
""")  # noqa: S608 - no values in it


def progress(db: Session, queue_id: uuid.UUID, me: uuid.UUID) -> Row[Any]:
    return db.execute(_PROGRESS, {"queue": queue_id, "me": me}).one()


_REVIEWERS = text(f"""
    SELECT tally.principal_id, principal.name, sum(decided) AS decided,
        coalesce(sum(decided) FILTER (WHERE {_TODAY}), 0) AS today, sum(skipped) AS skipped,
        sum(seconds) AS seconds, {_PER_HOUR} AS per_hour
    FROM review_tallies tally
    JOIN principals principal ON principal.id = tally.principal_id
    WHERE tally.queue_id = :queue
    GROUP BY tally.principal_id, principal.name
    ORDER BY decided DESC, principal.name LIMIT 1000
""")  # noqa: S608


def reviewers(db: Session, queue_id: uuid.UUID) -> Sequence[Row[Any]]:
    return db.execute(_REVIEWERS, {"queue": queue_id}).all()


_CANARIES = "(SELECT position FROM review_items WHERE queue_id = :queue AND role = 'canary')"

# A class, or -1 for unusable.
_ANSWER = "CASE vote.kind WHEN 'unusable' THEN -1 ELSE vote.label END"
_ANSWERS = f"""
    vote.queue_id = :queue AND vote.kind IN ('right', 'relabel', 'unusable')
    AND vote.position NOT IN {_CANARIES}
"""

_CLASS_PATTERNS = text(f"""
    SELECT item.given_label, item.suggested_label, answered.pattern, count(*) AS items
    FROM (
        SELECT vote.position, array_agg({_ANSWER} ORDER BY {_ANSWER}) AS pattern
        FROM review_votes vote WHERE {_ANSWERS}
        GROUP BY vote.position HAVING count(*) > 1
    ) answered
    JOIN review_items item ON item.queue_id = :queue AND item.position = answered.position
    GROUP BY item.given_label, item.suggested_label, answered.pattern
""")  # noqa: S608


def class_patterns(db: Session, queue_id: uuid.UUID) -> Sequence[Row[Any]]:
    """The answers given to the same item, and to how many of each class pair just these."""
    return db.execute(_CLASS_PATTERNS, {"queue": queue_id}).all()


_PERSON_PATTERNS = text(f"""
    SELECT vote.principal_id AS first, other.principal_id AS second, {_ANSWER} AS one,
        {_ANSWER.replace("vote.", "other.")} AS another, count(*) AS items
    FROM review_votes vote
    JOIN review_votes other ON other.queue_id = :queue AND other.position = vote.position
        AND other.principal_id > vote.principal_id
        AND other.kind IN ('right', 'relabel', 'unusable')
    WHERE {_ANSWERS}
    GROUP BY 1, 2, 3, 4
""")  # noqa: S608


def person_patterns(db: Session, queue_id: uuid.UUID) -> Sequence[Row[Any]]:
    """What two people answered to the same item, and to how many."""
    return db.execute(_PERSON_PATTERNS, {"queue": queue_id}).all()


_NUMBERS = "vote.queue_id = :queue AND vote.value IS NOT NULL"
_SUMS = """
    count(*) AS items, count(*) FILTER (WHERE spread <= :tolerance) AS agreed, sum(m) AS values,
    sum(2 * (m * squares - total * total) / (m - 1)) AS observed, sum(total) AS total,
    sum(squares) AS squares
"""

_NUMBER_SUMS = text(f"""
    SELECT {_SUMS} FROM (
        SELECT count(*) AS m, sum(value) AS total, sum(value * value) AS squares,
            max(value) - min(value) AS spread
        FROM review_votes vote WHERE {_NUMBERS}
        GROUP BY vote.position HAVING count(*) > 1
    ) answered
""")  # noqa: S608
_NUMBER_PAIR_SUMS = text(f"""
    SELECT first, second, {_SUMS} FROM (
        SELECT vote.principal_id AS first, other.principal_id AS second, 2 AS m,
            vote.value + other.value AS total,
            vote.value * vote.value + other.value * other.value AS squares,
            abs(vote.value - other.value) AS spread
        FROM review_votes vote
        JOIN review_votes other ON other.queue_id = :queue AND other.position = vote.position
            AND other.principal_id > vote.principal_id AND other.value IS NOT NULL
        WHERE {_NUMBERS}
    ) answered
    GROUP BY first, second
""")  # noqa: S608


def number_sums(db: Session, queue_id: uuid.UUID, tolerance: float) -> Row[Any]:
    """Of items with two or more numbers: counts, and the sums that alpha is made of."""
    return db.execute(_NUMBER_SUMS, {"queue": queue_id, "tolerance": tolerance}).one()


def number_pair_sums(db: Session, queue_id: uuid.UUID, tolerance: float) -> Sequence[Row[Any]]:
    """The same for each two people."""
    return db.execute(_NUMBER_PAIR_SUMS, {"queue": queue_id, "tolerance": tolerance}).all()
