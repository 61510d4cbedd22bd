"""Decoding images in a few threads: Pillow lets go of the interpreter while it decodes."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_FEW = 8


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(_FEW, os.cpu_count() or 1), thread_name_prefix="decode")


def map_in_threads(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """`[function(item) for item in items]`, in threads where there are more than a few."""
    if len(items) < _FEW:
        return [function(item) for item in items]
    return list(_pool().map(function, items))
