"""Make the client from the asynchronous one: `python -m tools.sync_client` writes what has changed.

The source is `cleantrace/client/aio`; each of its modules becomes one of the same name a folder up,
with every `async` and `await` taken out. `make format` does this; `make check` asks whether it was
done (`--check`).
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "cleantrace" / "client" / "aio"
WRITTEN_TWICE = {"__init__.py", "pace.py"}

_RULES = [
    (r"\basync (?=def |with |for )", ""),
    (r"\bawait ", ""),
    (r"\basynccontextmanager\b", "contextmanager"),
    (r"(?:\b|(?<=Stop))Async(?=[A-Z])", ""),
    (r"\bcleantrace\.client\.aio\.", "cleantrace.client."),
    (r"\b__a(enter|exit|iter|next)__\b", r"__\1__"),
    (r"\ba(?=(?:read|close|iter_lines|iter_raw)\()", ""),
]


def synchronous(source: str, name: str) -> str:
    """The module's text without `async`, as our formatter writes it."""
    for pattern, new in _RULES:
        source = re.sub(pattern, new, source)
    text = f"# Made from aio/{name} by tools/sync_client.py: change that.\n{source}"
    for command in (["check", "--fix", "--quiet", "--select", "I"], ["format", "--quiet"]):
        ran = subprocess.run(
            [
                sys.executable,
                "-m",
                "ruff",
                *command,
                "--stdin-filename",
                str(SOURCE.parent / name),
                "-",
            ],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        text = ran.stdout
    return text


def stale() -> dict[Path, str]:
    """Modules that are not what their source makes them, with what they should be."""
    found = {}
    for path in sorted(SOURCE.glob("*.py")):
        if path.name in WRITTEN_TWICE:
            continue
        target = SOURCE.parent / path.name
        wanted = synchronous(path.read_text(), path.name)
        if not target.exists() or target.read_text() != wanted:
            found[target] = wanted
    return found


def main(arguments: list[str]) -> int:
    found = stale()
    if "--check" in arguments:
        for path in found:
            print(f"{path.relative_to(SOURCE.parents[2])} is not what its source in aio/ makes it.")
        if found:
            print("Run: make format")
        return int(bool(found))
    for path, text in found.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
