# Made from aio/calls.py by tools/sync_client.py: change that.
"""What every room's methods of the client share."""

from typing import Any, TypeVar

from cleantrace.client.models import Record
from cleantrace.client.pages import Pages
from cleantrace.client.transport import Transport

R = TypeVar("R", bound=Record)


class Calls:
    """Base of the rooms' methods."""

    _transport: Transport

    def _pages(self, path: str, kind: type[R], /, **query: Any) -> Pages[R]:
        return Pages(self._transport, path, kind, query)
