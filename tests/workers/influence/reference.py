"""What must come out: a loop over examples with plain autograd, which knows nothing of hooks."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]


def at(inputs: Any, index: slice) -> Any:
    if isinstance(inputs, Tensor):
        return inputs[index]
    if isinstance(inputs, dict):
        return {k: v[index] for k, v in inputs.items()}
    return tuple(v[index] for v in inputs)


def call(model: nn.Module, inputs: Any) -> Any:
    if isinstance(inputs, Tensor):
        return model(inputs)
    return model(**inputs) if isinstance(inputs, dict) else model(*inputs)


def squared_norms(
    model: nn.Module, state: dict[str, Tensor], inputs: Any, targets: Tensor, loss: Loss
) -> dict[str, np.ndarray]:
    """{parameter: (n,)} squared gradient norms of the trainable parameters."""
    model = copy.deepcopy(model)
    model.load_state_dict(state)
    model.eval()
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    rows = []
    for i in range(len(targets)):
        one = slice(i, i + 1)
        value = loss(call(model, at(inputs, one)), targets[one]).sum()
        grads = torch.autograd.grad(value, list(trainable.values()), allow_unused=True)
        rows.append(
            [0.0 if g is None else g.to_dense().double().square().sum().item() for g in grads]
        )
    return dict(zip(trainable, np.array(rows).T, strict=True))


def total(norms: dict[str, np.ndarray]) -> np.ndarray:
    return np.sum(list(norms.values()), axis=0)
