"""Lists that the service gives page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cleantrace.client.models import Record
from cleantrace.client.tables import ArrowColumns, Columns, PandasColumns, PolarsColumns

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

    from cleantrace.client.aio.transport import AsyncTransport

R = TypeVar("R", bound=Record)
_LARGEST_PAGE = 200


class AsyncPages(AsyncIterator[R], Generic[R]):
    """What is in a list, asked for page by page as it is iterated, once.

        for flag in client.flags(scan): ...
        frame = client.scores(scan).to_pandas()

    A table has a column for each attribute, and what was not iterated yet. Where a column holds
    objects, such as a policy, Arrow and polars have them as JSON text. How many there are is known
    at the end only: nobody counts.
    """

    def __init__(
        self, transport: AsyncTransport, path: str, kind: type[R], query: dict[str, Any]
    ) -> None:
        self._transport = transport
        self._path = path
        self._kind = kind
        self._query = {"limit": _LARGEST_PAGE} | query
        self._after: str | None = None
        self._is_over = False
        self._page: list[dict[str, Any]] = []
        self._next = 0

    def __aiter__(self) -> AsyncPages[R]:
        return self

    async def __anext__(self) -> R:
        while self._next == len(self._page):
            if self._is_over:
                raise StopAsyncIteration
            await self._turn()
        self._next += 1
        return self._kind.from_json(self._page[self._next - 1])

    async def _turn(self) -> None:
        """To the next page."""
        found = await self._transport.get(self._path, after=self._after, **self._query)
        self._page, self._next = found["items"], 0
        self._after = found["next"]
        self._is_over = self._after is None

    async def to_pandas(self) -> pandas.DataFrame:
        """Raises PackageMissing."""
        return await self._into(PandasColumns(self._kind))

    async def to_arrow(self) -> pyarrow.Table:
        """Raises PackageMissing."""
        return await self._into(ArrowColumns(self._kind))

    async def to_polars(self) -> polars.DataFrame:
        """Raises PackageMissing."""
        return await self._into(PolarsColumns(self._kind))

    async def _into(self, columns: Columns) -> Any:
        began = self._after, self._is_over, self._page, self._next
        columns.add(self._page[self._next :])
        try:
            while not self._is_over:
                await self._turn()
                columns.add(self._page)
        except BaseException:
            # Asked again, it must not be a table without the pages that came before.
            self._after, self._is_over, self._page, self._next = began
            raise
        self._page, self._next = [], 0
        return columns.table()
