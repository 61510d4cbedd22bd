"""`cleantrace datasets ...`."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from cleantrace.cli import comparisons, label_estimates
from cleantrace.cli.dataset_names import find_dataset
from cleantrace.cli.results import (
    AsJson,
    Timeout,
    Wait,
    follow,
    tell,
    tell_all,
    tell_status,
)
from cleantrace.cli.service import connected, location, remember, sent
from cleantrace.client import Dataset, RejectedRow

app = typer.Typer(help="Datasets.", no_args_is_help=True, callback=remember)

DatasetName = Annotated[str, typer.Argument(metavar="DATASET", help="Id, or name:version.")]


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
    wait: Wait = True,
    timeout: Timeout = None,
    as_json: AsJson = False,
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
        follow(
            made,
            "Indexing",
            lambda bar: client.wait_for_dataset(made, progress=bar.dataset, timeout_s=timeout),
            wait=wait,
            as_json=as_json,
        )


@app.command("list")
def list_datasets(
    context: typer.Context,
    name: Annotated[str | None, typer.Option(help="Only the versions of this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """List datasets, newest first."""
    columns = ["name", "version", "status", "examples", "task", "id"]
    with connected(context) as client:
        tell_all(client.datasets(name), as_json, columns, _row)


def _row(dataset: Dataset) -> list[str]:
    count = "" if dataset.example_count is None else f"{dataset.example_count:,}"
    return [dataset.name, dataset.version, dataset.status, count, dataset.task, dataset.id]


@app.command("show")
def show(context: typer.Context, dataset: DatasetName, as_json: AsJson = False) -> None:
    """Show a dataset; `rejected` lists the rows that could not be used."""
    with connected(context) as client:
        tell(client.get_dataset(find_dataset(client, dataset)), as_json)


@app.command("rejected")
def list_rejected(context: typer.Context, dataset: DatasetName, as_json: AsJson = False) -> None:
    """List the rows that indexing could not use, and why; the first 1,000."""
    with connected(context) as client:
        rows = client.rejected_rows(find_dataset(client, dataset))
        tell_all(rows, as_json, ["row", "key", "reason"], _rejected)


def _rejected(row: RejectedRow) -> list[str]:
    return [str(row.row), row.key or "", row.reason]


@app.command("retry")
def retry(
    context: typer.Context,
    dataset: DatasetName,
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Index a failed dataset again."""
    with connected(context) as client:
        again = client.retry_dataset(find_dataset(client, dataset))
        follow(
            again,
            "Indexing",
            lambda bar: client.wait_for_dataset(again, progress=bar.dataset, timeout_s=timeout),
            wait=wait,
            as_json=as_json,
            as_text=tell_status,
        )


app.command("estimate")(label_estimates.estimate)
app.command("diff")(comparisons.diff)
