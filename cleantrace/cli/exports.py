"""`cleantrace exports ...`."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, cast

import typer

from cleantrace.cli.dataset_names import find_dataset
from cleantrace.cli.exits import FAILED, ending_as_told, fail
from cleantrace.cli.results import AsJson, Timeout, Wait, follow, print_json, tell, tell_all
from cleantrace.cli.service import connected, remember
from cleantrace.client import Export
from cleantrace.client.export_models import ExportKind

app = typer.Typer(help="Corrections, taken out as files.", no_args_is_help=True, callback=remember)

ExportId = Annotated[str, typer.Argument(metavar="EXPORT", help="Id of the export.")]


class What(StrEnum):
    """What to export: a patch in one of its formats, the data set itself, what to look at, or
    evidence."""

    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"
    dataset = "dataset"
    evidence = "evidence"
    label_studio = "label-studio"
    argilla = "argilla"


_TABLES = (What.jsonl, What.csv, What.parquet)
_OF_A_SCAN = (What.evidence, What.label_studio, What.argilla)


@app.command("create")
def create(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Id, or name:version.")],
    what: Annotated[
        What,
        typer.Option(
            help="A patch as JSON Lines, CSV or Parquet; the corrected data set; what is to be "
            "annotated, for Label Studio or Argilla; or evidence for an auditor, signed."
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
        typer.Option(
            help="Id of the scan: whose flags are to be annotated; of evidence, the latest "
            "complete one if not given."
        ),
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
    wait: Wait = True,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Export what people found, and print the export's id."""
    is_table = what in _TABLES
    if not is_table and cleanlab is not None:
        raise typer.BadParameter("--cleanlab needs --what jsonl, csv or parquet")
    if scan is not None and what not in _OF_A_SCAN:
        raise typer.BadParameter("--scan needs --what evidence, label-studio or argilla")
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
    as_json: AsJson = False,
) -> None:
    """Say whether an evidence pack is what was signed: file by file. Needs no service with --key.

    Exit status: 0 all of it holds, 1 something does not, 2 there is no pack.
    """
    from cleantrace.packs import verify_pack
    from cleantrace.reports.escaping import visible

    if key is not None:
        keys = key.read_bytes()
    else:
        with connected(context) as client:
            keys = "\n".join(each.public_key for each in client.signing_keys()).encode()
    with ending_as_told():
        found = verify_pack(pack, keys)
    if as_json:
        print_json({"holds": found.holds, "findings": [asdict(each) for each in found.findings]})
    for each in [] if as_json else found.findings:
        mark = "ok    " if each.holds else "FAILED"
        typer.echo(f"{mark}  {visible(each.what)}: {visible(each.says)}")
    if not found.holds:
        fail(f"{pack} is not what was signed.", FAILED)
    if as_json:
        return
    dataset = found.predicate["dataset"]
    name, version = visible(dataset["name"]), visible(dataset["version"])
    typer.echo(f"All of it holds: evidence of {name}:{version}, {dataset['examples']:,} examples.")
