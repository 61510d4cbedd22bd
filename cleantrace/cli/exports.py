"""`cleantrace exports ...`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from cleantrace.cli.dataset_names import find_dataset
from cleantrace.cli.results import AsJson, Timeout, Wait, follow, print_json, tell, tell_all
from cleantrace.cli.service import connected, remember
from cleantrace.client import Export

app = typer.Typer(help="Corrections, taken out as files.", no_args_is_help=True, callback=remember)

ExportId = Annotated[str, typer.Argument(metavar="EXPORT", help="Id of the export.")]


class What(StrEnum):
    """What to export: a patch in one of its formats, or the data set itself."""

    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"
    dataset = "dataset"


@app.command("create")
def create(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Id, or name:version.")],
    what: Annotated[
        What, typer.Option(help="A patch as JSON Lines, CSV or Parquet; or the corrected data set.")
    ] = What.jsonl,
    queue: Annotated[
        list[str] | None, typer.Option(help="Id of a queue that counts; repeat for more.")
    ] = None,
    cleanlab: Annotated[
        str | None,
        typer.Option(help="Id of a scan: its results as cleanlab's table, not a patch."),
    ] = None,
    register_as: Annotated[
        str | None, typer.Option(help="Register the corrected data set as this version.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--download", help="Download the files to this folder.")
    ] = None,
    wait: Wait = True,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Export what people found, and print the export's id."""
    is_dataset = what is What.dataset
    if is_dataset and cleanlab is not None:
        raise typer.BadParameter("--cleanlab needs --what jsonl, csv or parquet")
    kind: Literal["patch", "dataset", "cleanlab"] = "dataset" if is_dataset else "patch"
    with connected(context) as client:
        made = client.create_export(
            find_dataset(client, dataset),
            kind if cleanlab is None else "cleanlab",
            format=None if is_dataset else what.value,
            queues=queue or None,
            scan=cleanlab,
            register_as=register_as,
        )
        follow(
            made,
            "Exporting",
            lambda bar: client.wait_for_export(made, progress=bar.export, timeout_s=timeout),
            wait=wait or folder is not None,
            as_json=as_json,
        )
        if folder is not None:
            paths = client.download_export(made, folder)
            if not as_json:  # as JSON the export has told its files
                _tell_paths(paths, as_json=False)


@app.command("list")
def list_exports(
    context: typer.Context,
    dataset: Annotated[
        str | None, typer.Option(help="Only of this one: id, or name:version.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List exports, newest first."""
    columns = ["created", "what", "status", "rows", "registered as", "id"]
    with connected(context) as client:
        only = None if dataset is None else find_dataset(client, dataset)
        tell_all(client.exports(only), as_json, columns, _row)


def _row(export: Export) -> list[str]:
    return [
        f"{export.created_at:%Y-%m-%d %H:%M}",
        export.kind if export.format is None else f"{export.kind}, {export.format}",
        export.status,
        f"{export.rows_done:,}",
        export.register_as or "",
        export.id,
    ]


@app.command("show")
def show(context: typer.Context, export: ExportId, as_json: AsJson = False) -> None:
    """Show an export, its files and its card."""
    with connected(context) as client:
        tell(client.get_export(export), as_json)


@app.command("download")
def download(
    context: typer.Context,
    export: ExportId,
    folder: Annotated[Path, typer.Argument(help="Where the files go.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Download the files of an export and its card; goes on with what broke off."""
    with connected(context) as client:
        _tell_paths(client.download_export(export, folder), as_json)


def _tell_paths(paths: list[Path], as_json: bool) -> None:
    for path in paths:
        if as_json:
            print_json({"path": str(path)}, indent=None)
        else:
            typer.echo(path)
