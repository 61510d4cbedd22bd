"""Small networks for the tests, one for each way in which a parameter can be used."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Doubled(nn.Linear):
    """A subclass of a known layer that does something else around it."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x).tanh()


class Twice(nn.Module):
    """A module called twice, with an activation between."""

    def __init__(self, layer: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.layer, self.head = layer, head

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(self.layer(x).tanh()))


class SharedLinear(nn.Module):
    """Two modules with one weight and biases of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other, self.head = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 3)
        self.other.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.other(self.one(x).tanh()).tanh())


class TiedToHead(nn.Module):
    """A language model whose embedding is its output head: the loss of the last token."""

    def __init__(self, vocabulary: int = 9, width: int = 4, padding: int | None = None) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=padding)
        self.mix = nn.Linear(width, width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.mix(self.embedding(ids)).tanh()).mean(1)


class SeveralBags(nn.Module):
    """Four bags an example, some empty, of one table by max, and two calls of it."""

    def __init__(self) -> None:
        super().__init__()
        self.bag, self.head = nn.EmbeddingBag(6, 4, mode="max"), nn.Linear(16, 3)

    def forward(self, ids: Tensor) -> Tensor:
        ends = torch.tensor([0, 5, 5, 9]) + 12 * torch.arange(len(ids))[:, None]
        first = self.bag(ids.flatten(), ends.flatten()).view(len(ids), 4, 4)
        second = self.bag(ids.view(-1, 3)).view(len(ids), 4, 4)
        return self.head((first * second + first).flatten(1))


class Bags(nn.Module):
    """Bags of unequal sizes by offsets: the tokens up to each example's first 0, which is one.

    mode "sum" also weights each token by its place.
    """

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.bag, self.head = nn.EmbeddingBag(6, 4, mode=mode), nn.Linear(4, 3)

    def forward(self, ids: Tensor) -> Tensor:
        inside = (ids == 0).cumsum(1).clamp(max=1).cumsum(1) <= 1
        offsets = inside.sum(1).cumsum(0) - inside.sum(1)
        places = 1.0 + torch.arange(ids.shape[1], dtype=self.head.weight.dtype).expand_as(ids)
        weights = places[inside] if self.bag.mode == "sum" else None
        return self.head(self.bag(ids[inside], offsets, weights))


class TiedTransposed(nn.Module):
    """An autoencoder that decodes with its encoder's weight transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(self.encode(x).tanh(), self.encode.weight.T)


class Sentence(nn.Module):
    """Embedding, positions, an encoder, a mean and a head.

    positions: "once" looks them up for the whole batch, as (T,); "row" as (1, T); "each" for each
    example; "parameter" adds a bare parameter; "none".
    """

    def __init__(
        self, encoder: nn.Module, *, length: int, positions: str, batch_first: bool, width: int = 8
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, width, padding_idx=0)
        self.positions, self.batch_first = positions, batch_first
        if positions == "parameter":
            self.place = nn.Parameter(torch.randn(length, width))
        elif positions != "none":
            self.place = nn.Embedding(length, width)
        self.encoder = encoder
        self.head = nn.Linear(width, 3)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids)
        order = torch.arange(ids.shape[1], device=ids.device)
        if self.positions == "once":
            x = x + self.place(order)
        elif self.positions == "row":
            x = x + self.place(order[None])
        elif self.positions == "each":
            x = x + self.place(order.expand_as(ids))
        elif self.positions == "parameter":
            x = x + self.place
        x = x if self.batch_first else x.transpose(0, 1)
        x = self.encoder(x)
        return self.head(x.mean(1 if self.batch_first else 0))


def transformer(*, batch_first: bool, length: int, positions: str = "none", **kw: Any) -> Sentence:
    layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=batch_first, **kw)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    return Sentence(encoder, length=length, positions=positions, batch_first=batch_first)


class Attention(nn.Module):
    """nn.MultiheadAttention of a query to other keys and values, of sizes of their own."""

    def __init__(self, *, cross: bool) -> None:
        super().__init__()
        sizes = {"kdim": 3, "vdim": 5} if cross else {}
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True, add_bias_kv=cross, **sizes)
        self.cross = cross
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        key, value = (x[..., :3], x.repeat(1, 1, 2)[..., :5]) if self.cross else (x, x)
        y, _ = self.attention(x, key, value)
        return self.head(y.mean(1))


class BareParameters(nn.Module):
    """Parameters that belong to no layer: a scale, a matrix, one that is never used."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(5))
        self.matrix = nn.Parameter(torch.randn(5, 4))
        self.unused = nn.Parameter(torch.randn(2))
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head((x * self.scale) @ self.matrix)


class Frames(nn.Module):
    """Video: frames merged with the batch, frames first or examples first, through one network."""

    def __init__(self, *, examples_first: bool) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)
        self.group = nn.GroupNorm(2, 4)
        self.head = nn.Linear(4, 3)
        self.examples_first = examples_first

    def forward(self, x: Tensor) -> Tensor:
        n, t = x.shape[:2]
        frames = x if self.examples_first else x.transpose(0, 1)
        y = self.group(self.norm(self.conv(frames.flatten(0, 1)))).relu().mean((2, 3))
        y = self.head(y)
        return (
            y.unflatten(0, (n, t)).mean(1)
            if self.examples_first
            else y.unflatten(0, (t, n)).mean(0)
        )


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.head = nn.Linear(4, 5), nn.Linear(3, 5), nn.Linear(5, 3)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.head((self.left(left) * self.right(right)).tanh())


class BasicBlock(nn.Module):
    """He et al. 2016, with in-place activations and a projection where the shape changes."""

    def __init__(self, fan_in: int, fan_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(fan_in, fan_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(fan_out),
            nn.ReLU(inplace=True),
            nn.Conv2d(fan_out, fan_out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(fan_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or fan_in != fan_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(fan_in, fan_out, 1, stride, bias=False), nn.BatchNorm2d(fan_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        y += self.shortcut(x)
        return functional.relu(y, inplace=True)


def resnet20(width: int = 4) -> nn.Module:
    layers: list[nn.Module] = [
        nn.Conv2d(3, width, 3, 1, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    ]
    fan_in = width
    for stage in range(3):
        fan_out = width * 2**stage
        for block in range(3):
            layers.append(BasicBlock(fan_in, fan_out, 2 if stage and not block else 1))
            fan_in = fan_out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(fan_in, 3))


def with_statistics(model: nn.Module) -> nn.Module:
    """Running statistics and norms' scales that are not the trivial ones of a new layer."""
    generator = torch.Generator().manual_seed(3)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._NormBase) and module.running_mean is not None:
            module.running_mean.copy_(torch.randn(module.num_features, generator=generator))
            module.running_var.copy_(torch.rand(module.num_features, generator=generator) + 0.5)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float32)
            parameter += 0.1 * noise.to(parameter)
    return model


class Sorted(nn.Module):
    """Sorts its batch by the first feature and back, as packed sequences are sorted by length."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(5, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        order = x[:, 0].argsort()
        y = self.body(x[order]).tanh()
        return self.head(y[order.argsort()])
