"""The Python client: `Client`, what its methods return, and what they raise."""

from cleantrace.client.client import Client
from cleantrace.client.export_models import Export, ExportFile
from cleantrace.client.models import (
    Basis,
    Checkpoint,
    Choice,
    Dataset,
    Estimate,
    EstimateResult,
    Evidence,
    EvidenceRequest,
    Failure,
    Flag,
    Influence,
    Progress,
    RejectedRow,
    Run,
    Scan,
    Score,
)
from cleantrace.client.queue_models import Queue, QueueProgress, ReviewItem, Verdict

__all__ = [
    "Basis",
    "Checkpoint",
    "Choice",
    "Client",
    "Dataset",
    "Estimate",
    "EstimateResult",
    "Evidence",
    "EvidenceRequest",
    "Export",
    "ExportFile",
    "Failure",
    "Flag",
    "Influence",
    "Progress",
    "Queue",
    "QueueProgress",
    "RejectedRow",
    "ReviewItem",
    "Run",
    "Scan",
    "Score",
    "Verdict",
]
