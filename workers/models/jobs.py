"""Checking checkpoints as soon as they are registered, before any scan meets them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from uuid import UUID

from app.db import transaction
from app.errors import Conflict
from app.runs import queries
from app.runs.models import Checkpoint, CheckpointStatus, TrainingRun
from app.settings import settings
from app.uploads.places import find_registered
from workers.failures import failure_of, is_final
from workers.leases import outlasting_database
from workers.models.checkpoints import load_checkpoint
from workers.models.registry import build_model
from workers.models.weights import weights_hash

logger = logging.getLogger(__name__)


class CheckpointRefused(Conflict):
    title = "Checkpoint refused"
    code = "checkpoint-refused"


def run_check(checkpoint_id: UUID) -> None:
    """Read a registered checkpoint, fit it to its model, and store the verdict.

    Two workers may check the same file at once: they find the same, and the first verdict stays.
    """
    with transaction() as db:
        checkpoint = queries.begin_check(db, checkpoint_id)
        run = None if checkpoint is None else queries.run_by_id(db, checkpoint.run_id)
    if checkpoint is not None and run is not None:
        _check(run, checkpoint)


def _check(run: TrainingRun, checkpoint: Checkpoint) -> None:
    failure, sha256 = None, None
    try:
        location = find_registered(checkpoint.uri, settings().allowed_roots)
        load_checkpoint(checkpoint, build_model(run.model, factories=settings().model_factories))
        sha256 = checkpoint.sha256 or weights_hash(location)
    except Exception as error:  # noqa: BLE001  # stored as the checkpoint's reason
        logger.info("checkpoint %s refused: %s", checkpoint.id, error)
        if not is_final(error, checkpoint.attempts, settings().max_attempts):
            return  # the sweep nudges again
        failure = failure_of(error, "Reading the checkpoint")

    def store_verdict() -> None:
        with transaction() as db:
            queries.finish_check(db, checkpoint.id, sha256=sha256, failure=failure)

    outlasting_database(store_verdict)


def require_usable(run: TrainingRun, checkpoints: Sequence[Checkpoint]) -> None:
    """Check those not yet checked; afterwards their `sha256` is known.

    Raises:
        CheckpointRefused: one of them failed its check; carries its reason.
    """
    for checkpoint in checkpoints:
        if checkpoint.status == CheckpointStatus.registered:
            _check(run, checkpoint)
            with transaction() as db:
                found = queries.checkpoints_by_id(db, [checkpoint.id])[0]
            checkpoint.status, checkpoint.failure = found.status, found.failure
            checkpoint.sha256 = found.sha256
        if checkpoint.status == CheckpointStatus.failed:
            failure = checkpoint.failure or {}
            raise CheckpointRefused(
                f"The checkpoint at step {checkpoint.step} cannot be used: "
                f"{failure.get('detail', '')}",
                field="checkpoints",
                remedy=failure.get("remedy"),
            )
