"""Problems of single rooms of the service, below the kinds in `errors`."""

from cleantrace.client.errors import Conflict, Invalid, NotAllowed, NotFound


class NotAssigned(NotAllowed):
    code = "review-not-assigned"


class NotAdjudicator(NotAllowed):
    code = "review-not-adjudicator"


class UnderBlindReview(NotAllowed):
    """Reviewers of a dataset see no scores and flags of it while it is reviewed blindly."""

    code = "review-under-blind-review"


class GroupNotFound(NotFound):
    code = "group-not-found"


class QueueNotFound(NotFound):
    code = "review-queue-not-found"


class ItemNotFound(NotFound):
    code = "review-item-not-found"


class BatchNotFound(NotFound):
    code = "review-batch-not-found"


class ImportNotFound(NotFound):
    code = "review-import-not-found"


class ImportUndone(Conflict):
    code = "review-import-undone"


class AnnotationsInvalid(Invalid):
    """Keys or labels are not known; `errors` has the first rows. Nothing was imported."""

    code = "review-annotations-invalid"


class ImageBaseUnfit(Invalid):
    code = "image-base-unfit"


class SampleNotFound(NotFound):
    code = "review-sample-not-found"


class GateNotFound(NotFound):
    code = "gate-not-found"


class EvaluationNotFound(NotFound):
    code = "gate-evaluation-not-found"


class WebhookNotFound(NotFound):
    code = "webhook-not-found"


class DeliveryNotFound(NotFound):
    code = "delivery-not-found"


class ExportNotFound(NotFound):
    code = "export-not-found"


class ExportFileNotFound(NotFound):
    code = "export-file-not-found"


class NothingReviewed(Conflict):
    """The dataset has no review queue."""

    code = "nothing-reviewed"


class NothingScanned(Conflict):
    """The dataset has no complete scan: there is no evidence of it."""

    code = "nothing-scanned"


class SigningUnavailable(Conflict):
    """The service's operator has set nothing to keep a signing key with."""

    code = "signing-unavailable"


class ExportNotDone(Conflict):
    code = "export-not-done"


class GroupExists(Conflict):
    code = "group-exists"


class GroupAssigned(Conflict):
    """The group reviews or adjudicates in a queue: take it out of that first."""

    code = "group-assigned"


class QueueExists(Conflict):
    code = "review-queue-exists"


class QueueClosed(Conflict):
    code = "review-queue-closed"


class ItemTaken(Conflict):
    """Others decided the item meanwhile; the verdict is kept, but does not count."""

    code = "review-item-taken"


class NotInHand(Conflict):
    """In a blind queue people decide what they hold."""

    code = "review-item-not-in-hand"


class NothingToUndo(Conflict):
    code = "review-nothing-to-undo"


class QueueNotClosed(Conflict):
    code = "review-queue-not-closed"


class OtherDataset(Conflict):
    code = "review-other-dataset"


class NotDisputed(Conflict):
    code = "review-item-not-disputed"


class TokenReused(Conflict):
    code = "review-token-reused"


class BatchUndone(Conflict):
    code = "review-batch-undone"


class WebhookPaused(Conflict):
    code = "webhook-paused"


class WebhooksUnavailable(Conflict):
    code = "webhooks-unavailable"


class TooManyWebhooks(Conflict):
    code = "too-many-webhooks"


class GroupInvalid(Invalid):
    """A name that is not accepted, or people who are not in the project."""

    code = "group-invalid"


class QueueEmpty(Invalid):
    code = "review-queue-empty"


class SliceEmpty(Invalid):
    code = "slice-empty"


class KeysUnknown(Invalid):
    code = "review-keys-unknown"


class PersonUnknown(Invalid):
    code = "review-person-unknown"


class GroupUnknown(Invalid):
    code = "review-group-unknown"


class OrderInvalid(Invalid):
    code = "review-order-invalid"


class RegionInvalid(Invalid):
    """A region of a scan's scores that contradicts itself, or the scan's task."""

    code = "region-invalid"


class CanariesInvalid(Invalid):
    code = "review-canaries-invalid"


class VerdictInvalid(Invalid):
    code = "review-verdict-invalid"


class NothingSelected(Invalid):
    code = "review-nothing-selected"


class CheckInvalid(Invalid):
    """Not just one policy, or not just one thing to hold it against."""

    code = "gate-check-invalid"


class WebhookAddressInvalid(Invalid):
    code = "webhook-address-invalid"


class WebhookEventsInvalid(Invalid):
    code = "webhook-events-invalid"


class NotComparable(Invalid):
    """One has classes, the other numbers."""

    code = "not-comparable"


class NoParent(Invalid):
    """The version is no correction of another, and none was named to compare with."""

    code = "no-parent"
