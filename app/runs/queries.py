"""Every SQL statement about training runs and checkpoints."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.runs.models import Checkpoint, CheckpointStatus, TrainingRun


def run(db: Session, project_id: uuid.UUID, run_id: uuid.UUID) -> TrainingRun | None:
    return db.scalar(
        select(TrainingRun).where(TrainingRun.project_id == project_id, TrainingRun.id == run_id)
    )


def runs_by_id(db: Session, ids: Sequence[uuid.UUID]) -> Sequence[TrainingRun]:
    return db.scalars(select(TrainingRun).where(TrainingRun.id.in_(ids))).all()


def run_by_id(db: Session, run_id: uuid.UUID) -> TrainingRun | None:
    return db.get(TrainingRun, run_id)


def runs_newest_first(
    db: Session,
    project_id: uuid.UUID,
    *,
    after: tuple[datetime, uuid.UUID] | None,
    limit: int,
) -> Sequence[TrainingRun]:
    query = select(TrainingRun).where(TrainingRun.project_id == project_id)
    if after is not None:
        query = query.where(tuple_(TrainingRun.created_at, TrainingRun.id) < after)
    order = (TrainingRun.created_at.desc(), TrainingRun.id.desc())
    return db.scalars(query.order_by(*order).limit(limit)).all()


def newest_run_on(db: Session, project_id: uuid.UUID, dataset_id: uuid.UUID) -> TrainingRun | None:
    return db.scalar(
        select(TrainingRun)
        .where(TrainingRun.project_id == project_id, TrainingRun.dataset_id == dataset_id)
        .order_by(TrainingRun.created_at.desc(), TrainingRun.id.desc())
        .limit(1)
    )


def checkpoint_counts(db: Session, run_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Of those runs that have any."""
    rows = db.execute(
        select(Checkpoint.run_id, func.count())
        .where(Checkpoint.run_id.in_(run_ids))
        .group_by(Checkpoint.run_id)
    )
    return {row[0]: row[1] for row in rows}


def add_checkpoint(db: Session, values: dict[str, Any]) -> Checkpoint | None:
    """The new checkpoint, or None if the run has one at this step."""
    return db.scalar(
        insert(Checkpoint)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["run_id", "step"])
        .returning(Checkpoint)
    )


def checkpoints_in_order(db: Session, run_id: uuid.UUID) -> Sequence[Checkpoint]:
    return db.scalars(
        select(Checkpoint).where(Checkpoint.run_id == run_id).order_by(Checkpoint.step)
    ).all()


def checkpoints_by_id(db: Session, ids: Sequence[uuid.UUID]) -> Sequence[Checkpoint]:
    return db.scalars(
        select(Checkpoint).where(Checkpoint.id.in_(ids)).order_by(Checkpoint.step)
    ).all()


def checkpoint(
    db: Session, project_id: uuid.UUID, run_id: uuid.UUID, checkpoint_id: uuid.UUID
) -> Checkpoint | None:
    return db.scalar(
        select(Checkpoint)
        .join(TrainingRun, TrainingRun.id == Checkpoint.run_id)
        .where(
            TrainingRun.project_id == project_id,
            Checkpoint.run_id == run_id,
            Checkpoint.id == checkpoint_id,
        )
    )


def begin_check(db: Session, checkpoint_id: uuid.UUID) -> Checkpoint | None:
    """Count a try at checking; None if the checkpoint needs none."""
    return db.scalar(
        update(Checkpoint)
        .where(Checkpoint.id == checkpoint_id, Checkpoint.status == CheckpointStatus.registered)
        .values(attempts=Checkpoint.attempts + 1, nudged_at=func.now())
        .returning(Checkpoint)
    )


def finish_check(
    db: Session,
    checkpoint_id: uuid.UUID,
    *,
    sha256: str | None = None,
    failure: dict[str, Any] | None = None,
) -> None:
    status = CheckpointStatus.ready if failure is None else CheckpointStatus.failed
    values: dict[str, Any] = {"status": status, "failure": failure}
    if sha256 is not None:
        values["sha256"] = sha256
    # A verdict once reached stays: a second, late check of the same file changes nothing.
    db.execute(
        update(Checkpoint)
        .where(Checkpoint.id == checkpoint_id, Checkpoint.status == CheckpointStatus.registered)
        .values(**values)
    )


def reset_check(db: Session, checkpoint_id: uuid.UUID) -> bool:
    """Put a failed checkpoint back to unchecked; says whether it had failed."""
    return bool(
        db.scalar(
            update(Checkpoint)
            .where(Checkpoint.id == checkpoint_id, Checkpoint.status == CheckpointStatus.failed)
            .values(status=CheckpointStatus.registered, failure=None, attempts=0)
            .returning(Checkpoint.id)
        )
    )


def forgotten_checks(db: Session, silent_s: float) -> Sequence[uuid.UUID]:
    """Checkpoints to be checked that nobody was nudged about lately; marks them."""
    return db.scalars(
        update(Checkpoint)
        .where(
            Checkpoint.status == CheckpointStatus.registered,
            or_(
                Checkpoint.nudged_at.is_(None),
                Checkpoint.nudged_at < func.now() - timedelta(seconds=silent_s),
            ),
        )
        .values(nudged_at=func.now())
        .returning(Checkpoint.id)
    ).all()
