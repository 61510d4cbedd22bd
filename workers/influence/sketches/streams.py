"""Random numbers by name: the same on every machine, device and version of any library.

Sketches are kept, and a new example is compared with them later. Library generators may change
their streams between releases; SHAKE-256 (FIPS 202) cannot.
"""

import hashlib
import math

import numpy as np


def signs(key: tuple[object, ...], count: int) -> np.ndarray:
    """`count` independent fair signs, ±1, float32."""
    bits = np.frombuffer(_stream((*key, "signs"), math.ceil(count / 8)), dtype=np.uint8)
    return 1 - 2 * np.unpackbits(bits, count=count).astype(np.float32)


def buckets(key: tuple[object, ...], count: int, dimension: int) -> np.ndarray:
    """A bucket for each of `count` entries, int64 below `dimension`.

    Buckets are dealt out like cards, not drawn: two entries meet only where they must, which
    lowers the variance and leaves the estimate unbiased, as that needs only independent signs.
    """
    draws = np.frombuffer(_stream((*key, "buckets"), 8 * count), dtype="<u8")
    return np.argsort(draws, kind="stable") % dimension


def _stream(key: tuple[object, ...], size: int) -> bytes:
    # repr of a tuple of strings and integers is unambiguous, as joined strings would not be.
    return hashlib.shake_256(repr(("gradient sketch 1", *key)).encode()).digest(size)
