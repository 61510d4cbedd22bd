from __future__ import annotations

from app.errors import Conflict, Invalid, NotFound, ProblemError


class QueueNotFound(NotFound):
    title = "Review queue not found"
    code = "review-queue-not-found"


class ItemNotFound(NotFound):
    title = "Review item not found"
    code = "review-item-not-found"


class BatchNotFound(NotFound):
    title = "Batch not found"
    code = "review-batch-not-found"


class SampleNotFound(NotFound):
    title = "Sample not found"
    code = "review-sample-not-found"


class QueueExists(Conflict):
    title = "Review queue exists"
    code = "review-queue-exists"


class QueueEmpty(Invalid):
    title = "Review queue would be empty"
    code = "review-queue-empty"


class QueueClosed(Conflict):
    title = "Review queue closed"
    code = "review-queue-closed"


class QueueNotClosed(Conflict):
    title = "Review queue not closed"
    code = "review-queue-not-closed"


class KeysUnknown(Invalid):
    title = "Keys unknown"
    code = "review-keys-unknown"


class PersonUnknown(Invalid):
    title = "Person unknown"
    code = "review-person-unknown"


class GroupUnknown(Invalid):
    title = "Group unknown"
    code = "review-group-unknown"


class OrderInvalid(Invalid):
    title = "Order invalid"
    code = "review-order-invalid"


class OtherDataset(Conflict):
    title = "Scan of another dataset"
    code = "review-other-dataset"


class NotAssigned(ProblemError):
    status = 403
    title = "Not assigned"
    code = "review-not-assigned"


class NotAdjudicator(ProblemError):
    status = 403
    title = "Not an adjudicator"
    code = "review-not-adjudicator"


class CanariesInvalid(Invalid):
    title = "Canaries invalid"
    code = "review-canaries-invalid"


class UnderBlindReview(ProblemError):
    status = 403
    title = "Under blind review"
    code = "review-under-blind-review"


class NotInHand(Conflict):
    title = "Item not in hand"
    code = "review-item-not-in-hand"


class VerdictInvalid(Invalid):
    title = "Verdict invalid"
    code = "review-verdict-invalid"


class TokenReused(Conflict):
    title = "Token reused"
    code = "review-token-reused"


class ItemTaken(Conflict):
    title = "Item taken"
    code = "review-item-taken"


class NotDisputed(Conflict):
    title = "Item not disputed"
    code = "review-item-not-disputed"


class NothingToUndo(Conflict):
    title = "Nothing to undo"
    code = "review-nothing-to-undo"


class BatchUndone(Conflict):
    title = "Batch undone"
    code = "review-batch-undone"


class ImportNotFound(NotFound):
    title = "Import not found"
    code = "review-import-not-found"


class ImportUndone(Conflict):
    title = "Import undone"
    code = "review-import-undone"


class AnnotationsInvalid(Invalid):
    title = "Annotations invalid"
    code = "review-annotations-invalid"


class NothingSelected(Invalid):
    title = "Nothing selected"
    code = "review-nothing-selected"
