"""Versions of a dataset compared, and scans."""

from cleantrace.client.aio.calls import AsyncCalls
from cleantrace.client.aio.pages import AsyncPages
from cleantrace.client.comparison_models import (
    ChangedExample,
    ChangeKind,
    Changes,
    ComparedExample,
    Fate,
    ScanComparison,
)
from cleantrace.client.refs import DatasetRef, ScanRef, path_id

_PAGE = 1000


class AsyncComparisonCalls(AsyncCalls):
    """Versions of a dataset compared, and scans."""

    async def changes(self, dataset: DatasetRef, since: DatasetRef | None = None) -> Changes:
        """What changed from an earlier version of a dataset to this one, in figures.

        Args:
            since: the earlier version; the one that this is a correction of, if not given.
        Raises:
            NoParent: there is none. DatasetNotReady, NotComparable, UnderBlindReview
        """
        path = f"/datasets/{path_id(dataset)}/changes"
        return Changes.from_json(await self._transport.get(path, since=_id(since)))

    def changed_examples(
        self,
        dataset: DatasetRef,
        since: DatasetRef | None = None,
        *,
        kind: ChangeKind | None = None,
        old: str | None = None,
        new: str | None = None,
        page_size: int = _PAGE,
    ) -> AsyncPages[ChangedExample]:
        """The examples that changed, in the dataset's order; those removed come last.

        Args:
            kind: added, removed, relabelled, or content: another under the same key.
            old, new: only examples that had this class, or have it now.
        Raises: as `changes`; ClassUnknown.
        """
        return self._pages(
            f"/datasets/{path_id(dataset)}/changes/examples",
            ChangedExample,
            since=_id(since),
            kind=kind,
            old=old,
            new=new,
            limit=page_size,
        )

    async def compare_scans(
        self, scan: ScanRef, before: ScanRef, *, most: int = 20
    ) -> ScanComparison:
        """A scan beside an earlier one, of the same dataset or of another version of it.

        Args:
            most: how many of the examples that moved most to tell, up to 200.
        Raises:
            ScanNotComplete, NotComparable, UnderBlindReview
        """
        path = f"/scans/{path_id(scan)}/comparison"
        query = {"with": path_id(before), "most": most}
        return ScanComparison.from_json(await self._transport.get(path, **query))

    def compared_flags(
        self, scan: ScanRef, before: ScanRef, fate: Fate, *, page_size: int = _PAGE
    ) -> AsyncPages[ComparedExample]:
        """Flags that are gone, kept or new since an earlier scan, the most suspicious first.

        Raises: as `compare_scans`.
        """
        query = {"with": path_id(before), "fate": fate, "limit": page_size}
        path = f"/scans/{path_id(scan)}/comparison/flags"
        return self._pages(path, ComparedExample, **query)


def _id(dataset: DatasetRef | None) -> str | None:
    return None if dataset is None else path_id(dataset)
