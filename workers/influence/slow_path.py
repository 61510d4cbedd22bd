"""Squared norms of parameters without a rule: exact for any model, at the price of a second pass.

torch.func.vmap(grad) over those parameters alone, a chunk of examples at a time; where vmap cannot
follow the model (nn.LSTM), plain autograd, one example at a time.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from workers.influence.rules.registry import squares
from workers.influence.subject import Inputs, Subject, take, tensors_of
from workers.influence.weights import State

# Receives the gradients formed, {parameter: (b, ...)}, and which examples they are of.
OnGradients = Callable[[dict[str, Tensor], slice], None]

# Gradients and activations of a chunk: more than a rule's, as one call costs a whole pass.
_CHUNK_FLOATS = 1 << 23

# What vmap raises where it cannot follow: in-place on captured tensors, data-dependent control
# flow, operations without a batching rule, views that need the real batch size.
VMAP_FAILURES = (RuntimeError, NotImplementedError, ValueError, TypeError)


def by_vmap(
    subject: Subject,
    state: State,
    names: tuple[str, ...],
    inputs: Inputs,
    targets: Tensor,
    on_gradients: OnGradients | None = None,
) -> dict[str, Tensor]:
    """{parameter: (B,)} squared gradient norms; a parameter the loss ignores has 0."""
    parts = {name: state[name].detach() for name in names}
    whole = isinstance(inputs, Tensor)
    keys = list(inputs) if isinstance(inputs, dict) else list(range(len(inputs)))
    moving = {} if whole else {k: inputs[k] for k in keys if isinstance(inputs[k], Tensor)}

    def loss_of_one(parts: State, one: Inputs, target: Tensor) -> Tensor:
        if whole:
            batch = one[None]
        else:
            batch = {k: one[k][None] if k in moving else inputs[k] for k in keys}
            batch = batch if isinstance(inputs, dict) else tuple(batch.values())
        return subject.losses({**state, **parts}, batch, target[None])[0]

    per_example = vmap(grad(loss_of_one), in_dims=(None, 0, 0), randomness="error")
    floats = sum(p.numel() for p in parts.values()) + 8 * sum(
        x[0].numel() for x in tensors_of(inputs)
    )
    step = max(1, _CHUNK_FLOATS // max(1, floats))
    found: dict[str, list[Tensor]] = {name: [] for name in names}
    for start in range(0, len(targets), step):
        cut = slice(start, start + step)
        with sdpa_kernel(SDPBackend.MATH):  # the fused ones have no batching rule
            grads = per_example(parts, inputs[cut] if whole else take(moving, cut), targets[cut])
        for name, g in grads.items():
            found[name].append(squares(g.detach()))
        if on_gradients is not None:
            on_gradients({name: g.detach() for name, g in grads.items()}, cut)
    return {name: torch.cat(each) for name, each in found.items()}


def one_by_one(
    subject: Subject,
    state: State,
    names: tuple[str, ...],
    inputs: Inputs,
    targets: Tensor,
    on_gradients: OnGradients | None = None,
) -> dict[str, Tensor]:
    """As `by_vmap`, by plain autograd."""
    rows = []
    for at in range(len(targets)):
        loss, grads = subject.gradients(state, names, inputs, targets, at)
        rows.append([loss.new_zeros(()) if g is None else g.square().sum() for g in grads.values()])
        if on_gradients is not None:
            formed = {name: g[None] for name, g in grads.items() if g is not None}
            on_gradients(formed, slice(at, at + 1))
    columns = zip(*rows, strict=True)
    return {name: torch.stack(column) for name, column in zip(names, columns, strict=True)}
