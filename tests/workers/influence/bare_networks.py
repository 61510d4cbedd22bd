"""Networks whose parameters reach the computation outside any layer, or through a function."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Bare(nn.Module):
    """function(parameter, x), then a head on the mean over all but the last dimension."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], *shape: int) -> None:
        super().__init__()
        self.body = nn.Linear(4, 4)
        self.bare = nn.Parameter(torch.randn(shape))
        self.function = function
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.function(self.bare, self.body(x)).tanh()
        return self.head(y.flatten(1, -2).mean(1) if y.ndim > 2 else y)


def einsum(equation: str, p: Tensor, x: Tensor) -> Tensor:
    """With the parameter where the equation has it; to (B, ..., 4)."""
    first = equation.replace(" ", "").split(",")[0]
    operands = (x, p) if "b" in first or "." in first else (p, x)
    y = torch.einsum(equation, *operands)
    y = y.movedim(1, 0) if len(y) != len(x) else y
    return torch.stack([part.mean(1) for part in y.flatten(1).tensor_split(4, 1)], 1)


def einsum_twice(p: Tensor, x: Tensor) -> Tensor:
    y = torch.einsum("bti,io->bto", x, p).tanh()
    return torch.einsum("btx,xy->bty", [y, p])


class BatchSecond(nn.Module):
    """Positions as (T, 1, E), added to (T, B, E)."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.randn(length, 1, 4))
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head((x.transpose(0, 1) + self.place).tanh().mean(0))


class Patches(nn.Module):
    """A vision transformer's stem: patches, a class token, positions, a scale for each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(2, 4, 3, stride=3)
        self.token = nn.Parameter(torch.randn(1, 1, 4))
        self.place = nn.Parameter(torch.randn(1, 5, 4))
        self.scale = nn.Parameter(torch.randn(4))
        self.channel = nn.Parameter(torch.randn(4, 1, 1))
        self.mix, self.head = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = (self.patch(x) * self.channel).flatten(2).transpose(1, 2)
        y = torch.cat([self.token.expand(len(x), -1, -1), y], 1)
        y += self.place[:, : y.shape[1]]
        y = y + self.scale * self.mix(y).tanh()
        return self.head(y.tanh().mean(1))


class Masked(nn.Linear):
    """A pruned layer: its weight is multiplied by a mask."""

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__(fan_in, fan_out)
        self.register_buffer("mask", (torch.arange(fan_in) % 2).expand(fan_out, -1).double())

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight * self.mask, self.bias)


class LowRank(nn.Module):
    """A frozen layer with a low-rank addition: as two linear calls, or merged into the weight."""

    def __init__(self, fan_in: int, fan_out: int, *, merged: bool) -> None:
        super().__init__()
        self.base = nn.Linear(fan_in, fan_out).requires_grad_(False)
        self.a = nn.Parameter(torch.randn(2, fan_in))
        self.b = nn.Parameter(torch.randn(fan_out, 2))
        self.merged = merged

    def forward(self, x: Tensor) -> Tensor:
        if self.merged:
            return functional.linear(x, self.base.weight + 0.5 * (self.b @ self.a), self.base.bias)
        return self.base(x) + 0.5 * functional.linear(functional.linear(x, self.a), self.b)


class Decoder(nn.Module):
    """A transformer decoder: attention to itself and to a memory of another length."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerDecoderLayer(4, 2, 6, batch_first=True)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x[:, :2], x[:, 2:]).mean(1))


class LastStep(nn.Module):
    """Positions merged with the batch, then only the last of each sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x.flatten(0, 1)).tanh().unflatten(0, x.shape[:2])
        return self.head(y[:, -1])


class StoredTheOtherWay(nn.Module):
    """Weights of (in, out): by matmul, mm and addmm, with positions merged into the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Parameter(torch.randn(4, 5)), nn.Parameter(torch.randn(5, 4))
        self.bias = nn.Parameter(torch.randn(4))
        self.head = nn.Parameter(torch.randn(4, 3))

    def forward(self, x: Tensor) -> Tensor:
        y = (x @ self.one).tanh()
        y = torch.addmm(self.bias, y.flatten(0, 1), self.other).view_as(x)
        return torch.mm(y.tanh().mean(1), self.head)


class Bias(nn.Module):
    """A table of relative positions, added to all examples' products of positions."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(2 * length - 1, 2))
        step = torch.arange(length)
        self.register_buffer("index", step[:, None] - step + length - 1)
        self.value, self.head = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        bias = self.table[self.index].permute(2, 0, 1)[None]
        weights = ((x @ x.mT)[:, None] + bias).softmax(-1)
        return self.head((weights.mean(1) @ self.value(x)).mean(1))


def weight_normed() -> nn.Module:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(5, 4))
    return nn.Sequential(layer, nn.Tanh(), nn.Linear(4, 3))


def older_weight_norm() -> nn.Module:
    conv = nn.utils.weight_norm(nn.Conv1d(2, 4, 3), dim=0)
    conv.weight = conv.weight.detach()  # made anew in each pass; a copy of it has no graph
    return nn.Sequential(conv, nn.Tanh(), nn.Flatten(), nn.Linear(20, 3))


def spectral_normed() -> nn.Module:
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(5, 4))
    return nn.Sequential(layer, nn.Tanh(), nn.Linear(4, 3))


def orthogonal() -> nn.Module:
    layer = nn.utils.parametrizations.orthogonal(nn.Linear(5, 4), orthogonal_map="cayley")
    return nn.Sequential(layer, nn.Tanh(), nn.Linear(4, 3))


def bare(function: Any, *shape: int) -> Callable[[], nn.Module]:
    return lambda: Bare(function, *shape)
