"""What the examples share: a stack, a training loop that keeps checkpoints, the job, the recall."""

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal, NoReturn

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from safetensors.torch import save_file
from torch import Tensor, nn

from cleantrace import Client
from cleantrace.client import Dataset, Scan, Score
from cleantrace.progress import Bar
from cleantrace.standalone import Stack
from cleantrace.standalone.data_dir import default_data_dir
from workers.models.losses import build_loss

console = Console(highlight=False)


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes:
        eta: the learning rate, at its highest.
        schedule: constant, or a half cosine down to zero over the epochs.
        saved_epochs: after which epochs, counted from 1, the weights are kept.
    """

    epochs: int
    batch_size: int
    optimiser: Literal["sgd", "adam"]
    eta: float
    weight_decay: float
    schedule: Literal["constant", "cosine"]
    saved_epochs: Sequence[int]

    def eta_in(self, epoch: int) -> float:
        if self.schedule == "constant":
            return self.eta
        return self.eta * 0.5 * (1 + float(np.cos(np.pi * (epoch - 1) / self.epochs)))


@dataclass(frozen=True)
class Saved:
    """A checkpoint on disk, as the service wants to know it."""

    path: Path
    step: int
    eta: float


def train(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    loss: str,
    recipe: Recipe,
    folder: Path,
    bar: Bar,
) -> list[Saved]:
    """Train as anybody would, and keep the weights with step and learning rate.

    Args:
        inputs: (n, ...), preprocessed.
        targets: (n,), class indices or scaled numbers.
        loss: the name that the run is registered with.
        folder: where the checkpoints go.
    """
    loss_of = build_loss(loss)
    parameters = list(model.parameters())
    optimiser: torch.optim.Optimizer
    if recipe.optimiser == "adam":
        optimiser = torch.optim.Adam(parameters, recipe.eta, weight_decay=recipe.weight_decay)
    else:
        optimiser = torch.optim.SGD(
            parameters, recipe.eta, momentum=0.9, weight_decay=recipe.weight_decay
        )
    saved, step = [], 0
    model.train()
    for epoch in range(1, recipe.epochs + 1):
        eta = recipe.eta_in(epoch)
        optimiser.param_groups[0]["lr"] = eta
        for chosen in torch.randperm(len(inputs)).split(recipe.batch_size):
            optimiser.zero_grad()
            mean = loss_of(model(inputs[chosen]), targets[chosen]).mean()
            mean.backward()
            optimiser.step()
            step += 1
        if epoch in recipe.saved_epochs:
            path = folder / f"step-{step}.safetensors"
            save_file(model.state_dict(), path)
            saved.append(Saved(path, step, eta))
        bar.update(epoch, recipe.epochs, f"epoch {epoch} of {recipe.epochs}")
    return saved


def flip_labels(
    labels: np.ndarray, classes: int, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Give a share of the examples another label, each other class equally likely.

    Returns:
        The labels with errors, and the sorted positions of the planted errors.
    """
    planted = np.sort(rng.choice(len(labels), round(share * len(labels)), replace=False))
    given = labels.copy()
    given[planted] = (labels[planted] + rng.integers(1, classes, len(planted))) % classes
    return given, planted


@dataclass(frozen=True)
class Job:
    """A registered dataset with a training run, scanned twice.

    Attributes:
        scan: by self-influence over all checkpoints.
        rival: by the last checkpoint's loss.
    """

    dataset: Dataset
    scan: Scan
    rival: Scan


def next_version(client: Client, name: str) -> str:
    """One more than the highest version there is: a registered version never changes."""
    return str(1 + max((int(each.version) for each in client.datasets(name)), default=0))


def scan_training(
    client: Client,
    dataset: Dataset,
    *,
    name: str,
    model: Mapping[str, Any],
    preprocessing: Mapping[str, Any],
    saved: Sequence[Saved],
    share: float,
    evidence: bool = False,
) -> Job:
    """Register a run with its checkpoints, and scan its dataset, flagging a share of it."""
    run = client.register_run(name, dataset, model, preprocessing=preprocessing)
    for each in saved:
        client.register_checkpoint(run, each.path, step=each.step, eta=each.eta)
    with Bar(f"Checking {len(saved)} checkpoints", console) as bar:
        checkpoints = client.wait_for_checkpoints(run, progress=bar.checkpoints)
    with Bar("Scanning by loss, for comparison", console) as bar:
        rival = client.start_scan(run, checkpoints=checkpoints[-1:], score="loss", share=share)
        rival = client.wait_for_scan(rival, progress=bar.scan)
    with Bar("Scanning by self-influence", console) as bar:
        scan = client.start_scan(run, share=share, evidence=evidence)
        scan = client.wait_for_scan(scan, progress=bar.scan)
    return Job(dataset, scan, rival)


def recalls(
    ranking: Sequence[Score], planted: np.ndarray, shares: Sequence[float]
) -> dict[float, float]:
    """Which share of the planted errors stands in the first share of a ranking."""
    is_planted = np.isin([score.position for score in ranking], planted)
    return {
        share: float(is_planted[: round(share * len(ranking))].sum() / len(planted))
        for share in shares
    }


def report(
    client: Client, job: Job, planted: np.ndarray, shares: Sequence[float]
) -> dict[float, float]:
    """Print the recall of both scans beside random order; returns that of self-influence."""
    n = job.dataset.example_count or 0
    found = {
        "self-influence": recalls(list(client.scores(job.scan)), planted, shares),
        "last checkpoint's loss": recalls(list(client.scores(job.rival)), planted, shares),
        "random order": {share: share for share in shares},
    }
    table = Table(title=f"{len(planted):,} planted errors among {n:,} examples")
    table.add_column("ranked by")
    for share in shares:
        table.add_column(f"first {share:.0%} ({round(share * n):,})", justify="right")
    for name, values in found.items():
        cells = [f"{value:.1%} ({value * len(planted):,.0f})" for value in values.values()]
        table.add_row(name, *cells, style="bold" if name.startswith("self") else None)
    console.print(table)
    return found["self-influence"]


def options(description: str) -> argparse.ArgumentParser:
    """The options of every example."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--data-dir",
        type=Path,
        # Beside an operator's own stack, and where the account that runs Postgres may go.
        default=default_data_dir().with_name("cleantrace-demo"),
        help="where the stack keeps everything; default %(default)s",
    )
    parser.add_argument("--port", type=int, default=0, help="of the service; 0 takes a free one")
    parser.add_argument("--seed", type=int, default=0, help="of the planted errors and training")
    return parser


@contextmanager
def running_stack(data_dir: Path, port: int) -> Iterator[tuple[Stack, Client, Path]]:
    """A stack on a data directory, a client of it, and the directory it reads data from."""
    # A `kill` must pass the `with` blocks as Ctrl-C does: they stop the stack.
    signal.signal(signal.SIGTERM, _exit_on_signal)
    # Small models are fastest on one core, and give the same figures on any number of them.
    torch.set_num_threads(1)
    data_dir = data_dir.expanduser().absolute()
    inputs = data_dir / "examples"
    inputs.mkdir(parents=True, exist_ok=True)
    console.print(f"Starting Postgres, Valkey, the API and a worker in {data_dir} ...")
    began = time.monotonic()
    with Stack(data_dir, port=port, allow=[inputs]) as stack:
        console.print(f"Ready at {stack.url} after {time.monotonic() - began:.1f} s.")
        with Client(stack.url, stack.api_key) as client:
            yield stack, client, inputs


def _exit_on_signal(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
