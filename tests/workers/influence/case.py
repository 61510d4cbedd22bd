"""One case: a network, its data and how its parameters must be treated."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tests.workers.influence import networks as nets


@dataclass(frozen=True)
class Case:
    """slow: the parameters that must take the slow path, by chunks or one by one, and no others."""

    id: str
    build: Callable[[], nn.Module]
    inputs: Callable[[int], Any]
    task: str = "classification"
    slow: tuple[str, ...] = ()
    direct: tuple[str, ...] = ()
    classes: int = 3
    n: int = 5

    def model(self) -> nn.Module:
        torch.manual_seed(1)
        return nets.with_statistics(self.build().double())

    def data(self, n: int | None = None) -> tuple[Any, Tensor]:
        n = self.n if n is None else n
        torch.manual_seed(2)
        inputs = self.inputs(n)
        if self.task == "regression":
            return inputs, torch.randn(n, dtype=torch.float64)
        return inputs, torch.randint(0, self.classes, (n,))

    def checkpoints(self, k: int = 2) -> list[tuple[dict[str, Tensor], float]]:
        model = self.model()
        found = []
        for i in range(k):
            state = {name: t.clone() for name, t in model.state_dict().items()}
            found.append((state, 0.1 * (i + 1)))
            nets.with_statistics(model)
        return found

    @property
    def loss(self) -> str:
        return "squared_error" if self.task == "regression" else "cross_entropy"


def floats(*shape: int) -> Callable[[int], Tensor]:
    return lambda n: torch.randn(n, *shape, dtype=torch.float64)


def ids(length: int, vocabulary: int = 11) -> Callable[[int], Tensor]:
    return lambda n: torch.randint(0, vocabulary, (n, length))
