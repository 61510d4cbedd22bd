"""What every room's methods of the client share."""

from collections.abc import AsyncIterator
from typing import Any, TypeVar

from cleantrace.client.aio.transport import AsyncTransport
from cleantrace.client.models import Record

R = TypeVar("R", bound=Record)


class AsyncCalls:
    """Base of the rooms' methods."""

    _transport: AsyncTransport

    async def _pages(self, path: str, kind: type[R], /, **query: Any) -> AsyncIterator[R]:
        query.setdefault("limit", 200)
        after = None
        while True:
            page = await self._transport.get(path, after=after, **query)
            for each in page["items"]:
                yield kind.from_json(each)
            after = page["next"]
            if after is None:
                return
