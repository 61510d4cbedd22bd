from __future__ import annotations

from app.errors import Conflict, Invalid, NotFound


class RunNotFound(NotFound):
    title = "Training run not found"
    code = "run-not-found"


class CheckpointNotFound(NotFound):
    title = "Checkpoint not found"
    code = "checkpoint-not-found"


class CheckpointExists(Conflict):
    title = "Checkpoint exists"
    code = "checkpoint-exists"


class CheckpointNotFailed(Conflict):
    title = "Nothing to retry"
    code = "checkpoint-not-failed"


class ModelUnknown(Invalid):
    title = "Model unknown"
    code = "model-unknown"


class LossUnfit(Invalid):
    title = "Loss does not fit the task"
    code = "loss-unfit"
