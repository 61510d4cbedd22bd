"""SQL stands in queries.py, where it can be read, counted and indexed for in one place."""

import ast
from collections.abc import Iterator

from tools.checks.source import SourceFile, dotted_name

_STATEMENTS = {"delete", "exists", "insert", "select", "text", "union", "union_all", "update"}
_RUNS_SQL = {"exec_driver_sql", "execute", "executemany", "scalars", "stream_scalars"}
# Words with other meanings too: only on what is called like a session or a connection.
_RUNS_SQL_ON_SESSIONS = {"copy", "get", "get_one", "query", "scalar"}
_SESSIONS = {"connection", "conn", "cursor", "db", "session"}

_HOMES = {
    "app/db.py": "the session edge itself",
}


class SqlOnlyInQueries:
    """`select()` and the like, and running statements, only in `queries.py` or `*_queries.py`."""

    name = "sql-in-queries"

    def applies(self, file: SourceFile) -> bool:
        if not file.is_python or file.room not in {"app", "workers", "cleantrace"}:
            return False
        if str(file.path) in _HOMES:
            return False
        return file.path.name != "queries.py" and not file.path.name.endswith("_queries.py")

    def find(self, file: SourceFile) -> Iterator[tuple[int, str]]:
        for node in file.nodes:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy"):
                for alias in node.names:
                    # A table's definition may need text() for a default or an index.
                    in_definition = alias.name == "text" and file.path.name == "models.py"
                    if alias.name in _STATEMENTS and not in_definition:
                        yield node.lineno, f"{alias.name}() belongs in the room's queries.py"
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield from self._call(node, node.func)

    def _call(self, node: ast.Call, func: ast.Attribute) -> Iterator[tuple[int, str]]:
        owner = dotted_name(func.value).rpartition(".")[2]
        statement = owner in {"sa", "sqlalchemy"} and func.attr in _STATEMENTS
        on_session = owner in _SESSIONS and func.attr in _RUNS_SQL_ON_SESSIONS
        if statement or on_session or func.attr in _RUNS_SQL:
            yield node.lineno, f".{func.attr}() belongs in the room's queries.py"
