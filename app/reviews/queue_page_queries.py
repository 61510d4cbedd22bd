"""SQL of what pages show of queues beside their descriptions."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

# Each part is a step of an index for each queue; the literals let the partial indexes be used.
_AT_QUEUES = text("""
    SELECT queue.id,
        (SELECT coalesce(sum(skipped), 0) FROM review_tallies WHERE queue_id = queue.id) AS skipped,
        (SELECT count(*) FROM review_claims
            WHERE queue_id = queue.id AND principal_id = :me AND expires_at > now()
                AND NOT adjudicates) AS held_by_me,
        (SELECT count(*) FROM review_votes
            WHERE queue_id = queue.id AND principal_id = :me AND kind = 'skip') AS skipped_by_me,
        (SELECT coalesce(sum(decided), 0) FROM review_tallies
            WHERE queue_id = queue.id AND principal_id = :me
                AND day = CAST(now() AT TIME ZONE 'utc' AS date)) AS decided_today
    FROM unnest(CAST(:queues AS uuid[])) AS queue(id)
""")


def at_queues(
    db: Session, queue_ids: Sequence[uuid.UUID], me: uuid.UUID
) -> dict[uuid.UUID, Row[Any]]:
    """What a person holds, skipped and decided at each queue, and how many skips stand there."""
    rows = db.execute(_AT_QUEUES, {"queues": list(queue_ids), "me": me})
    return {row.id: row for row in rows}
