"""What waiting is, for the asynchronous client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

Look = Callable[[], Awaitable[T]]

sleep = asyncio.sleep


async def aside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do what takes a while without holding others up."""
    return await asyncio.to_thread(work, *args, **kwargs)


async def at_once(
    work: Callable[[int], Awaitable[T]], numbers: Iterable[int], most: int
) -> AsyncIterator[T]:
    """Results in the numbers' order, of so many at a time."""
    free = asyncio.Semaphore(most)

    async def one(number: int) -> T:
        async with free:
            return await work(number)

    tasks = [asyncio.create_task(one(number)) for number in numbers]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
