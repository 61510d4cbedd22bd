"""`cleantrace datasets ...`."""

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table

from cleantrace.cli import comparisons, label_estimates
from cleantrace.cli.dataset_names import find_dataset
from cleantrace.cli.service import connected, id_column, location, out, remember, sent
from cleantrace.progress import Bar

app = typer.Typer(help="Datasets.", no_args_is_help=True, callback=remember)


class Format(StrEnum):
    parquet = "parquet"
    csv = "csv"
    npz = "npz"
    image_folder = "image_folder"


class Task(StrEnum):
    classification = "classification"
    regression = "regression"


class BadRows(StrEnum):
    fail = "fail"
    skip = "skip"


@app.command("register")
def register(
    context: typer.Context,
    name: str,
    version: str,
    uri: Annotated[str, typer.Argument(help="URL or path of the data, for the service.")],
    data_format: Annotated[Format, typer.Option("--format")],
    task: Annotated[Task, typer.Option()] = Task.classification,
    input_columns: Annotated[
        list[str] | None,
        typer.Option("--input", help="Input column (array of an npz); repeat for a table."),
    ] = None,
    label: Annotated[str | None, typer.Option(help="Column of the label or target.")] = None,
    key: Annotated[str | None, typer.Option(help="Column of your own ids.")] = None,
    label_file: Annotated[
        str | None, typer.Option(help="image_folder: CSV with paths and labels.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Class names in the model's order, with commas between.")
    ] = None,
    on_bad_rows: Annotated[
        BadRows, typer.Option(help="What to do with rows that cannot be used.")
    ] = BadRows.fail,
    upload: Annotated[
        bool, typer.Option("--upload", help="Send the file from here; else the service reads it.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait until it is indexed.")] = True,
) -> None:
    """Register a version of a data set, and print its id."""
    columns: Any = input_columns
    if input_columns and len(input_columns) == 1:
        columns = input_columns[0]
    with connected(context) as client:
        made = client.register_dataset(
            name,
            version,
            sent(client, uri) if upload else location(uri),
            format=data_format.value,
            task=task.value,
            input=columns,
            label=label,
            key=key,
            label_file=label_file,
            classes=classes.split(",") if classes else None,
            on_bad_rows=on_bad_rows.value,
        )
        typer.echo(made.id)
        if wait:
            with Bar("Indexing") as bar:
                client.wait_for_dataset(made, progress=bar.dataset)


@app.command("list")
def list_datasets(
    context: typer.Context,
    name: Annotated[str | None, typer.Option(help="Only the versions of this one.")] = None,
) -> None:
    """List datasets, newest first."""
    table = Table("name", "version", "status", "examples", "task", id_column(), box=None)
    with connected(context) as client:
        for each in client.datasets(name):
            count = "" if each.example_count is None else f"{each.example_count:,}"
            table.add_row(each.name, each.version, each.status, count, each.task, each.id)
    out.print(table)


@app.command("show")
def show(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Id, or name:version.")],
) -> None:
    """Show a dataset, and why rows of it were rejected."""
    with connected(context) as client:
        found = client.get_dataset(find_dataset(client, dataset))
        table = Table(box=None, show_header=False)
        for name, value in vars(found).items():
            if value is not None and name != "failure":
                table.add_row(name, str(value), style="default")
        out.print(table)
        if found.failure is not None:
            out.print(f"failed: {found.failure.detail} {found.failure.remedy or ''}", markup=False)
        for row in client.rejected_rows(found) if found.rejected_count else ():
            out.print(f"row {row.row}: {row.reason}", markup=False, highlight=False)


app.command("estimate")(label_estimates.estimate)
app.command("diff")(comparisons.diff)
