"""How commands reach the service."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from cleantrace.cli.exits import ending_as_told
from cleantrace.client.config import Settings, find_settings, of_stack
from cleantrace.client.errors import NotConfigured
from cleantrace.progress import Bar

if TYPE_CHECKING:
    from cleantrace.client import Client

# Variables are not the options' own: `doctor` tells which of both was found.
Url = Annotated[str | None, typer.Option(help="URL of the service; else CLEANTRACE_URL.")]
ApiKey = Annotated[str | None, typer.Option(help="API key; else CLEANTRACE_API_KEY.")]
Project = Annotated[str | None, typer.Option(help="Project of the key; else CLEANTRACE_PROJECT.")]
DataDir = Annotated[
    Path | None,
    typer.Option(help="Talk to the stack that runs on this data directory.", show_default=False),
]


def _width() -> int | None:
    """None: as wide as the terminal. What is piped to a program must not be wrapped or cut."""
    return None if sys.stdout.isatty() else 1000


out = Console(width=_width())
"""Results; all else goes to standard error."""


def remember(
    context: typer.Context,
    url: Url = None,
    api_key: ApiKey = None,
    project: Project = None,
    data_dir: DataDir = None,
) -> None:
    """The callback of every group whose verbs talk to the service."""
    context.obj = {"url": url, "api_key": api_key, "project": project, "data_dir": data_dir}


@contextmanager
def connected(context: typer.Context) -> Iterator[Client]:
    """A client of the service that options, environment, files or a running stack name."""
    with ending_as_told(), client_of(context) as client:
        yield client


def client_of(context: typer.Context) -> Client:
    """Raises NotConfigured."""
    return _client(**context.obj)


def _client(
    url: str | None, api_key: str | None, project: str | None, data_dir: Path | None
) -> Client:
    from cleantrace.client import Client  # brings HTTP along: `--help` should not pay for it

    found = settings_of(url, api_key, project, data_dir)
    return Client(found.url, found.api_key, found.project)


def settings_of(
    url: str | None, api_key: str | None, project: str | None, data_dir: Path | None
) -> Settings:
    """Which service to talk to. Raises NotConfigured."""
    if data_dir is None:
        found = find_settings(url, api_key, project)
        if found.url:
            return found
        data_dir = _default_data_dir()
        if data_dir is None or not (data_dir / "stack.json").exists():
            raise NotConfigured(
                "No service is named. Give --url (or set CLEANTRACE_URL), sign in to one with "
                "cleantrace login, name the directory of a running stack with --data-dir, or "
                "start one: cleantrace up."
            )
    stack = of_stack(data_dir, project or os.environ.get("CLEANTRACE_PROJECT"))
    here = f"the stack on {data_dir}"
    return Settings(stack.url, stack.project, stack.api_key, here, here, here)


def _default_data_dir() -> Path | None:
    try:
        from cleantrace.standalone.data_dir import default_data_dir
    except ImportError:  # where `cleantrace up` cannot run
        return None
    return default_data_dir()


def read_json(option: str, value: str | None) -> dict[str, Any] | None:
    """An object from JSON text, or from the file that `@path` names."""
    if value is None:
        return None
    try:
        text = Path(value[1:]).read_text() if value.startswith("@") else value
        found = json.loads(text, parse_constant=_no_number)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{error}", param_hint=option) from error
    if not isinstance(found, dict):
        raise typer.BadParameter('it must be an object: {"name": value}', param_hint=option)
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number that JSON has")


def location(value: str) -> str | Path:
    """A URL as it is; anything else is a path on this machine."""
    return value if "://" in value else Path(value)


def sent(client: Client, file: str) -> str:
    """Send a file from this machine; returns what to register it by."""
    path = Path(file).expanduser()
    if path.is_dir():
        raise typer.BadParameter(
            f"{file} is a folder, and folders are not sent: put it where the service can read it, "
            "and leave --upload out"
        )
    if not path.is_file():
        raise typer.BadParameter(f"there is no file {file} here")
    with Bar("Sending") as bar:
        return client.upload(path, progress=bar.upload).uri
