"""Two examples against a plain autograd loop, which knows no rules, before a scan is trusted."""

from collections.abc import Callable

import torch
from torch import Tensor

from workers.influence.errors import SelfCheckFailed
from workers.influence.sketches import BatchSketch
from workers.influence.subject import Inputs, Subject, in_float64, take
from workers.influence.weights import State

Norms = Callable[[State, Inputs, Tensor], dict[str, Tensor]]
# Sketches of a batch, (B, D), and an empty one of a single example with the same maps; of all
# parameters, or of the one named.
Sketches = Callable[[State, Inputs, Tensor, str | None], tuple[Tensor, BatchSketch]]


def check_two(
    subject: Subject, norms_of: Norms, state: State, inputs: Inputs, targets: Tensor
) -> None:
    """Scores the whole batch and compares its first and last example, parameter by parameter.

    What differs in the model's own precision is compared again in float64, where rounding cannot
    be the reason: a mistake differs there as well.

    Args:
        norms_of: {parameter: (B,)} squared norms of a batch; what is checked.
    Raises:
        SelfCheckFailed: they differ beyond rounding, or one is finite and the other is not.
    """
    difference = _difference(subject, norms_of, state, inputs, targets)
    if difference is not None:
        wide = in_float64(subject, state, inputs, targets)
        if wide is not None:
            difference = _difference(subject, norms_of, *wide)
    if difference is not None:
        raise SelfCheckFailed(difference)


def _difference(
    subject: Subject, norms_of: Norms, state: State, inputs: Inputs, targets: Tensor
) -> str | None:
    """The first difference beyond rounding, in words."""
    found = norms_of(state, inputs, targets)
    for at in sorted({0, len(targets) - 1}):
        names = tuple(found)
        _, grads = subject.gradients(state, names, take(inputs, slice(None)), targets, at)
        true = {n: 0.0 if g is None else g.double().square().sum().item() for n, g in grads.items()}
        whole = sum(true.values())
        for name in names:
            got = found[name][at].double().item()
            if not _close(got, true[name], whole, found[name].dtype):
                return (
                    f"Squared gradient norm of {name} for example {at} of the batch: "
                    f"{got:.9g}, and {true[name]:.9g} by plain autograd. Please report the model."
                )
    return None


def check_two_sketches(
    subject: Subject, sketches_of: Sketches, state: State, inputs: Inputs, targets: Tensor
) -> None:
    """Compares sketches of the first and last example with the maps of plain autograd's gradients.

    In float64 where the model computes in it, so that even a parameter with a small part in the
    gradient is seen.

    Raises:
        SelfCheckFailed: they differ beyond rounding; names the parameter.
    """
    ends = torch.tensor(sorted({0, len(targets) - 1}), device=targets.device)
    two = state, take(inputs, ends), targets[ends]
    wide = in_float64(subject, *two) or two
    for at in range(len(ends)):
        if not _same_sketch(subject, sketches_of, wide, at, None):
            _, maps = sketches_of(*wide, None)
            wrong = [n for n in maps.maps if not _same_sketch(subject, sketches_of, wide, at, n)]
            raise SelfCheckFailed(
                f"The sketch of the gradient by {' and '.join(wrong) or 'all parameters'} for "
                f"example {int(ends[at])} of the batch differs from that of plain autograd's. "
                "Scan without evidence, and please report the model."
            )


def _same_sketch(
    subject: Subject,
    sketches_of: Sketches,
    batch: tuple[State, Inputs, Tensor],
    at: int,
    name: str | None,
) -> bool:
    found, true = sketches_of(*batch, name)
    state, inputs, targets = batch
    _, grads = subject.gradients(state, tuple(true.maps), inputs, targets, at)
    present = {n: g[None] for n, g in grads.items() if g is not None}
    true.add_gradients(present, slice(None))
    got, wanted = found[at], true.total()[0]
    if not bool(wanted.isfinite().all()):
        return not bool(got.isfinite().all())
    # Against the gradient's size: in the sketch's own numbers, parts of it may cancel.
    size = sum(g.double().square().sum().item() for g in present.values()) ** 0.5
    difference = (got - wanted).double().norm().item()
    coarsest = max(_rtol(g.dtype) for g in present.values()) if present else 0.0
    return difference <= coarsest * size


def _close(got: float, true: float, whole: float, dtype: torch.dtype) -> bool:
    got_t, true_t = torch.tensor([got, true], dtype=torch.float64)
    if not (bool(got_t.isfinite()) and bool(true_t.isfinite())):
        return not bool(got_t.isfinite()) and not bool(true_t.isfinite())
    rtol = _rtol(dtype)
    return abs(got - true) <= rtol * true + rtol**2 * whole


def _rtol(dtype: torch.dtype) -> float:
    return 1e-8 if dtype == torch.float64 else 1e-3 if dtype == torch.float32 else 5e-2
