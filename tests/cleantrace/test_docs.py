"""What README and docs tell to type, and to call, is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.exceptions import TyperException

from cleantrace import AsyncClient, Client
from cleantrace.cli import app

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "README.md", *ROOT.glob("docs/*.md"), ROOT / "examples" / "README.md"]
SCRIPTS = [path for path in (ROOT / "examples" / "ci").iterdir() if path.suffix in {".sh", ".yml"}]
PROGRAM: Any = typer.main.get_command(app)

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
_SPAN = re.compile(r"`([^`\n]+)`")
# Where a command may begin in a script.
_BEGUN = re.compile(r"(?:^|[(;|&]|run:|exec \S+)\s*cleantrace (.*)", re.M)
_SHELLS = {"sh", "bash", "yaml"}


def _commands() -> Iterator[tuple[str, str, bool]]:
    """Whose file, the command without `cleantrace`, and whether it is whole."""
    for path in FILES:
        text = path.read_text()
        for language, block in _FENCE.findall(text):
            if language in _SHELLS:
                yield from ((path.name, each, True) for each in _in_script(block))
        for span in _SPAN.findall(_FENCE.sub("", text)):
            words = span.split()
            if words[0] == "cleantrace" and len(words) > 1:
                yield path.name, span.removeprefix("cleantrace "), False
            elif words[0] in PROGRAM.commands and re.match(r"\S+ [a-z]", span):
                yield path.name, span, False
    for path in SCRIPTS:
        yield from ((path.name, each, True) for each in _in_script(path.read_text()))


def _in_script(text: str) -> Iterator[str]:
    return (found[1] for found in _BEGUN.finditer(text.replace("\\\n", " ")))


def _words(command: str) -> list[str]:
    """Up to what the shell does with it; `[--option]` is an option, a variable a number."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if set(word) <= set("();<>|&"):
            break
        is_left_out = word == "…" and not words[-1].startswith("-")
        if not is_left_out and word != "$@":
            words.append("1" if word.startswith("$") else word.strip("[]"))
    return words


def _what_is_wrong(command: Any, name: str, words: list[str], parent: Any = None) -> str | None:
    """Parse as the program would, down to the command that is meant, and run nothing."""
    try:
        context = command.make_context(name, list(words), parent=parent)
        rest = [*context._protected_args, *context.args]
        if not rest:
            return None
        verb, found, rest = command.resolve_command(context, rest)
    except typer.Exit:  # --help
        return None
    except TyperException as error:
        return f"{type(error).__name__}: {error}"
    return _what_is_wrong(found, verb, rest, context)


COMMANDS = sorted(set(_commands()))


def test_commands_are_found() -> None:
    assert len(COMMANDS) > 40
    assert ("check_labels.sh", True) in {(name, is_whole) for name, _, is_whole in COMMANDS}


@pytest.mark.parametrize(("file", "command", "is_whole"), COMMANDS)
def test_a_command_and_its_options_exist(file: str, command: str, is_whole: bool) -> None:
    words = _words(command)
    if words[0].startswith("-"):  # not parsed: --install-completion would do so
        assert words[0] in {"--help", *_options(PROGRAM)}
    elif words[0] != "NOUN":
        wrong = _what_is_wrong(PROGRAM, "cleantrace", words)
        fine = ["does not exist"]  # a file that only readers have
        if not is_whole:
            fine += ["MissingParameter", "NoArgsIsHelpError", "requires an argument"]
        assert wrong is None or any(each in wrong for each in fine), f"{file}: {wrong}"


def _options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        yield from parameter.opts


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_method_exists(path: Path) -> None:
    for name in set(re.findall(r"\bclient\.(\w+)\(", path.read_text())):
        assert hasattr(Client, name), name
        assert hasattr(AsyncClient, name), name
