"""A simulated review written into a queue, as if people had done it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from app.estimates.history import Left, Outcome
from benchmarks.simulated_reviews import SimulatedReview

_POOL = text(
    "INSERT INTO audit_pools (dataset_id, draws, made_at) VALUES (:dataset, :draws, now())"
)
_DRAWS = text("""
    INSERT INTO audit_draws (dataset_id, number, position, queue_id, unreviewed, drawn_at)
    SELECT :dataset, number, position, :queue, unreviewed, now()
    FROM unnest(CAST(:numbers AS int[]), CAST(:positions AS int[]), CAST(:pools AS int[]))
        AS drawn (number, position, unreviewed)
""")
_REVIEWED = text("""
    INSERT INTO reviewed_examples (dataset_id, position, left_after)
    SELECT :dataset, position, left_after
    FROM unnest(CAST(:positions AS int[]), CAST(:after AS int[])) AS settled (position, left_after)
""")
_OUTCOMES = text("""
    UPDATE review_items item SET state = 'done', settled_by = 'consensus', seats = 0, votes = 1,
        outcome = settled.outcome,
        outcome_label = CASE settled.outcome WHEN 'right' THEN given_label
            WHEN 'relabel' THEN (given_label + 1) % 5 END
    FROM unnest(CAST(:positions AS int[]), CAST(:outcomes AS text[])) AS settled (position, outcome)
    WHERE item.queue_id = :queue AND item.position = settled.position
""")
_SETTLED = {Outcome.right: "right", Outcome.wrong: "relabel", Outcome.unknown: "unsure"}


def write_review(dataset_id: UUID, queue_id: UUID, review: SimulatedReview) -> None:
    """Into a queue that has all examples of the dataset and was not worked at."""
    from app.db import transaction

    left = review.left
    draws = [(position, each) for position, each in left.items() if each.is_audit]
    settled = [(position, each) for position, each in left.items() if each.outcome in _SETTLED]
    given = {"dataset": dataset_id, "queue": queue_id}
    with transaction() as db:
        db.execute(_POOL, given | {"draws": len(draws)})
        db.execute(
            _DRAWS,
            given
            | _positions(draws)
            | {"numbers": [each.after for _, each in draws]}
            | {"pools": [each.unreviewed for _, each in draws]},
        )
        after = {"after": [each.after for _, each in settled]}
        db.execute(_REVIEWED, given | _positions(settled) | after)
        outcomes = {"outcomes": [_SETTLED[each.outcome] for _, each in settled]}
        db.execute(_OUTCOMES, given | _positions(settled) | outcomes)


def _positions(left: list[tuple[int, Left]]) -> dict[str, list[int]]:
    return {"positions": [position for position, _ in left]}
