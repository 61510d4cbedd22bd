"""Which code made a pack: its version, and hashes of its installed source that anybody can repeat.

cd "$(python -c 'import workers, pathlib; print(pathlib.Path(workers.__file__).parents[1])')"
find workers/influence -name '*.py' | LC_ALL=C sort | xargs sha256sum | sha256sum
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from cleantrace.version import __version__
from workers.influence import REVISION

_ROOT = Path(__file__).parents[3]
_ENGINE = ("workers/influence",)
_ALL = ("app", "cleantrace", "migrations", "workers")


@cache
def code_facts() -> dict[str, Any]:
    return {
        "package": "cleantrace",
        "version": __version__,
        "engineRevision": REVISION,
        "engineSha256": _sha256_of(_ENGINE),
        "sourceSha256": _sha256_of(_ALL),
    }


def _sha256_of(folders: Iterable[str]) -> str:
    """Of the lines that sha256sum prints of all Python files, by path."""
    paths = (path for folder in folders for path in (_ROOT / folder).rglob("*.py"))
    names = sorted(path.relative_to(_ROOT).as_posix().encode() for path in paths)
    lines = (
        hashlib.sha256((_ROOT / name.decode()).read_bytes()).hexdigest().encode() + b"  %s\n" % name
        for name in names
    )
    return hashlib.sha256(b"".join(lines)).hexdigest()
