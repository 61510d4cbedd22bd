"""What is scored: a model, its loss and where it runs, with plain passes through it."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from workers.influence.arithmetic import widened_outputs
from workers.influence.errors import ShapeMismatch
from workers.influence.losses import Loss, per_example
from workers.influence.memory_order import in_order
from workers.influence.weights import State, WeightSlots

Inputs = Any  # a tensor, or a tuple or dict with tensors


@dataclass(frozen=True)
class Subject:
    """bf16: the forward pass, and so its gradients, in bfloat16 where torch's autocast thinks
    it safe.
    """

    model: nn.Module
    slots: WeightSlots
    loss: Loss
    device: torch.device
    bf16: bool = False

    def forward(self, state: Mapping[str, Tensor], inputs: Inputs) -> Any:
        """The model's outputs with these weights."""
        with self.slots.holding(state), self._autocast():
            if isinstance(inputs, dict):
                outputs = self.model(**inputs)
            elif isinstance(inputs, list | tuple):
                outputs = self.model(*inputs)
            else:
                outputs = self.model(inputs)
        return widened_outputs(outputs) if self.bf16 else outputs

    def in_bf16(self) -> "Subject":
        return replace(self, bf16=True)

    def _autocast(self) -> AbstractContextManager[Any]:
        if not self.bf16:
            return nullcontext()
        # Without its cache of cast weights: it would outlive the checkpoint they are of.
        return torch.autocast(self.device.type, torch.bfloat16, cache_enabled=False)

    def losses(self, state: Mapping[str, Tensor], inputs: Inputs, targets: Tensor) -> Tensor:
        """(B,) losses."""
        return per_example(self.loss, self.forward(state, inputs), targets, len(targets))

    def gradients(
        self, state: State, names: tuple[str, ...], inputs: Inputs, targets: Tensor, at: int
    ) -> tuple[Tensor, dict[str, Tensor | None]]:
        """Loss and gradients of one example by plain autograd. None: the loss does not depend."""
        leaves = {name: state[name].detach().requires_grad_() for name in names}
        one_target = targets[at : at + 1]
        (loss,) = self.losses({**state, **leaves}, take(inputs, slice(at, at + 1)), one_target)
        if not loss.requires_grad:
            return loss, dict.fromkeys(names)
        grads = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
        found: dict[str, Tensor | None] = dict(zip(names, grads, strict=True))  # torch says Tensor
        dense = {n: g.to_dense() if g is not None and g.is_sparse else g for n, g in found.items()}
        return loss.detach(), dense


def choose_device(device: str | torch.device | None = None) -> torch.device:
    """The device asked for, or cuda where there is one, or the CPU."""
    if device is None or device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def take(inputs: Inputs, index: Any) -> Inputs:
    """The examples at `index` (a slice or a tensor of positions) of every tensor."""
    return _map(inputs, lambda x: x[index])


def to_device(inputs: Inputs, device: torch.device, *, channels_last: bool = False) -> Inputs:
    """Every tensor on the device, apart from any graph. From pinned memory without waiting."""
    # Only towards CUDA: what comes from there without waiting may be read before it has come.
    towards = device.type == "cuda"

    def placed(x: Tensor) -> Tensor:
        there = x.detach().to(device, non_blocking=towards)
        return in_order(there, channels_last=channels_last)

    return _map(inputs, placed)


def widened(tensor: Tensor) -> Tensor:
    """In float64 if it is floating-point."""
    return tensor.double() if tensor.is_floating_point() else tensor


def in_float64(
    subject: Subject, state: State, inputs: Inputs, targets: Tensor
) -> tuple[State, Inputs, Tensor] | None:
    """Weights and batch in float64, for comparisons that rounding must not decide.

    In float32 a deep network's gradients may jump: a unit of ReLU that is zero up to rounding is
    on in one way of computing and off in another, which is no mistake of either.

    Returns:
        None where the model, its loss or the device does not compute in float64.
    """
    try:
        wide = {name: widened(tensor) for name, tensor in state.items()}
        batch, wanted = _map(inputs, widened), widened(targets)
        with torch.no_grad():
            losses = subject.losses(wide, batch, wanted)
    except (RuntimeError, TypeError, ValueError):
        return None
    return (wide, batch, wanted) if losses.dtype == torch.float64 else None


def tensors_of(inputs: Inputs) -> list[Tensor]:
    values = inputs.values() if isinstance(inputs, dict) else inputs
    parts = [inputs] if isinstance(inputs, Tensor) else list(values)
    return [part for part in parts if isinstance(part, Tensor)]


def require_examples(inputs: Inputs, targets: Tensor) -> int:
    """The number of examples, B.

    Raises:
        ShapeMismatch: a tensor of the inputs has another first dimension than the targets.
    """
    for part in tensors_of(inputs):
        if part.ndim == 0 or len(part) != len(targets):
            raise ShapeMismatch(
                f"Inputs of shape {tuple(part.shape)} do not match {len(targets)} targets: "
                "the first dimension of every input is the examples'."
            )
    return len(targets)


def _map(inputs: Inputs, change: Any) -> Inputs:
    if isinstance(inputs, Tensor):
        return change(inputs)
    if isinstance(inputs, dict):
        return {k: change(v) if isinstance(v, Tensor) else v for k, v in inputs.items()}
    return tuple(change(v) if isinstance(v, Tensor) else v for v in inputs)
