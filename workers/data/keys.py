"""Keys of examples: the user's own, or made from the content; each once in a dataset."""

import hashlib
from collections.abc import Sequence

import numpy as np

_CONTENT_KEY_CHARACTERS = 32
_SMALL = 4096


class SeenHashes:
    """A set of 64-bit hashes in sorted arrays: 8 bytes each, where a Python set takes 100.

    Two of ten million different keys share a hash with a probability of 3 in a million; one of
    them would then be taken for a duplicate.
    """

    def __init__(self) -> None:
        self._levels: list[np.ndarray] = []

    def add(self, hashes: np.ndarray) -> np.ndarray:
        """Add (n,) uint64 in order; (n,) bool: which of them had been there before."""
        seen = np.ones(len(hashes), bool)
        _, first = np.unique(hashes, return_index=True)
        seen[first] = False
        for level in self._levels:
            at = np.searchsorted(level, hashes).clip(max=len(level) - 1)
            seen |= level[at] == hashes
        new = np.sort(hashes[~seen])
        # Merging with every level that is no larger keeps their number logarithmic.
        while self._levels and len(self._levels[-1]) <= max(len(new), _SMALL):
            new = np.sort(np.concatenate([self._levels.pop(), new]))
        if len(new):
            self._levels.append(new)
        return seen


def hash_keys(keys: Sequence[str]) -> np.ndarray:
    """(n,) uint64."""
    digests = b"".join(hashlib.blake2b(key.encode(), digest_size=8).digest() for key in keys)
    return np.frombuffer(digests, np.uint64)


class ContentKeys:
    """Keys from content: part of its SHA-256, with "-2", "-3", ... for repeated content."""

    def __init__(self) -> None:
        self._seen = SeenHashes()
        self._repeats: dict[str, int] = {}

    def make(self, contents: Sequence[bytes | memoryview]) -> list[str]:
        """The keys of further examples, in order."""
        keys = [hashlib.sha256(data).hexdigest()[:_CONTENT_KEY_CHARACTERS] for data in contents]
        for i in np.flatnonzero(self._seen.add(hash_keys(keys))):
            key = keys[i]
            self._repeats[key] = self._repeats.get(key, 1) + 1
            keys[i] = f"{key}-{self._repeats[key]}"
        return keys
