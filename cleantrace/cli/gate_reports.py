"""The reports that commands on gates write: which are asked for, their pictures, and where to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cleantrace.cli.exits import complain
from cleantrace.cli.service import out
from cleantrace.client.errors import CleantraceError
from cleantrace.reports import FORMATS, Report
from cleantrace.reports.pictures import LONGEST, MOST_PICTURES
from cleantrace.reports.terminal import styled

if TYPE_CHECKING:
    from cleantrace.client import Client, GateEvaluation
    from cleantrace.gates import PolicyFile

_SHEET = "png"
_KNOWN = ", ".join([*FORMATS, _SHEET])
Wanted = Sequence[tuple[str, Path | None]]
"""Formats with their files."""

ReportOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--report",
        metavar="FORMAT[=FILE]",
        help=f"Also write a report: {_KNOWN}. Without a file it takes the place of what is "
        f"printed; {_SHEET} needs one, and has the worst examples of an image dataset. Repeat for "
        "several.",
    ),
]


def wanted_reports(options: list[str] | None, *, as_json: bool) -> Wanted:
    wanted = []
    for each in options or ():
        name, separator, path = each.partition("=")
        if name not in (*FORMATS, _SHEET) or (separator and not path):
            raise typer.BadParameter(f"{each!r} is no FORMAT or FORMAT=FILE of {_KNOWN}")
        if name == _SHEET and not path:
            raise typer.BadParameter(f"a picture goes into a file: --report {_SHEET}=FILE")
        wanted.append((name, Path(path) if separator else None))
    if as_json and any(path is None for _, path in wanted):
        raise typer.BadParameter(
            "--json and a report without a file would both be printed: give the report a file"
        )
    return wanted


def write_reports(
    client: Client,
    found: GateEvaluation,
    wanted: Wanted,
    *,
    file: PolicyFile | None = None,
    data: Path | None = None,
    as_json: bool = False,
) -> None:
    """Into their files, and on standard output what is asked for without one.

    Args:
        file, data: where findings are shown.
        as_json: nothing is printed: JSON is.
    """
    sheet = _write_sheet(client, found, [path for name, path in wanted if name == _SHEET and path])
    report = Report(
        found.answer,
        policy_path=None if file is None else _in_repository(file.path),
        lines={} if file is None else file.rule_lines(),
        data_path=None if data is None else _in_repository(data),
        project_url=f"{client.url}/projects/{client.project}",
        pictures=_pictures(client, found) if any(name == "html" for name, _ in wanted) else {},
        sheet=sheet,
    )
    texts = [(name, path) for name, path in wanted if name != _SHEET]
    printed = [name for name, path in texts if path is None]
    for name, path in texts:
        if path is not None:
            _write(path, FORMATS[name](report).encode())
    if not printed and not as_json:
        out.print(styled(report), end="", soft_wrap=True)
    for name in printed:
        typer.echo(FORMATS[name](report), nl=False)


def _pictures(client: Client, found: GateEvaluation) -> dict[int, bytes]:
    """Of examples that are pictures: others have a snippet. What cannot be had is left out."""
    pictures: dict[int, bytes] = {}
    shown = [each["position"] for each in found.worst if each["snippet"] is None]
    try:
        for position in shown[:MOST_PICTURES]:
            pictures[position] = client.example_image(
                found.dataset["id"], position, longest=LONGEST
            )
    except CleantraceError as error:
        _told(f"The report has not all pictures: {error}")
    return pictures


def _write_sheet(client: Client, found: GateEvaluation, paths: Sequence[Path]) -> str | None:
    """The file's name; None where there is none, with the reason on standard error."""
    if not paths:
        return None
    if found.id is None:
        _told("There is no picture of a dry run: it is not kept.")
        return None
    try:
        picture = client.gate_pictures(found.id)
    except CleantraceError as error:
        _told(str(error))
        return None
    for path in paths:
        _write(path, picture)
    return paths[0].name


def _told(text: str) -> None:
    """A verdict stands whatever becomes of its pictures."""
    complain(text, typer.colors.YELLOW)


def _in_repository(path: Path) -> str:
    """As it is named from where the command runs, which is where a CI job has the repository."""
    here = Path.cwd()
    found = path.absolute()
    return (found.relative_to(here) if found.is_relative_to(here) else path).as_posix()


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}", param_hint="--report") from error
