"""Arrays made from what never changes, kept between requests within bounds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

import numpy as np

Key = TypeVar("Key", bound=Hashable)


class KeptArrays(Generic[Key]):
    """The least recently used go first. What is kept is shared: do not write to it."""

    def __init__(self, most_bytes: int) -> None:
        self._arrays: OrderedDict[Key, np.ndarray] = OrderedDict()
        self._most_bytes = most_bytes
        self._lock = Lock()  # requests run in threads

    def get(self, key: Key) -> np.ndarray | None:
        with self._lock:
            found = self._arrays.get(key)
            if found is not None:
                self._arrays.move_to_end(key)
            return found

    def put(self, key: Key, array: np.ndarray) -> None:
        array.flags.writeable = False
        with self._lock:
            self._arrays[key] = array
            while sum(each.nbytes for each in self._arrays.values()) > self._most_bytes:
                self._arrays.popitem(last=False)
