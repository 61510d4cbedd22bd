"""What a check is given and what it says."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol

_TEXT_SUFFIXES = {
    ".cfg", ".css", ".html", ".ini", ".js", ".json", ".mako", ".md", ".py", ".sh", ".sql", ".svg",
    ".toml", ".txt", ".yaml", ".yml",
}  # fmt: skip
_TEXT_NAMES = {"Dockerfile", "Makefile", "run", ".gitignore", ".dockerignore"}


@dataclass(frozen=True)
class SourceFile:
    """One file of the repository.

    Attributes:
        path: relative to the repository's root.
    """

    path: PurePosixPath
    text: str

    @property
    def is_python(self) -> bool:
        return self.path.suffix == ".py"

    @property
    def room(self) -> str:
        """The top-level directory, or an empty text."""
        return self.path.parts[0] if len(self.path.parts) > 1 else ""

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of a Python file."""
        return list(ast.walk(ast.parse(self.text, str(self.path))))


@dataclass(frozen=True)
class Finding:
    """One violation."""

    path: PurePosixPath
    line: int
    check: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: [{self.check}] {self.message}"


class Check(Protocol):
    """One rule."""

    name: str
    """Short, for the output."""

    def applies(self, file: SourceFile) -> bool:
        """Whether the rule speaks about this file."""
        ...

    def find(self, file: SourceFile) -> Iterator[tuple[int, str]]:
        """Line and message of each violation."""
        ...


def run_check(check: Check, file: SourceFile) -> list[Finding]:
    """The violations of one rule in one file."""
    if not check.applies(file):
        return []
    return [Finding(file.path, line, check.name, message) for line, message in check.find(file)]


def tracked_files(root: Path) -> Iterator[SourceFile]:
    """Every text file that git knows, or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in sorted(filter(None, listed.stdout.split("\0"))):
        path = root / name
        if (path.suffix in _TEXT_SUFFIXES or path.name in _TEXT_NAMES) and path.is_file():
            yield SourceFile(PurePosixPath(name), path.read_text(encoding="utf-8"))


def dotted_name(node: ast.AST) -> str:
    """`a.b.c` of a chain of attributes; an empty text for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted_name(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""
