"""A room of `app` owns its tables; another room asks its service, never its SQL."""

import ast
from collections.abc import Iterator

from tools.checks.source import SourceFile

_ASSEMBLES_ALL = {"app/main.py", "app/tables.py"}


class QueriesArePrivate:
    """No room of `app` imports another room's `queries` or `*_queries`."""

    name = "private-queries"

    def applies(self, file: SourceFile) -> bool:
        return file.is_python and file.room == "app" and str(file.path) not in _ASSEMBLES_ALL

    def find(self, file: SourceFile) -> Iterator[tuple[int, str]]:
        own = ".".join(file.path.parts[:2]) if len(file.path.parts) > 2 else ""
        for node in file.nodes:
            for name in _imported(node):
                room, _, module = name.partition(".")[2].partition(".")
                if module.partition(".")[0].endswith("queries") and f"app.{room}" != own:
                    yield _line(node), f"{name} is private to app.{room}; ask its service"


def _imported(node: ast.AST) -> list[str]:
    """The modules of `app` that an import names, each as `app.room.module`."""
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        # `from app.scans import queries` and `from app.scans.queries import rows` alike.
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        if node.module.count(".") > 1:
            names = [node.module]
    return [name for name in names if name.startswith("app.")]


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 1)
