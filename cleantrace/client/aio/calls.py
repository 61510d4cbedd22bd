"""What every room's methods of the client share."""

from typing import Any, TypeVar

from cleantrace.client.aio.pages import AsyncPages
from cleantrace.client.aio.transport import AsyncTransport
from cleantrace.client.models import Record

R = TypeVar("R", bound=Record)


class AsyncCalls:
    """Base of the rooms' methods."""

    _transport: AsyncTransport

    def _pages(self, path: str, kind: type[R], /, **query: Any) -> AsyncPages[R]:
        return AsyncPages(self._transport, path, kind, query)
