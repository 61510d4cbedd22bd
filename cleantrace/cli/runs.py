"""`cleantrace runs ...` and `cleantrace checkpoints ...`."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cleantrace.cli.dataset_names import find_dataset
from cleantrace.cli.results import (
    AsJson,
    Timeout,
    Wait,
    finite,
    follow,
    tell,
    tell_all,
    tell_id,
    tell_status,
)
from cleantrace.cli.scan_options import RunId
from cleantrace.cli.service import connected, location, read_json, remember, sent
from cleantrace.client import Checkpoint, Run
from cleantrace.progress import Bar

if TYPE_CHECKING:
    from cleantrace.client import Client

app = typer.Typer(help="Training runs.", no_args_is_help=True, callback=remember)
checkpoints = typer.Typer(
    help="Checkpoints of training runs.", no_args_is_help=True, callback=remember
)

CheckpointRef = Annotated[str, typer.Argument(metavar="CHECKPOINT", help="Its id, or its step.")]


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
    as_json: AsJson = False,
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
        tell(made, as_json, tell_id)


@app.command("list")
def list_runs(context: typer.Context, as_json: AsJson = False) -> None:
    """List training runs, newest first."""
    with connected(context) as client:
        tell_all(client.runs(), as_json, ["name", "model", "loss", "made", "id"], _run_row)


def _run_row(run: Run) -> list[str]:
    return [run.name, run.model["name"], run.loss, f"{run.created_at:%Y-%m-%d %H:%M}", run.id]


@app.command("show")
def show(context: typer.Context, run: RunId, as_json: AsJson = False) -> None:
    """Show a training run."""
    with connected(context) as client:
        tell(client.get_run(run), as_json)


@checkpoints.command("register")
def register_checkpoint(
    context: typer.Context,
    run: RunId,
    uri: Annotated[str, typer.Argument(help="URL or path of the weights, for the service.")],
    step: Annotated[int, typer.Option(help="Optimiser steps done when it was saved.")],
    eta: Annotated[float, typer.Option(callback=finite, help="The learning rate in force then.")],
    sha256: Annotated[str | None, typer.Option(help="The file must have this hash.")] = None,
    upload: Annotated[
        bool, typer.Option("--upload", help="Send the file from here; else the service reads it.")
    ] = False,
    wait: Wait = True,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Register saved weights, and print the checkpoint's id."""
    with connected(context) as client:
        place = sent(client, uri) if upload else location(uri)
        made = client.register_checkpoint(run, place, step=step, eta=eta, sha256=sha256)
        follow(made, "Checking", _checking(client, made, timeout), wait=wait, as_json=as_json)


def _checking(
    client: Client, checkpoint: Checkpoint, timeout_s: float | None
) -> Callable[[Bar], Checkpoint]:
    def wait(bar: Bar) -> Checkpoint:
        return client.wait_for_checkpoint(checkpoint, progress=bar.checkpoints, timeout_s=timeout_s)

    return wait


@checkpoints.command("list")
def list_checkpoints(context: typer.Context, run: RunId, as_json: AsJson = False) -> None:
    """List a run's checkpoints in the order of their steps."""
    with connected(context) as client:
        found = client.checkpoints(run)
        tell_all(found, as_json, ["step", "eta", "status", "uri", "id"], _checkpoint_row)


def _checkpoint_row(checkpoint: Checkpoint) -> list[str]:
    status = checkpoint.failure.detail if checkpoint.failure else checkpoint.status
    eta = f"{checkpoint.eta:g}"
    return [str(checkpoint.step), eta, status, checkpoint.uri, checkpoint.id]


@checkpoints.command("show")
def show_checkpoint(
    context: typer.Context, run: RunId, checkpoint: CheckpointRef, as_json: AsJson = False
) -> None:
    """Show a checkpoint."""
    with connected(context) as client:
        tell(_find_checkpoint(client, run, checkpoint), as_json)


@checkpoints.command("retry")
def retry_checkpoint(
    context: typer.Context,
    run: RunId,
    checkpoint: CheckpointRef,
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Check a failed checkpoint again."""
    with connected(context) as client:
        again = client.retry_checkpoint(_find_checkpoint(client, run, checkpoint))
        job = _checking(client, again, timeout)
        follow(again, "Checking", job, wait=wait, as_json=as_json, as_text=tell_status)


def _find_checkpoint(client: Client, run: str, ref: str) -> Checkpoint:
    for each in client.checkpoints(run):
        if ref in (each.id, str(each.step)):
            return each
    raise typer.BadParameter(f"the run has no checkpoint {ref!r}", param_hint="CHECKPOINT")
