"""SQL of gates: stored policies and evaluations, and what rules count."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Row, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from app.access.models import Principal
from app.datasets.key_patterns import like
from app.datasets.models import Dataset
from app.gates.models import GateEvaluation, GatePolicy
from app.gates.questions import FlagQuestion
from app.scans.models import Flag, Scan

_AT_A_TIME = 20


def hold_name(db: Session, project_id: uuid.UUID, name: str) -> None:
    """Until the transaction ends nobody else stores a version of this name."""
    key = func.hashtextextended(f"gate {project_id} {name}", 0)
    db.execute(select(func.pg_advisory_xact_lock(key)))


def latest_policy(db: Session, project_id: uuid.UUID, name: str) -> GatePolicy | None:
    return policy_called(db, project_id, name, None)


def policy_called(
    db: Session, project_id: uuid.UUID, name: str, version: int | None
) -> GatePolicy | None:
    """This version of it, or the latest."""
    asked = select(GatePolicy).where(GatePolicy.project_id == project_id, GatePolicy.name == name)
    if version is not None:
        asked = asked.where(GatePolicy.version == version)
    return db.scalar(asked.order_by(GatePolicy.version.desc()).limit(1))


def policy(db: Session, project_id: uuid.UUID, policy_id: uuid.UUID) -> GatePolicy | None:
    return db.scalar(
        select(GatePolicy).where(GatePolicy.id == policy_id, GatePolicy.project_id == project_id)
    )


def policies(
    db: Session,
    project_id: uuid.UUID,
    *,
    name: str | None,
    after: tuple[datetime, uuid.UUID] | None,
    limit: int,
) -> Sequence[Row[GatePolicy, str]]:
    """Rows of (policy, who stored it), the newest first."""
    asked = (
        select(GatePolicy, Principal.name)
        .join(Principal, Principal.id == GatePolicy.created_by)
        .where(GatePolicy.project_id == project_id)
        .order_by(GatePolicy.created_at.desc(), GatePolicy.id.desc())
        .limit(limit)
    )
    if name is not None:
        asked = asked.where(GatePolicy.name == name)
    if after is not None:
        asked = asked.where(tuple_(GatePolicy.created_at, GatePolicy.id) < after)
    return db.execute(asked).all()


def name_of(db: Session, principal_id: uuid.UUID) -> str:
    return db.scalar(select(Principal.name).where(Principal.id == principal_id)) or ""


def evaluation(
    db: Session, project_id: uuid.UUID, evaluation_id: uuid.UUID
) -> GateEvaluation | None:
    return db.scalar(
        select(GateEvaluation).where(
            GateEvaluation.id == evaluation_id, GateEvaluation.project_id == project_id
        )
    )


_LISTED = (
    GateEvaluation.id,
    GateEvaluation.gate,
    GateEvaluation.gate_version,
    GateEvaluation.dataset_id,
    GateEvaluation.scan_id,
    GateEvaluation.verdict,
    GateEvaluation.at,
    Principal.name.label("by"),
)


def evaluations(
    db: Session,
    project_id: uuid.UUID,
    *,
    dataset_id: uuid.UUID | None,
    gate: str | None,
    after: tuple[datetime, uuid.UUID] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Without inputs and results, which may be long; the newest first."""
    asked = (
        select(*_LISTED)
        .join(Principal, Principal.id == GateEvaluation.evaluated_by)
        .where(GateEvaluation.project_id == project_id)
        .order_by(GateEvaluation.at.desc(), GateEvaluation.id.desc())
        .limit(limit)
    )
    if dataset_id is not None:
        asked = asked.where(GateEvaluation.dataset_id == dataset_id)
    if gate is not None:
        asked = asked.where(GateEvaluation.gate == gate)
    if after is not None:
        asked = asked.where(tuple_(GateEvaluation.at, GateEvaluation.id) < after)
    return cast("Sequence[Row[Any]]", db.execute(asked).all())


def every_evaluation(db: Session, dataset_id: uuid.UUID) -> Iterator[Row[GateEvaluation, str]]:
    """Rows of (evaluation, who asked for it) of a dataset, the oldest first; a few at a time."""
    asked = (
        select(GateEvaluation, Principal.name)
        .join(Principal, Principal.id == GateEvaluation.evaluated_by)
        .where(GateEvaluation.dataset_id == dataset_id)
        .order_by(GateEvaluation.at, GateEvaluation.id)
        .execution_options(yield_per=_AT_A_TIME)
    )
    yield from db.execute(asked)


_NAMES = text("""
    SELECT name FROM (
        SELECT name FROM gate_policies WHERE project_id = :project
        UNION SELECT gate FROM gate_evaluations WHERE project_id = :project
    ) known
    WHERE CAST(:after AS text) IS NULL OR name > :after
    ORDER BY name LIMIT :limit
""")


def gate_names(
    db: Session, project_id: uuid.UUID, *, after: str | None, limit: int
) -> Sequence[str]:
    """Of stored policies, and of those that came with requests."""
    values = {"project": project_id, "after": after, "limit": limit}
    return db.scalars(_NAMES, values).all()


def stored_names(db: Session, project_id: uuid.UUID) -> Sequence[str]:
    asked = select(GatePolicy.name).where(GatePolicy.project_id == project_id).distinct()
    return db.scalars(asked.order_by(GatePolicy.name)).all()


def latest_policies(
    db: Session, project_id: uuid.UUID, names: Sequence[str]
) -> dict[str, GatePolicy]:
    asked = (
        select(GatePolicy)
        .ext(distinct_on(GatePolicy.name))
        .where(GatePolicy.project_id == project_id, GatePolicy.name.in_(names))
        .order_by(GatePolicy.name, GatePolicy.version.desc())
    )
    return {stored.name: stored for stored in db.scalars(asked)}


_RECENT = text("""
    SELECT recent.* FROM unnest(CAST(:names AS text[])) asked (name)
    CROSS JOIN LATERAL (
        SELECT id, gate, dataset_id, verdict, at FROM gate_evaluations
        WHERE project_id = :project AND gate = asked.name
        ORDER BY at DESC, id DESC LIMIT :most
    ) recent
""")


def recent_evaluations(
    db: Session, project_id: uuid.UUID, names: Sequence[str], *, most: int
) -> Sequence[Row[Any]]:
    """The latest of each gate, in any order."""
    values = {"names": list(names), "project": project_id, "most": most}
    return db.execute(_RECENT, values).all()


_LATEST_OF_EACH = text("""
    SELECT DISTINCT ON (found.gate, dataset.name)
        found.id, found.gate, found.dataset_id, found.verdict, found.at,
        dataset.name, dataset.version
    FROM gate_evaluations found JOIN datasets dataset ON dataset.id = found.dataset_id
    WHERE found.project_id = :project AND found.gate = ANY(:names)
    ORDER BY found.gate, dataset.name, found.at DESC, found.id DESC
""")


def latest_of_each_dataset(
    db: Session, project_id: uuid.UUID, names: Sequence[str]
) -> Sequence[Row[Any]]:
    """The latest evaluation of each gate on each dataset, in whatever version of it."""
    return db.execute(_LATEST_OF_EACH, {"names": list(names), "project": project_id}).all()


_POLICIES_OF_LATEST = text("""
    SELECT asked.name, latest.policy FROM unnest(CAST(:names AS text[])) asked (name)
    CROSS JOIN LATERAL (
        SELECT inputs -> 'policy' AS policy FROM gate_evaluations
        WHERE project_id = :project AND gate = asked.name
        ORDER BY at DESC, id DESC LIMIT 1
    ) latest
""")


def policies_of_latest(
    db: Session, project_id: uuid.UUID, names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """What the latest evaluation of each name held a dataset against, stored or not."""
    rows = db.execute(_POLICIES_OF_LATEST, {"names": list(names), "project": project_id})
    return {row.name: row.policy for row in rows}


def flagged_positions(db: Session, scan_id: uuid.UUID) -> Sequence[int]:
    return db.scalars(select(Flag.position).where(Flag.scan_id == scan_id)).all()


_DECIDED = """
    SELECT item.position
    FROM review_queues queue JOIN review_items item ON item.queue_id = queue.id
    WHERE queue.dataset_id = :dataset AND item.outcome IS NOT NULL AND item.role <> 'canary'
"""
_REVIEWED = f"{_DECIDED} UNION SELECT unnest(CAST(:elsewhere AS integer[]))"
_REVIEWED_COUNT = text(f"SELECT count(*) FROM ({_REVIEWED}) reviewed")  # noqa: S608 - no values


def reviewed_count(db: Session, dataset_id: uuid.UUID, elsewhere: list[int]) -> int:
    """Examples that were decided in any queue, or elsewhere (see `carried.py`)."""
    values = {"dataset": dataset_id, "elsewhere": elsewhere}
    return db.execute(_REVIEWED_COUNT, values).scalar_one()


_SLICE = """
    (CAST(:label AS integer) IS NULL OR example.given_label = :label)
    AND (CAST(:key AS text) IS NULL OR example.key LIKE :key)
"""
_SLICE_COUNTS = text(f"""
    WITH reviewed AS ({_REVIEWED}), wrong AS (
        {_DECIDED} AND item.outcome IN ('relabel', 'unusable')
    ), inside AS (
        SELECT example.position FROM examples example
        WHERE example.dataset_id = :dataset AND {_SLICE}
    )
    SELECT (SELECT count(*) FROM inside) AS examples,
        (SELECT count(*) FROM inside WHERE position IN (SELECT position FROM reviewed)) AS reviewed,
        (SELECT count(*) FROM inside WHERE position IN (SELECT position FROM wrong)) AS found_wrong
""")  # noqa: S608


def slice_counts(
    db: Session, dataset_id: uuid.UUID, elsewhere: list[int], *, label: int | None, key: str | None
) -> Row[Any]:
    """(examples, reviewed, found_wrong) of a class, of keys like a pattern, or of both."""
    pattern = None if key is None else like(key)
    values = {"dataset": dataset_id, "elsewhere": elsewhere, "label": label, "key": pattern}
    return db.execute(_SLICE_COUNTS, values).one()


_ELSEWHERE = text("""
    SELECT queue.dataset_id, item.position, min(item.outcome) AS outcome,
        min(item.outcome_label) AS label, min(item.outcome_value) AS value
    FROM datasets other
    JOIN review_queues queue ON queue.dataset_id = other.id
    JOIN review_items item ON item.queue_id = queue.id
    WHERE other.project_id = :project AND other.name = :name AND other.id <> :dataset
        AND other.status = 'ready'
        AND other.classes IS NOT DISTINCT FROM (SELECT classes FROM datasets WHERE id = :dataset)
        AND item.outcome IS NOT NULL AND item.outcome <> 'unsure' AND item.role <> 'canary'
    GROUP BY queue.dataset_id, item.position
    HAVING min(item.outcome) IN ('right', 'relabel')
        AND count(DISTINCT (item.outcome, item.outcome_label, item.outcome_value)) = 1
    ORDER BY queue.dataset_id, item.position
""")


def decided_elsewhere(db: Session, dataset: Dataset) -> Sequence[Row[Any]]:
    """Rows of (dataset_id, position, outcome, label, value) of the dataset's other versions."""
    values = {"project": dataset.project_id, "name": dataset.name, "dataset": dataset.id}
    return db.execute(_ELSEWHERE, values).all()


_FOUND_WRONG = text(f"""
    SELECT count(DISTINCT position)
    FROM ({_DECIDED} AND item.outcome IN ('relabel', 'unusable')) wrong
""")  # noqa: S608


def found_wrong_count(db: Session, dataset_id: uuid.UUID) -> int:
    """Examples whose label people found wrong, or that they found not usable."""
    return db.execute(_FOUND_WRONG, {"dataset": dataset_id}).scalar_one()


# Of flags, or of examples: both have the columns that are asked about.
_SUCH = f"""
    {_SLICE}
    AND (CAST(:positions AS integer[]) IS NULL OR example.position = ANY(:positions))
"""
_FLAGS = f"""
    FROM flags flag
    JOIN examples example
        ON example.dataset_id = :dataset AND example.position = flag.position
    LEFT JOIN ({_REVIEWED}) reviewed ON reviewed.position = flag.position
    WHERE flag.scan_id = :scan AND flag.suspicion >= :suspicion AND {_SUCH}
        AND (NOT :unreviewed OR reviewed.position IS NULL)
"""
_FLAG_COUNTS = text(f"""
    SELECT example.given_label, count(*) AS flags, count(reviewed.position) AS reviewed
    {_FLAGS} GROUP BY example.given_label
""")
_EXAMPLE_COUNTS = text(f"""
    SELECT example.given_label, count(*) AS examples FROM examples example
    WHERE example.dataset_id = :dataset AND {_SUCH} GROUP BY example.given_label
""")  # noqa: S608
# Those that nobody has decided are what there is to do.
_WORST = text(f"""
    SELECT flag.*, example.key, example.given_target {_FLAGS}
    ORDER BY reviewed.position IS NOT NULL, flag.rank LIMIT :most
""")


class Counting:
    """The rows that a question is about, of one scan."""

    def __init__(
        self,
        db: Session,
        scan: Scan,
        question: FlagQuestion,
        *,
        label: int | None,
        positions: list[int] | None,
        changed: list[int] | None,
        elsewhere: list[int],
    ) -> None:
        self._db = db
        self._values = {
            "scan": scan.id,
            "dataset": scan.dataset_id,
            "suspicion": question.suspicion,
            "label": label,
            "key": None if question.key is None else like(question.key),
            "unreviewed": question.unreviewed,
            "elsewhere": elsewhere,
        }
        self._positions = positions
        self._changed = changed

    def flags(self) -> Sequence[Row[Any]]:
        """Rows of (given_label, flags, reviewed)."""
        return self._db.execute(_FLAG_COUNTS, self._values | {"positions": self._positions}).all()

    def examples(self) -> Sequence[Row[Any]]:
        """Rows of (given_label, examples)."""
        return self._db.execute(_EXAMPLE_COUNTS, self._values | {"positions": self._changed}).all()

    def keys(self, most: int) -> list[str]:
        """Of their examples, the most suspicious first."""
        return [row.key for row in self.worst(most)]

    def worst(self, most: int) -> Sequence[Row[Any]]:
        """Flags with their example's key and target, the most suspicious first."""
        values = self._values | {"positions": self._positions, "most": most}
        return self._db.execute(_WORST, values).all()
