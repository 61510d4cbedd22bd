"""How files are known to be the same."""

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """In hexadecimal. Raises OSError: the file cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
