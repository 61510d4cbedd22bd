"""What makes two examples the same: the bytes of their content, and their label.

By it a scan finds what an earlier one has computed, wherever the example stood then.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.datasets.image_file import ImageFile

DIGEST_BYTES = 16


def contents_of(inputs: np.ndarray | Sequence[Any]) -> list[bytes | memoryview]:
    """The bytes that stand for each example's content: an image file's are its SHA-256."""
    if isinstance(inputs, np.ndarray):
        flat = np.ascontiguousarray(inputs).reshape(-1).view(np.uint8).data
        width = flat.nbytes // max(len(inputs), 1)
        return [flat[i * width : (i + 1) * width] for i in range(len(inputs))]
    return [_content(value) for value in inputs]


def digests_of(contents: Sequence[bytes | memoryview]) -> list[bytes]:
    """A digest of DIGEST_BYTES for each content."""
    return [hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest() for data in contents]


def identities(digests: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n, 2) uint64 of digests, likewise (n, 2) uint64, and labels (n,), int or float."""
    found = digests.copy()
    bits = np.ascontiguousarray(labels, np.float64).view(np.uint64)
    found[:, 0] ^= mixed(bits)
    return found


def match(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Where each wanted identity (n, 2) stands among the known (m, 2): (n,), -1 for nowhere."""
    if not len(known):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(known[:, 0], kind="stable")
    at = np.searchsorted(known[order, 0], wanted[:, 0]).clip(max=len(known) - 1)
    found = order[at]
    return np.where((known[found] == wanted).all(1), found, -1)


def _content(value: bytes | str | ImageFile) -> bytes:
    if isinstance(value, ImageFile):
        return value.sha256.encode()
    return value.encode() if isinstance(value, str) else value


def mixed(bits: np.ndarray) -> np.ndarray:
    """A bijection that spreads each bit over all (the finaliser of splitmix64)."""
    with np.errstate(over="ignore"):
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
