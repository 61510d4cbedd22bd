"""Exact influence between examples, for small jobs and as the measure of what sketches estimate."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from workers.influence.errors import CheckpointMismatch, ShapeMismatch
from workers.influence.layers import Layers
from workers.influence.losses import Loss, resolve_loss
from workers.influence.model_guard import scoring_mode
from workers.influence.plan import make_plan
from workers.influence.scorer import Checkpoint
from workers.influence.subject import (
    Inputs,
    Subject,
    choose_device,
    require_examples,
    to_device,
)
from workers.influence.weights import State, WeightSlots

Batch = tuple[Inputs, Tensor]

# Numbers of gradients held at a time, for queries and for training examples each.
_CHUNK_FLOATS = 1 << 26


def pairwise_influence(
    model: nn.Module,
    train_batches: Iterable[Batch],
    query_batches: Iterable[Batch],
    *,
    loss: str | Loss,
    checkpoints: Sequence[Checkpoint],
    layers: Layers = "all",
    device: str | torch.device | None = None,
) -> np.ndarray:
    """sum_i eta_i <g_i(query), g_i(train)> of every pair, (n_query, n_train) float64.

    Positive: a step on the training example lowers the query's loss (a proponent). Source: Pruthi
    et al. 2020, "Estimating training data influence by tracing gradient descent", section 3.

    Every gradient is formed by plain autograd, one example at a time, with no rule and no sketch.
    Some 512 MB of float32 gradients are kept, half as much again while a chunk is put together.
    With p parameters a chunk has max(1, 2^26 / p) examples, and for each chunk of queries the
    training examples' gradients are formed anew: with k checkpoints k * (n_query + n_train *
    n_query / chunk) backward passes.

    Args:
        train_batches, query_batches: (inputs, targets) pairs; all are held in memory.
        Others: as for SelfInfluenceScorer.
    Raises:
        ShapeMismatch: no training examples or no queries.
        And what SelfInfluenceScorer raises.
    """
    at = choose_device(device)
    subject = Subject(model, WeightSlots(model), resolve_loss(loss), at)
    slots = subject.slots
    if not checkpoints:
        raise CheckpointMismatch("Influence needs at least one checkpoint.")
    states = [slots.load(state, eta, at) for state, eta in checkpoints]
    train, queries = _held(train_batches, at), _held(query_batches, at)
    n_train, n_query = (sum(len(targets) for _, targets in side) for side in (train, queries))
    if not n_train or not n_query:
        raise ShapeMismatch("Influence needs at least one training example and one query.")
    trainable = {
        name: slots.aliases(name) for name, p in slots.parameters.items() if p.requires_grad
    }
    total = np.zeros((n_query, n_train))
    with scoring_mode(model, at):
        names = make_plan(subject, trainable, layers, states, *train[0]).selected
        for state, (_, eta) in zip(states, checkpoints, strict=True):
            row = 0
            for of_queries in _gradients(subject, state, names, queries):
                column = 0
                for of_train in _gradients(subject, state, names, train):
                    found = eta * _inner(of_queries, of_train).cpu().numpy()
                    rows, columns = found.shape
                    total[row : row + rows, column : column + columns] += found
                    column += columns
                row += rows
    return total


def _held(batches: Iterable[Batch], device: torch.device) -> list[Batch]:
    held = []
    for inputs, targets in batches:
        if require_examples(inputs, targets):
            held.append((to_device(inputs, device), targets.detach().to(device)))
    return held


def _gradients(
    subject: Subject, state: State, names: tuple[str, ...], batches: list[Batch]
) -> Iterator[list[Tensor]]:
    """Chunks of examples' gradients, [(chunk, numel) for each parameter]."""
    step = max(1, _CHUNK_FLOATS // sum(state[name].numel() for name in names))
    rows: list[list[Tensor]] = []
    for inputs, targets in batches:
        for at in range(len(targets)):
            _, found = subject.gradients(state, names, inputs, targets, at)
            rows.append(
                [(state[n].new_zeros(state[n].shape) if g is None else g).flatten()
                 for n, g in found.items()]
            )  # fmt: skip
            if len(rows) == step:
                yield _stacked(rows)
    if rows:
        yield _stacked(rows)


def _stacked(rows: list[list[Tensor]]) -> list[Tensor]:
    """Empties `rows`, so that no gradient is held twice while the result is used."""
    columns = [torch.stack(column) for column in zip(*rows, strict=True)]
    rows.clear()
    return columns


def _inner(queries: list[Tensor], train: list[Tensor]) -> Tensor:
    """Inner products over all parameters, added up in float64: (queries, train)."""
    parts = [q.double() @ t.double().mT for q, t in zip(queries, train, strict=True)]
    return torch.stack(parts).sum(0)
