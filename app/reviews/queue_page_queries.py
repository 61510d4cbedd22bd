"""SQL of what pages show of queues beside their descriptions."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.reviews.duty_queries import duties_sql

# Each part is a step of an index for each queue; the literals let the partial indexes be used.
_AT_QUEUES = text(f"""
    SELECT queue.id,
        (SELECT coalesce(sum(skipped), 0) FROM review_tallies WHERE queue_id = queue.id) AS skipped,
        (SELECT count(*) FROM review_claims
            WHERE queue_id = queue.id AND principal_id = :me AND expires_at > now()
                AND NOT adjudicates) AS held_by_me,
        (SELECT count(*) FROM review_votes
            WHERE queue_id = queue.id AND principal_id = :me AND kind = 'skip') AS skipped_by_me,
        (SELECT coalesce(sum(decided), 0) FROM review_tallies
            WHERE queue_id = queue.id AND principal_id = :me
                AND day = CAST(now() AT TIME ZONE 'utc' AS date)) AS decided_today,
        ARRAY({duties_sql("queue.id", ":me")}) AS my_duties,
        ARRAY(SELECT named.name FROM review_group_duties duty
            JOIN groups named ON named.id = duty.group_id
            WHERE duty.queue_id = queue.id AND duty.duty = 'review'
            ORDER BY named.name) AS reviewing_groups,
        ARRAY(SELECT named.name FROM review_group_duties duty
            JOIN groups named ON named.id = duty.group_id
            WHERE duty.queue_id = queue.id AND duty.duty = 'adjudicate'
            ORDER BY named.name) AS adjudicating_groups
    FROM unnest(CAST(:queues AS uuid[])) AS queue(id)
""")  # noqa: S608 - no values in it


def at_queues(
    db: Session, queue_ids: Sequence[uuid.UUID], me: uuid.UUID
) -> dict[uuid.UUID, Row[Any]]:
    """What a person holds, skipped, decided and may do at each queue; its skips and groups."""
    rows = db.execute(_AT_QUEUES, {"queues": list(queue_ids), "me": me})
    return {row.id: row for row in rows}
