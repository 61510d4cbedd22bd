"""`cleantrace exports ...`."""

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from cleantrace.cli.dataset_names import find_dataset
from cleantrace.cli.service import connected, ending_as_told, id_column, out, remember
from cleantrace.packs import verify_pack
from cleantrace.progress import Bar
from cleantrace.reports.escaping import visible

app = typer.Typer(help="Corrections, taken out as files.", no_args_is_help=True, callback=remember)


class What(StrEnum):
    """What to export: a patch in one of its formats, the data set itself, or evidence of it."""

    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"
    dataset = "dataset"
    evidence = "evidence"


@app.command("create")
def create(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Id, or name:version.")],
    what: Annotated[
        What,
        typer.Option(
            help="A patch as JSON Lines, CSV or Parquet; the corrected data set; or evidence for "
            "an auditor, signed."
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
        str | None,
        typer.Option(help="Of evidence: id of the scan; the latest complete one if not given."),
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
    kind = _kind(what, cleanlab)
    if scan is not None and kind != "evidence":
        raise typer.BadParameter("--scan needs --what evidence")
    with connected(context) as client:
        made = client.create_export(
            find_dataset(client, dataset),
            kind,
            format=what.value if kind in {"patch", "cleanlab"} else None,
            queues=queue or None,
            scan=cleanlab or scan,
            register_as=register_as,
        )
        typer.echo(made.id)
        if wait or folder is not None:
            with Bar("Exporting") as bar:
                client.wait_for_export(made, progress=bar.export)
        if folder is not None:
            for path in client.download_export(made, folder):
                typer.echo(path)


def _kind(what: What, cleanlab: str | None) -> Literal["patch", "dataset", "cleanlab", "evidence"]:
    if what in (What.dataset, What.evidence):
        if cleanlab is not None:
            raise typer.BadParameter("--cleanlab needs --what jsonl, csv or parquet")
        return "dataset" if what is What.dataset else "evidence"
    return "patch" if cleanlab is None else "cleanlab"


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


@app.command("verify")
def verify(
    context: typer.Context,
    pack: Annotated[
        Path, typer.Argument(help="The archive, or the folder that it was unpacked to.")
    ],
    key: Annotated[
        Path | None,
        typer.Option(
            help="File with the public keys to trust, as PEM; without it, the service is asked.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Say whether an evidence pack is what was signed: file by file. Needs no service with --key.

    Exit status: 0 all of it holds, 1 something does not, or there is no pack.
    """
    if key is not None:
        keys = key.read_bytes()
    else:
        with connected(context) as client:
            keys = "\n".join(each.public_key for each in client.signing_keys()).encode()
    with ending_as_told():
        found = verify_pack(pack, keys)
    for each in found.findings:
        mark = "ok    " if each.holds else "FAILED"
        typer.echo(f"{mark}  {visible(each.what)}: {visible(each.says)}")
    if not found.holds:
        typer.secho(f"{pack} is not what was signed.", err=True, fg=typer.colors.RED)
        raise typer.Exit(1)
    dataset = found.predicate["dataset"]
    name, version = visible(dataset["name"]), visible(dataset["version"])
    typer.echo(f"All of it holds: evidence of {name}:{version}, {dataset['examples']:,} examples.")
