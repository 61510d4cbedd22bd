"""A model's weights as a plain mapping, swapped in and out without touching the model's own."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from workers.influence.errors import CheckpointMismatch

State = dict[str, Tensor]


class WeightSlots:
    """Every place of a model that holds a parameter or buffer; tied places share one name.

    `names` maps each state-dict name to the first name of the same tensor; `types` to the names of
    the classes, base classes included, of all modules around it.
    """

    def __init__(self, model: nn.Module) -> None:
        self.names: dict[str, str] = {}
        self.parameters: dict[str, nn.Parameter] = {}
        self.buffers: dict[str, Tensor] = {}
        self.types: dict[str, frozenset[str]] = {}
        self._slots: list[tuple[dict[str, Tensor | None], str, str]] = []
        first: dict[int, str] = {}
        around: dict[str, frozenset[str]] = {}
        for prefix, module in model.named_modules():
            outer = around.get(prefix.rpartition(".")[0], frozenset()) if prefix else frozenset()
            around[prefix] = outer | {kind.__name__ for kind in type(module).__mro__}
            for held in (module._parameters, module._buffers):
                for key, tensor in held.items():
                    if tensor is None:
                        continue
                    full = f"{prefix}.{key}" if prefix else key
                    name = first.setdefault(id(tensor), full)
                    self.types[full] = around[prefix]
                    self.names[full] = name
                    self._slots.append((held, key, name))
                    if isinstance(tensor, nn.Parameter):
                        self.parameters.setdefault(name, tensor)
                    else:
                        self.buffers.setdefault(name, tensor)
        self._saved = set(model.state_dict(keep_vars=True))

    def aliases(self, name: str) -> tuple[str, ...]:
        """The other names of a tied tensor."""
        return tuple(full for full, own in self.names.items() if own == name and full != name)

    def load(self, state: Mapping[str, Tensor], eta: object, device: torch.device) -> State:
        """A checkpoint by first names, on the device, in the model's precision.

        Raises:
            CheckpointMismatch: names missing or unexpected, a shape that differs, tied names with
                different values, or an eta that is no finite number ≥ 0.
        """
        if not _is_rate(eta):
            raise CheckpointMismatch(f"eta must be a finite number ≥ 0, got {eta!r}.")
        loaded: State = {}
        wrong: list[str] = []
        for full in self._saved.intersection(state):
            name = self.names.get(full)
            if name is None:
                continue
            own = self.parameters.get(name, self.buffers.get(name))
            assert own is not None
            value = state[full].detach()
            if value.shape != own.shape:
                wrong.append(f"{full} has shape {tuple(value.shape)}, not {tuple(own.shape)}")
            elif name in loaded:
                if not torch.equal(loaded[name], value.to(loaded[name])):
                    wrong.append(f"{full} is tied to {name}, but has other values")
            else:
                loaded[name] = value.to(device=device, dtype=own.dtype)
        needed = {self.names[full] for full in self._saved if full in self.names}
        missing = sorted(needed - loaded.keys())
        unexpected = sorted(state.keys() - self._saved)
        problems = [f"missing {', '.join(missing)}"] if missing else []
        problems += [f"unexpected {', '.join(unexpected)}"] if unexpected else []
        problems += wrong
        if problems:
            raise CheckpointMismatch(f"The checkpoint does not fit: {'; '.join(problems)}.")
        for name, buffer in self.buffers.items():  # those that are not saved
            if name not in loaded:
                loaded[name] = buffer.detach().to(device)
        return loaded

    @contextmanager
    def holding(self, state: Mapping[str, Tensor]) -> Iterator[None]:
        """The model computes with `state` inside, and has its own tensors back afterwards."""
        own = [held[key] for held, key, _ in self._slots]
        try:
            for held, key, name in self._slots:
                held[key] = state[name]
            yield
        finally:
            for (held, key, _), tensor in zip(self._slots, own, strict=True):
                held[key] = tensor


def _is_rate(eta: object) -> bool:
    return isinstance(eta, int | float) and math.isfinite(eta) and eta >= 0
