"""Two examples against a plain autograd loop, which knows no rules, before a scan is trusted."""

from collections.abc import Callable

import torch
from torch import Tensor

from workers.influence.errors import SelfCheckFailed
from workers.influence.subject import Inputs, Subject, in_float64, take
from workers.influence.weights import State

Norms = Callable[[State, Inputs, Tensor], dict[str, Tensor]]


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


def _close(got: float, true: float, whole: float, dtype: torch.dtype) -> bool:
    got_t, true_t = torch.tensor([got, true], dtype=torch.float64)
    if not (bool(got_t.isfinite()) and bool(true_t.isfinite())):
        return not bool(got_t.isfinite()) and not bool(true_t.isfinite())
    rtol = 1e-8 if dtype == torch.float64 else 1e-3 if dtype == torch.float32 else 5e-2
    return abs(got - true) <= rtol * true + rtol**2 * whole
