"""What waiting is, for the client. Its other form: `aio/pace.py`."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

Look = Callable[[], T]

sleep = time.sleep


def aside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return work(*args, **kwargs)


def at_once(work: Callable[[int], T], numbers: Iterable[int], most: int) -> Iterator[T]:
    """Results in the numbers' order, of so many at a time."""
    with ThreadPoolExecutor(most) as pool:
        yield from pool.map(work, numbers)
