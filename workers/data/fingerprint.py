"""The fingerprint of data where they lie, as registering them would give it.

`python -m workers.data.fingerprint` reads a registration's members as JSON from standard input.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from app.errors import ProblemError
from workers.data.index import index_dataset
from workers.data.spec import IndexSpec


def fingerprint_of(spec: IndexSpec) -> str:
    """Raises ProblemError: the data cannot be read as the registration says."""
    with TemporaryDirectory(prefix="cleantrace-") as folder:
        found = index_dataset(
            spec, Path(folder) / "examples.arrow", allowed_roots=[spec.uri.removeprefix("file://")]
        )
    return found.fingerprint


def main() -> int:
    try:
        print(fingerprint_of(IndexSpec(**json.load(sys.stdin))))
    except ProblemError as error:
        print(" ".join(filter(None, [error.detail, error.remedy])), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
