"""Review queues: making them, following them, and working at them."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from cleantrace.annotations import Annotation
from cleantrace.client.aio.calls import AsyncCalls
from cleantrace.client.aio.pages import AsyncPages
from cleantrace.client.queue_models import (
    AnnotationImport,
    ImportReport,
    Queue,
    QueueProgress,
    ReviewItem,
    Verdict,
)
from cleantrace.client.refs import DatasetRef, ScanRef, path_id

QueueRef = Queue | str | uuid.UUID
_MOST_ANNOTATIONS = 10_000
VerdictKind = Literal["right", "relabel", "unusable", "unsure", "skip"]


class AsyncQueueCalls(AsyncCalls):
    """Review queues: making them, following them, and working at them."""

    async def create_queue(
        self,
        name: str,
        scan: ScanRef,
        policy: Mapping[str, Any] | None = None,
        *,
        order_by: str = "suspicion",
        overlap: int = 1,
        show_suggestion: bool = True,
        audits: int = 0,
        canaries: int = 0,
        **options: Any,
    ) -> Queue:
        """Make a review queue from a complete scan.

        Args:
            policy: which examples, such as `{"kind": "top_k", "k": 500}` or
                `{"kind": "class", "given": "cat", "suggested": "dog"}`; what the scan flagged if
                not given.
            order_by: the scan's score; examples without it come last.
            overlap: how many people decide each item.
            audits: how many examples to draw at random among the rest, from those that nobody has
                reviewed, as a proof of how many labels are wrong. Makes the queue blind.
            canaries: how many examples at most to show with a wrong label, to see whether
                reviewers notice. Makes it blind too.
            options: claim_ttl_s, tolerance, reviewers, adjudicators, reviewer_groups,
                adjudicator_groups: as in the API's reference.
        Raises:
            ScanNotComplete, QueueExists, ClassUnknown, PersonUnknown, GroupUnknown,
            CanariesInvalid, Invalid
        """
        body: dict[str, Any] = {
            "name": name,
            "scan_id": path_id(scan),
            "order_by": order_by,
            "overlap": overlap,
            "show_suggestion": show_suggestion,
            "audits": audits,
            "canaries": canaries,
            **options,
        }
        if policy is not None:
            body["policy"] = dict(policy)
        return Queue.from_json(await self._transport.post("/queues", body))

    def queues(self, dataset: DatasetRef | None = None) -> AsyncPages[Queue]:
        """The project's queues, or those of a dataset, newest first."""
        only = None if dataset is None else path_id(dataset)
        return self._pages("/queues", Queue, dataset_id=only)

    async def get_queue(self, queue: QueueRef) -> Queue:
        return Queue.from_json(await self._transport.get(_path(queue)))

    async def queue_progress(self, queue: QueueRef) -> QueueProgress:
        """How far it is, and what the caller did. Cheap at any size."""
        return QueueProgress.from_json(await self._transport.get(f"{_path(queue)}/progress"))

    async def reprioritise_queue(
        self, queue: QueueRef, scan: ScanRef, *, order_by: str | None = None
    ) -> Queue:
        """Order it by another scan of its dataset. Verdicts stay."""
        body = {"scan_id": path_id(scan), "order_by": order_by}
        return Queue.from_json(await self._transport.post(f"{_path(queue)}/reprioritise", body))

    async def assign_queue(
        self,
        queue: QueueRef,
        *,
        reviewers: Sequence[str | uuid.UUID] = (),
        adjudicators: Sequence[str | uuid.UUID] = (),
        reviewer_groups: Sequence[str | uuid.UUID] = (),
        adjudicator_groups: Sequence[str | uuid.UUID] = (),
    ) -> Queue:
        """Say anew who reviews and who adjudicates; without reviewers, every reviewer may.

        Args:
            reviewers, adjudicators: principals.
            reviewer_groups, adjudicator_groups: groups; whoever is in one may, for as long.
        Raises:
            QueueNotFound, PersonUnknown, GroupUnknown
        """
        body = {
            "reviewers": [str(each) for each in reviewers],
            "adjudicators": [str(each) for each in adjudicators],
            "reviewer_groups": [str(each) for each in reviewer_groups],
            "adjudicator_groups": [str(each) for each in adjudicator_groups],
        }
        return Queue.from_json(await self._transport.put(f"{_path(queue)}/people", body))

    async def change_mixing(self, queue: QueueRef, *, audits: int, canaries: int = 0) -> Queue:
        """Say anew how many audits and canaries it gets in all; what was drawn stays.

        Raises:
            QueueNotFound, QueueClosed, CanariesInvalid
        """
        body = {"audits": audits, "canaries": canaries}
        return Queue.from_json(await self._transport.put(f"{_path(queue)}/mixing", body))

    async def close_queue(self, queue: QueueRef) -> Queue:
        """Give no item out any more."""
        return Queue.from_json(await self._transport.post(f"{_path(queue)}/close"))

    async def reopen_queue(self, queue: QueueRef) -> Queue:
        return Queue.from_json(await self._transport.post(f"{_path(queue)}/reopen"))

    async def next_items(
        self, queue: QueueRef, count: int = 1, *, adjudicate: bool = False
    ) -> list[ReviewItem]:
        """What to decide now, and those after it; all claimed. Empty: nothing is left."""
        query = f"count={count}&adjudicate={str(adjudicate).lower()}"
        answer = await self._transport.post(f"{_path(queue)}/next?{query}")
        return [ReviewItem.from_json(each) for each in answer["items"]]

    async def decide(
        self,
        queue: QueueRef,
        item: ReviewItem | int,
        kind: VerdictKind,
        *,
        label: str | None = None,
        value: float | None = None,
        comment: str | None = None,
        seconds: float | None = None,
        adjudicate: bool = False,
    ) -> Verdict:
        """Decide an item, or change one's verdict; written once, however often it is sent.

        Raises:
            ItemTaken: others filled it meanwhile. The verdict is kept, but does not count.
            NotInHand: the queue is blind, and the caller does not hold the item.
            QueueClosed, ClassUnknown, Invalid
        """
        position = item if isinstance(item, int) else item.position
        body = {
            "kind": kind,
            "label": label,
            "value": value,
            "comment": comment,
            "seconds": seconds,
            "adjudicate": adjudicate,
            "token": str(uuid.uuid4()),
        }
        path = f"{_path(queue)}/items/{position}/verdicts"
        return Verdict.from_json(await self._transport.post(path, body))

    async def undo(self, queue: QueueRef, steps: int = 1) -> list[Verdict]:
        """Take the caller's latest verdicts back; returns them, the latest first.

        Raises:
            NothingToUndo
        """
        body = {"steps": steps, "token": str(uuid.uuid4())}
        found: Sequence[Any] = await self._transport.post(f"{_path(queue)}/undo", body)
        return [Verdict.from_json(each) for each in found]

    async def release_items(self, queue: QueueRef) -> int:
        """Give back all that the caller holds; returns how many items that was."""
        answer = await self._transport.post(f"{_path(queue)}/claims/release")
        return int(answer["released"])

    def verdicts(
        self, queue: QueueRef, principal_id: str | uuid.UUID | None = None
    ) -> AsyncPages[Verdict]:
        """What a person decided, or the caller; the latest first."""
        whose = None if principal_id is None else str(principal_id)
        return self._pages(f"{_path(queue)}/verdicts", Verdict, principal_id=whose)

    async def preview_import(
        self, queue: QueueRef, tool: str, annotations: Sequence[Annotation]
    ) -> list[ImportReport]:
        """What each import of `import_annotations` would do by itself. Decides nothing.

        Raises:
            QueueNotFound, QueueClosed, Invalid
        """
        path = f"{_path(queue)}/imports/preview"
        return [
            ImportReport.from_json(await self._transport.post(path, body))
            for body in _import_bodies(tool, annotations)
        ]

    async def import_annotations(
        self,
        queue: QueueRef,
        tool: str,
        annotations: Sequence[Annotation],
        *,
        leave_out_invalid: bool = False,
    ) -> list[AnnotationImport]:
        """Take annotations that were made in another tool as verdicts of their annotators.

        All or none of each 10,000, which are one import. Nothing is imported at all where some key
        or label of them is not known, unless such are to be left out. What is imported again
        changes nothing.

        Args:
            tool: where they were made, such as label-studio.
            annotations: from `cleantrace.annotations.read_annotations`, or of your own making.
        Raises:
            AnnotationsInvalid, QueueNotFound, QueueClosed, Invalid
        """
        bodies = list(_import_bodies(tool, annotations, leave_out_invalid=leave_out_invalid))
        path = f"{_path(queue)}/imports"
        if len(bodies) > 1 and not leave_out_invalid:
            for body in bodies:
                found = await self._transport.post(f"{path}/preview", body)
                if found["invalid"]:
                    # Refused whole, with its reasons.
                    await self._transport.post(path, body)
        return [
            AnnotationImport.from_json(await self._transport.post(path, body)) for body in bodies
        ]

    def imports(self, queue: QueueRef) -> AsyncPages[AnnotationImport]:
        """The queue's imports, the newest first."""
        return self._pages(f"{_path(queue)}/imports", AnnotationImport)

    async def undo_import(self, queue: QueueRef, made: AnnotationImport | str) -> AnnotationImport:
        """Take back the verdicts that an import brought.

        Raises:
            ImportNotFound, ImportUndone, QueueClosed
        """
        which = made if isinstance(made, str) else made.id
        path = f"{_path(queue)}/imports/{quote(str(which), safe='')}/undo"
        return AnnotationImport.from_json(await self._transport.post(path))


def _import_bodies(
    tool: str, annotations: Sequence[Annotation], **options: Any
) -> Iterator[dict[str, Any]]:
    for start in range(0, len(annotations), _MOST_ANNOTATIONS):
        rows = [each.as_json() for each in annotations[start : start + _MOST_ANNOTATIONS]]
        yield {"tool": tool, "annotations": rows, **options}


def _path(queue: QueueRef) -> str:
    return "/queues/" + quote(str(queue.id if isinstance(queue, Queue) else queue), safe="")
