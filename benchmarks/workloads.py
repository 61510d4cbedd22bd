"""The models that benchmarks measure, with batches of the usual sizes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.models import build_model


class Block(nn.Module):
    """A hand-written encoder layer, norm first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, t, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, t, width))
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


class Encoder(nn.Module):
    """Tokens, positions, four layers of 256, a mean, two classes."""

    def __init__(self, layers: nn.Module, width: int = 256, length: int = 64) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(10_000, width), nn.Embedding(length, width)
        self.layers, self.head = layers, nn.Linear(width, 2)

    def forward(self, ids: Tensor) -> Tensor:
        order = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        return self.head(self.layers(self.tokens(ids) + self.places(order)).mean(1))


def hand_written() -> nn.Module:
    return Encoder(nn.Sequential(*(Block(256, 4) for _ in range(4))))


def library_encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(256, 4, 1024, 0.0, "gelu", batch_first=True)
    return Encoder(nn.TransformerEncoder(layer, 4, enable_nested_tensor=False))


def built(name: str, **args: Any) -> Callable[[], nn.Module]:
    return lambda: build_model({"name": name, "args": args})


def distilbert() -> nn.Module:
    """DistilBERT's encoder, 6 layers of 768, in random weights, with a short sequence's head."""
    layer = nn.TransformerEncoderLayer(768, 12, 3072, 0.0, "gelu", batch_first=True)
    return Encoder(nn.TransformerEncoder(layer, 6, enable_nested_tensor=False), width=768)


def resnet56_group_norm() -> nn.Module:
    """ResNet-56 with every BatchNorm replaced by a GroupNorm of 8 groups."""
    model = build_model({"name": "resnet56", "args": {"in_channels": 3, "classes": 10}})
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, nn.GroupNorm(8, child.num_features))
    return model


@dataclass(frozen=True)
class Workload:
    """A model with batches for it. `target`: the engine's time over a step's, at most."""

    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    batch: int
    classes: int
    target: float | None
    tokens: int = 0

    def data(self, n: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(1)
        targets = torch.randint(0, self.classes, (n,), generator=generator)
        if self.tokens:
            return torch.randint(0, self.tokens, (n, *self.shape), generator=generator), targets
        return torch.randn(n, *self.shape, generator=generator), targets


WORKLOADS = [
    Workload(
        "MLP 784-512-256-10",
        built("mlp", in_features=784, hidden=[512, 256], out_features=10),
        (784,),
        256,
        10,
        0.80,
    ),
    Workload("ResNet-9 BN", built("resnet9", in_channels=3, classes=10), (3, 32, 32), 64, 10, 0.90),
    Workload(
        "ResNet-56 BN", built("resnet56", in_channels=3, classes=10), (3, 32, 32), 128, 10, 1.25
    ),
    Workload("head 384-10", built("linear", in_features=384, classes=10), (384,), 1024, 10, None),
    Workload("ResNet-56 GN", resnet56_group_norm, (3, 32, 32), 128, 10, 1.25),
    Workload("transformer 4x256, by hand", hand_written, (64,), 32, 2, 1.0, tokens=10_000),
    Workload("nn.TransformerEncoder 4x256", library_encoder, (64,), 32, 2, 1.0, tokens=10_000),
    Workload("DistilBERT-sized 6x768", distilbert, (64,), 16, 2, 1.0, tokens=10_000),
]


def prepared(work: Workload) -> nn.Module:
    """The model as after some training: no trivial norms, in eval mode for both sides."""
    torch.manual_seed(0)
    model = work.build()
    inputs, _ = work.data(16)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
        model.train()
        for _ in range(20):
            model(inputs)
    return model.eval()


def training_step(model: nn.Module, inputs: Tensor, targets: Tensor) -> None:
    """Forward and backward, without the optimiser."""
    model.zero_grad(set_to_none=True)
    functional.cross_entropy(model(inputs), targets).backward()
