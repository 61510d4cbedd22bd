from __future__ import annotations

from app.errors import Conflict, Invalid, NotFound


class ScanNotFound(NotFound):
    title = "Scan not found"
    code = "scan-not-found"


class EstimateNotFound(NotFound):
    title = "Estimate not found"
    code = "estimate-not-found"


class ScoreNotFound(NotFound):
    title = "Score not found"
    code = "score-not-found"


class ScanNotComplete(Conflict):
    title = "Scan not complete"
    code = "scan-not-complete"


class ScanFinished(Conflict):
    title = "Scan finished"
    code = "scan-finished"


class ScanNotRetriable(Conflict):
    title = "Nothing to retry"
    code = "scan-not-retriable"


class NoCheckpoints(Invalid):
    title = "No checkpoints"
    code = "no-checkpoints"


class CheckpointUnusable(Conflict):
    title = "Checkpoint unusable"
    code = "checkpoint-unusable"


class ClassUnknown(Invalid):
    title = "Class unknown"
    code = "class-unknown"


class RegionInvalid(Invalid):
    title = "Region invalid"
    code = "region-invalid"
