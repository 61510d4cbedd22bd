"""The Python client: `Client`, what its methods return, and what they raise."""

from cleantrace.client.client import Client
from cleantrace.client.gate_models import (
    Gate,
    GateEvaluation,
    GateEvaluationRow,
    GateExplanation,
    RuleResult,
)
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
    "Failure",
    "Flag",
    "Gate",
    "GateEvaluation",
    "GateEvaluationRow",
    "GateExplanation",
    "Influence",
    "Progress",
    "Queue",
    "QueueProgress",
    "RejectedRow",
    "ReviewItem",
    "RuleResult",
    "Run",
    "Scan",
    "Score",
    "Verdict",
]
