"""The service reads its environment once, typed and checked, in app/settings.py."""

import ast
from collections.abc import Iterator

from tools.checks.source import SourceFile, dotted_name

_HOMES = {"app/settings.py"}


class EnvironmentOnlyInSettings:
    """No `os.environ` in `app`, `workers` and `migrations` but in the settings.

    `cleantrace` is the users' side: a client, a command and a launcher read their own variables.
    """

    name = "environment-in-settings"

    def applies(self, file: SourceFile) -> bool:
        rooms = {"app", "migrations", "workers"}
        return file.is_python and file.room in rooms and str(file.path) not in _HOMES

    def find(self, file: SourceFile) -> Iterator[tuple[int, str]]:
        names = {"os.environ", "os.environb", "os.getenv", "os.putenv"}
        for node in file.nodes:
            imported = isinstance(node, ast.ImportFrom) and node.module == "os"
            if isinstance(node, ast.ImportFrom) and imported:
                for alias in node.names:
                    if f"os.{alias.name}" in names:
                        yield node.lineno, "add a field to app/settings.py and read that"
            elif isinstance(node, ast.Attribute) and dotted_name(node) in names:
                yield node.lineno, "add a field to app/settings.py and read that"
