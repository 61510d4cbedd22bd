"""The Python client: `Client` and `AsyncClient`, what its methods return, and what they raise."""

from typing import TYPE_CHECKING, Any

from cleantrace.client.comparison_models import (
    ChangeCounts,
    ChangedExample,
    Changes,
    ClassChange,
    ComparedExample,
    ComparedScan,
    Corrected,
    ExportOnTheWay,
    FlagFates,
    Origin,
    Relabelled,
    ScanComparison,
    Version,
)
from cleantrace.client.export_models import Export, ExportFile, SigningKey
from cleantrace.client.gate_models import (
    Gate,
    GateEvaluation,
    GateEvaluationRow,
    GateExplanation,
    RuleResult,
)
from cleantrace.client.label_models import (
    Audits,
    Canaries,
    ClassWrong,
    DoublyReviewed,
    Forecast,
    LabelEstimate,
    Moment,
    NumberRange,
    ReviewerErrors,
    Wrong,
    WrongLabels,
)
from cleantrace.client.models import (
    Basis,
    Caught,
    Checkpoint,
    Choice,
    Dataset,
    DetectorRecall,
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
    ShareRange,
    Upload,
)
from cleantrace.client.queue_models import (
    AnnotationImport,
    ImportReport,
    Queue,
    QueueProgress,
    ReviewItem,
    Verdict,
)

if TYPE_CHECKING:
    from cleantrace.client.aio.client import AsyncClient
    from cleantrace.client.client import Client

__all__ = [
    "AnnotationImport",
    "AsyncClient",
    "Audits",
    "Basis",
    "Canaries",
    "Caught",
    "ChangeCounts",
    "ChangedExample",
    "Changes",
    "Checkpoint",
    "Choice",
    "ClassChange",
    "ClassWrong",
    "Client",
    "ComparedExample",
    "ComparedScan",
    "Corrected",
    "Dataset",
    "DetectorRecall",
    "DoublyReviewed",
    "Estimate",
    "EstimateResult",
    "Evidence",
    "EvidenceRequest",
    "Export",
    "ExportFile",
    "ExportOnTheWay",
    "Failure",
    "Flag",
    "FlagFates",
    "Forecast",
    "Gate",
    "GateEvaluation",
    "GateEvaluationRow",
    "GateExplanation",
    "ImportReport",
    "Influence",
    "LabelEstimate",
    "Moment",
    "NumberRange",
    "Origin",
    "Progress",
    "Queue",
    "QueueProgress",
    "RejectedRow",
    "Relabelled",
    "ReviewItem",
    "ReviewerErrors",
    "RuleResult",
    "Run",
    "Scan",
    "ScanComparison",
    "Score",
    "ShareRange",
    "SigningKey",
    "Upload",
    "Verdict",
    "Version",
    "Wrong",
    "WrongLabels",
]


def __getattr__(name: str) -> Any:
    """Loads a client when it is first asked for: models and errors alone need no HTTP."""
    if name == "Client":
        from cleantrace.client.client import Client

        return Client
    if name == "AsyncClient":
        from cleantrace.client.aio.client import AsyncClient

        return AsyncClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
