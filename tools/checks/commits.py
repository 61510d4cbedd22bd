"""All or nothing: a transaction is committed at the edge, or not at all."""

import ast
from collections.abc import Iterator

from tools.checks.source import SourceFile

_EDGE = {"app/db.py"}


class CommitOnlyAtTheEdge:
    """No `.commit()` in the service outside the session edge; services only `flush()`."""

    name = "commit-at-the-edge"

    def applies(self, file: SourceFile) -> bool:
        rooms = {"app", "workers", "cleantrace"}
        return file.is_python and file.room in rooms and str(file.path) not in _EDGE

    def find(self, file: SourceFile) -> Iterator[tuple[int, str]]:
        for node in file.nodes:
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "commit"
            ):
                yield node.lineno, "only app/db.py commits; flush() here"
