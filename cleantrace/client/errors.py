"""What the client raises, one class for each kind of problem the API answers with.

CleantraceError
├── NotConfigured               no URL or no API key was given, or what cannot be one
├── ConnectionFailed            the service was not reached, after all tries
├── DownloadDamaged             a file came, but not as the service says that it is
├── AnswerNotUnderstood         something answered, but not this API
├── PolicyFileInvalid           a gate's policy file; in `cleantrace.gates`
├── PackUnreadable, KeyUnreadable, CryptographyMissing    verifying; in `cleantrace.packs`
├── PackageMissing              a table was asked for, of a package that is not installed
├── WaitTimedOut                a job was still going on when the time given was over
├── JobFailed                   a job ended without its result; .failure has the stored reason
│   ├── DatasetFailed
│   ├── CheckpointFailed
│   ├── EstimateFailed
│   ├── EvidenceFailed
│   ├── UploadFailed
│   ├── ExportFailed
│   └── ScanFailed
│       └── ScanCancelled
└── ApiError                    a problem document: .status .title .detail .remedy .errors
    ├── BodyUnreadable          400
    ├── NotSignedIn             401
    ├── NotAllowed              403
    ├── NotFound                404
    │   ├── ProjectNotFound, DatasetNotFound, ExampleNotFound, RunNotFound
    │   ├── CheckpointNotFound, ScanNotFound, ScoreNotFound, EstimateNotFound
    │   ├── EvidenceRequestNotFound, UploadNotFound, ArtifactNotFound
    │   └── PersonNotFound, InvitationNotFound, KeyNotFound
    ├── Conflict                409
    │   ├── DatasetExists, DatasetNotReady, DatasetNotFailed, NoPicture, PictureUnreadable
    │   ├── StoreUnreadable
    │   ├── CheckpointExists, CheckpointUnusable, CheckpointNotFailed
    │   ├── ScanNotComplete, ScanFinished, ScanNotRetriable
    │   ├── NoEvidence, ExampleNotFinite, LastAdmin, UploadUnfinished
    │   └── IdempotencyKeyReused
    ├── BodyTooLarge            413
    ├── Invalid                 422
    │   ├── LocationNotAllowed, LocationNotFound
    │   ├── ModelUnknown, LossUnfit, PreprocessingInvalid
    │   ├── NoCheckpoints, ClassUnknown, CursorInvalid
    │   └── InputInvalid, PersonInvalid, PartInvalid, IdempotencyKeyInvalid
    ├── TooManyRequests         429, after all tries
    └── ServiceError            500 and above
        └── DatabaseUnavailable 503

Those of exports, groups, reviews and webhooks are in `room_errors`. A problem that this version
does not know becomes the nearest class above it.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from cleantrace.client.export_models import Export
from cleantrace.client.models import (
    Checkpoint,
    Dataset,
    Estimate,
    EvidenceRequest,
    Failure,
    FieldProblem,
    Scan,
    Upload,
)


class CleantraceError(Exception):
    """Base of everything the client raises on purpose."""


class NotConfigured(CleantraceError):
    """No URL or no API key was given, or what cannot be one."""


class ConnectionFailed(CleantraceError):
    """The service was not reached, after all tries."""


class DownloadDamaged(CleantraceError):
    """A file came, but not as the service says that it is."""


class AnswerNotUnderstood(CleantraceError):
    """Something answered that does not speak this API: a wrong URL, or a proxy in between."""


class PackageMissing(CleantraceError, ImportError):
    """A table was asked for, of a package that is not installed."""


class WaitTimedOut(CleantraceError):
    """The job was still going on when the time given was over. It goes on."""


class JobFailed(CleantraceError):
    """A job of the service ended without its result.

    Attributes:
        subject: the dataset, checkpoint, scan, estimate, question, upload or export as it stands.
        failure: the stored reason.
    """

    def __init__(
        self,
        what: str,
        subject: Dataset | Checkpoint | Scan | Estimate | EvidenceRequest | Upload | Export,
        failure: Failure,
    ) -> None:
        remedy = f" {failure.remedy}" if failure.remedy else ""
        super().__init__(f"{what}: {failure.detail}{remedy}")
        self.subject = subject
        self.failure = failure


class DatasetFailed(JobFailed):
    """A dataset could not be indexed."""


class CheckpointFailed(JobFailed):
    """A checkpoint cannot be used: unreadable, unsafe, or it does not fit the model."""


class ScanFailed(JobFailed):
    """A scan did not complete."""


class ScanCancelled(ScanFailed):
    """A scan was cancelled."""


class EvidenceFailed(JobFailed):
    """Evidence for new inputs could not be found."""


class UploadFailed(JobFailed):
    """What arrived of a file is not what was announced."""


class ExportFailed(JobFailed):
    """An export could not be made."""


class EstimateFailed(JobFailed):
    """A scan could not be estimated, for a reason for which it would fail as well."""


class ApiError(CleantraceError):
    """The service refused a request, and says why.

    Attributes:
        status: the HTTP status.
        title: the kind of problem.
        detail: what is wrong this time.
        remedy: what to do about it, where known.
        errors: the fields at fault, each with `.field`, `.message`, `.remedy`.
        problem: the whole problem document.
    """

    code: ClassVar[str] = ""
    """The end of the problem's `type`."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.title = str(problem.get("title") or f"HTTP {status}")
        self.detail = str(problem.get("detail") or self.title)
        self.remedy: str | None = problem.get("remedy")
        self.errors = tuple(FieldProblem.from_json(each) for each in problem.get("errors") or ())
        self.problem = dict(problem)
        super().__init__(self._in_words())

    def _in_words(self) -> str:
        fields = [
            f"{each.field}: {each.message}" for each in self.errors if each.message != self.detail
        ]
        return " ".join(filter(None, [self.detail, "; ".join(fields), self.remedy]))

    def __reduce__(self) -> Any:
        # The default would call the class with the message: errors must cross process borders.
        return type(self), (self.status, self.problem)


class NotSignedIn(ApiError):
    code = "api-key-needed"


class NotAllowed(ApiError):
    code = "not-allowed"


class NotFound(ApiError):
    code = "not-found"


class ProjectNotFound(NotFound):
    code = "project-not-found"


class DatasetNotFound(NotFound):
    code = "dataset-not-found"


class ExampleNotFound(NotFound):
    code = "example-not-found"


class RunNotFound(NotFound):
    code = "run-not-found"


class CheckpointNotFound(NotFound):
    code = "checkpoint-not-found"


class ScanNotFound(NotFound):
    code = "scan-not-found"


class EstimateNotFound(NotFound):
    code = "estimate-not-found"


class ScoreNotFound(NotFound):
    code = "score-not-found"


class ArtifactNotFound(NotFound):
    """A file that should be in the service's artifact store is not: its operator must look."""

    code = "artifact-not-found"


class UploadNotFound(NotFound):
    code = "upload-not-found"


class EvidenceRequestNotFound(NotFound):
    """A question about new inputs is kept for a day."""

    code = "evidence-request-not-found"


class PersonNotFound(NotFound):
    code = "person-not-found"


class InvitationNotFound(NotFound):
    code = "invitation-not-found"


class KeyNotFound(NotFound):
    code = "key-not-found"


class Conflict(ApiError):
    code = "conflict"


class UploadUnfinished(Conflict):
    """Parts of an upload are wanting, or are being put together."""

    code = "upload-unfinished"


class DatasetExists(Conflict):
    code = "dataset-exists"


class DatasetNotReady(Conflict):
    code = "dataset-not-ready"


class DatasetNotFailed(Conflict):
    code = "nothing-to-retry"


class NoPicture(Conflict):
    """The dataset's examples are no images."""

    code = "not-an-image"


class PictureUnreadable(Conflict):
    """An example's file is no picture any more, or has too many pixels."""

    code = "picture-unreadable"


class StoreUnreadable(Conflict):
    """What indexing kept of a dataset's examples cannot be read."""

    code = "example-store-unreadable"


class CheckpointExists(Conflict):
    code = "checkpoint-exists"


class CheckpointUnusable(Conflict):
    code = "checkpoint-unusable"


class CheckpointNotFailed(Conflict):
    code = "checkpoint-not-failed"


class ScanNotComplete(Conflict):
    code = "scan-not-complete"


class ScanFinished(Conflict):
    code = "scan-finished"


class ScanNotRetriable(Conflict):
    code = "scan-not-retriable"


class NoEvidence(Conflict):
    """The scan kept no sketches: start one with evidence."""

    code = "no-evidence"


class ExampleNotFinite(Conflict):
    """The gradient of an example is not finite."""

    code = "example-not-finite"


class LastAdmin(Conflict):
    """Nobody could let people into the project any more."""

    code = "last-admin"


class IdempotencyKeyReused(Conflict):
    code = "idempotency-key-reused"


class Invalid(ApiError):
    code = "invalid"


class LocationNotAllowed(Invalid):
    code = "location-not-allowed"


class LocationNotFound(Invalid):
    code = "location-not-found"


class ModelUnknown(Invalid):
    code = "model-unknown"


class LossUnfit(Invalid):
    code = "loss-unfit"


class PreprocessingInvalid(Invalid):
    code = "preprocessing-invalid"


class PartInvalid(Invalid):
    """A part of an upload has another size than it should."""

    code = "part-invalid"


class NoCheckpoints(Invalid):
    code = "no-checkpoints"


class ClassUnknown(Invalid):
    code = "class-unknown"


class CursorInvalid(Invalid):
    code = "cursor-invalid"


class InputInvalid(Invalid):
    """A new input is not like the dataset's examples."""

    code = "input-invalid"


class PersonInvalid(Invalid):
    """A name, address or password that is not accepted."""

    code = "person-invalid"


class IdempotencyKeyInvalid(Invalid):
    code = "idempotency-key-invalid"


class BodyUnreadable(ApiError):
    code = "body-unreadable"


class BodyTooLarge(ApiError):
    code = "body-too-large"


class TooManyRequests(ApiError):
    """A gateway, or the service, wants fewer of them."""


class ServiceError(ApiError):
    code = "unexpected"


class DatabaseUnavailable(ServiceError):
    code = "database-unavailable"
