"""`cleantrace exports ...`."""

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.table import Table

from cleantrace.cli.dataset_names import find_dataset
from cleantrace.cli.service import connected, id_column, out, remember
from cleantrace.client.export_models import ExportKind
from cleantrace.progress import Bar

app = typer.Typer(help="Corrections, taken out as files.", no_args_is_help=True, callback=remember)


class What(StrEnum):
    """What to export: a patch in one of its formats, the data set itself, or what to look at."""

    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"
    dataset = "dataset"
    label_studio = "label-studio"
    argilla = "argilla"


_TABLES = (What.jsonl, What.csv, What.parquet)


@app.command("create")
def create(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Id, or name:version.")],
    what: Annotated[
        What,
        typer.Option(
            help="A patch as JSON Lines, CSV or Parquet; the corrected data set; or what is to be "
            "annotated, for Label Studio or Argilla."
        ),
    ] = What.jsonl,
    queue: Annotated[
        list[str] | None, typer.Option(help="Id of a queue that counts; repeat for more.")
    ] = None,
    cleanlab: Annotated[
        str | None,
        typer.Option(help="Id of a scan: its results as cleanlab's table, not a patch."),
    ] = None,
    scan: Annotated[
        str | None, typer.Option(help="Id of the scan whose flags are to be annotated.")
    ] = None,
    image_base: Annotated[
        str | None, typer.Option(help="Where the tool finds the images of an image folder.")
    ] = None,
    register_as: Annotated[
        str | None, typer.Option(help="Register the corrected data set as this version.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--download", help="Download the files to this folder.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait until it is made.")] = True,
) -> None:
    """Export what people found, and print the export's id."""
    is_table = what in _TABLES
    if not is_table and cleanlab is not None:
        raise typer.BadParameter("--cleanlab needs --what jsonl, csv or parquet")
    kind: ExportKind = "patch" if is_table else cast(ExportKind, what.value)
    with connected(context) as client:
        made = client.create_export(
            find_dataset(client, dataset),
            kind if cleanlab is None else "cleanlab",
            format=what.value if is_table else None,
            queues=queue or None,
            scan=scan if cleanlab is None else cleanlab,
            register_as=register_as,
            image_base=image_base,
        )
        typer.echo(made.id)
        if wait or folder is not None:
            with Bar("Exporting") as bar:
                client.wait_for_export(made, progress=bar.export)
        if folder is not None:
            for path in client.download_export(made, folder):
                typer.echo(path)


@app.command("list")
def list_exports(
    context: typer.Context,
    dataset: Annotated[
        str | None, typer.Option(help="Only of this one: id, or name:version.")
    ] = None,
) -> None:
    """List exports, newest first."""
    table = Table("created", "what", "status", "rows", "registered as", id_column(), box=None)
    with connected(context) as client:
        only = None if dataset is None else find_dataset(client, dataset)
        for each in client.exports(only):
            table.add_row(
                f"{each.created_at:%Y-%m-%d %H:%M}",
                each.kind if each.format is None else f"{each.kind}, {each.format}",
                each.status,
                f"{each.rows_done:,}",
                each.register_as or "",
                each.id,
            )
    out.print(table)


@app.command("show")
def show(
    context: typer.Context, export: Annotated[str, typer.Argument(help="Id of the export.")]
) -> None:
    """Show an export, its files and its card as JSON."""
    with connected(context) as client:
        found = asdict(client.get_export(export))
    typer.echo(json.dumps(found, indent=2, default=str))


@app.command("download")
def download(
    context: typer.Context,
    export: Annotated[str, typer.Argument(help="Id of the export.")],
    folder: Annotated[Path, typer.Argument(help="Where the files go.")] = Path(),
) -> None:
    """Download the files of an export and its card; goes on with what broke off."""
    with connected(context) as client:
        for path in client.download_export(export, folder):
            typer.echo(path)
