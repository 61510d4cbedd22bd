from __future__ import annotations

from tools.sync_client import stale, synchronous


def test_the_client_is_what_its_source_makes_it() -> None:
    assert stale() == {}


def test_async_is_taken_out() -> None:
    source = '''"""For `async with AsyncClient()`."""

from cleantrace.client.aio.pace import sleep


class AsyncCalls:
    async def all(self) -> AsyncIterator[int]:
        async with self.lock, httpx.AsyncClient() as http:
            await sleep(await http.aread())
            async for each in self.pages():
                yield each
'''
    made = synchronous(source, "x.py")
    assert made.startswith("# Made from aio/x.py")
    for left in ("async", "await", "Async", "aread", "aio."):
        assert left not in made.partition("\n")[2], left
    assert "sleep(http.read())" in made
