"""`cleantrace runs ...` and `cleantrace checkpoints ...`."""

from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

from cleantrace.cli.dataset_names import find_dataset
from cleantrace.cli.service import connected, id_column, location, out, read_json, remember, sent
from cleantrace.progress import Bar

app = typer.Typer(help="Training runs.", no_args_is_help=True, callback=remember)
checkpoints = typer.Typer(
    help="Checkpoints of training runs.", no_args_is_help=True, callback=remember
)


class Loss(StrEnum):
    cross_entropy = "cross_entropy"
    squared_error = "squared_error"


@app.command("register")
def register(
    context: typer.Context,
    name: str,
    dataset: Annotated[str, typer.Option(help="Id, or name:version.")],
    model: Annotated[str, typer.Option(help="Name of the architecture.")],
    model_args: Annotated[
        str | None, typer.Option(metavar="JSON", help="Its arguments, or @file.")
    ] = None,
    preprocessing: Annotated[
        str | None, typer.Option(metavar="JSON", help="As in training, or @file.")
    ] = None,
    loss: Annotated[Loss | None, typer.Option(help="By the task if left out.")] = None,
) -> None:
    """Register a training run, and print its id."""
    args = read_json("--model-args", model_args)
    how = read_json("--preprocessing", preprocessing)
    with connected(context) as client:
        made = client.register_run(
            name,
            find_dataset(client, dataset),
            model,
            args,
            preprocessing=how,
            loss=loss.value if loss else None,
        )
        typer.echo(made.id)


@app.command("list")
def list_runs(context: typer.Context) -> None:
    """List training runs, newest first."""
    table = Table("name", "model", "loss", "made", id_column(), box=None)
    with connected(context) as client:
        for each in client.runs():
            made = f"{each.created_at:%Y-%m-%d %H:%M}"
            table.add_row(each.name, each.model["name"], each.loss, made, each.id)
    out.print(table)


@checkpoints.command("register")
def register_checkpoint(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="Id of the training run.")],
    uri: Annotated[str, typer.Argument(help="URL or path of the weights, for the service.")],
    step: Annotated[int, typer.Option(help="Optimiser steps done when it was saved.")],
    eta: Annotated[float, typer.Option(help="The learning rate in force then.")],
    sha256: Annotated[str | None, typer.Option(help="The file must have this hash.")] = None,
    upload: Annotated[
        bool, typer.Option("--upload", help="Send the file from here; else the service reads it.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait until it is checked.")] = True,
) -> None:
    """Register saved weights, and print the checkpoint's id."""
    with connected(context) as client:
        place = sent(client, uri) if upload else location(uri)
        made = client.register_checkpoint(run, place, step=step, eta=eta, sha256=sha256)
        typer.echo(made.id)
        if wait:
            with Bar("Checking") as bar:
                client.wait_for_checkpoints(run, progress=bar.checkpoints)


@checkpoints.command("list")
def list_checkpoints(
    context: typer.Context, run: Annotated[str, typer.Argument(help="Id of the training run.")]
) -> None:
    """List a run's checkpoints in the order of their steps."""
    table = Table("step", "eta", "status", "uri", id_column(), box=None)
    with connected(context) as client:
        for each in client.checkpoints(run):
            status = each.failure.detail if each.failure else each.status
            table.add_row(str(each.step), f"{each.eta:g}", status, each.uri, each.id)
    out.print(table)
