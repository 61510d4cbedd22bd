# Made from aio/calls.py by tools/sync_client.py: change that.
"""What every room's methods of the client share."""

from collections.abc import Iterator
from typing import Any, TypeVar

from cleantrace.client.models import Record
from cleantrace.client.transport import Transport

R = TypeVar("R", bound=Record)


class Calls:
    """Base of the rooms' methods."""

    _transport: Transport

    def _pages(self, path: str, kind: type[R], /, **query: Any) -> Iterator[R]:
        query.setdefault("limit", 200)
        after = None
        while True:
            page = self._transport.get(path, after=after, **query)
            for each in page["items"]:
                yield kind.from_json(each)
            after = page["next"]
            if after is None:
                return
