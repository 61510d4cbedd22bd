"""Random small networks of every kind of layer that has a rule, for property tests."""

from collections.abc import Callable

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.workers.influence.case import Case
from tests.workers.influence.networks import Apply
from tests.workers.influence.recurrent_networks import Recurrent

Draw = Callable[[st.SearchStrategy], object]


class Residual(nn.Module):
    """x + layers(x), or the same layers twice."""

    def __init__(self, body: nn.Module, *, twice: bool) -> None:
        super().__init__()
        self.body, self.twice = body, twice

    def forward(self, x: Tensor) -> Tensor:
        y = x + self.body(x)
        return self.body(y) if self.twice else y


class Affine(nn.Module):
    """A scale and a shift that are bare parameters, over the last dimension."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift


class Tokens(nn.Module):
    """Token and position embeddings; positions by a lookup for the whole batch, or bare."""

    def __init__(self, vocabulary: int, length: int, width: int, *, bare: bool) -> None:
        super().__init__()
        self.token = nn.Embedding(vocabulary, width, padding_idx=0)
        self.place = nn.Parameter(torch.randn(length, width)) if bare else None
        self.places = None if bare else nn.Embedding(length, width)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.token(ids)
        if self.place is not None:
            return x + self.place
        return x + self.places(torch.arange(ids.shape[1]))  # type: ignore[misc]


class Tied(nn.Module):
    """Tokens through a body to a head that is the embedding's weight."""

    def __init__(self, tokens: Tokens, body: nn.Module) -> None:
        super().__init__()
        self.tokens, self.body = tokens, body
        self.head = nn.Linear(*reversed(tokens.token.weight.shape))
        self.head.weight = tokens.token.weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.body(self.tokens(ids))).mean(1)


def activation(draw: Draw, channels: int) -> nn.Module:
    kinds = [nn.Tanh(), nn.GELU(), nn.PReLU(), nn.Softplus(), nn.SiLU(inplace=True)]
    return draw(st.sampled_from([*kinds, nn.PReLU(channels)]))  # type: ignore[return-value]


def mlp(draw: Draw) -> Case:
    widths = draw(st.lists(st.integers(3, 6), min_size=1, max_size=3))
    layers: list[nn.Module] = []
    fan_in = 4
    for width in widths:  # type: ignore[attr-defined]
        norm = draw(
            st.sampled_from([nn.Identity, nn.LayerNorm, nn.RMSNorm, nn.BatchNorm1d, Affine])
        )
        args = () if norm is nn.Identity else (width,)
        linear = nn.Linear(fan_in, width, bias=draw(st.booleans()))
        if draw(st.booleans()):
            linear = nn.utils.parametrizations.weight_norm(linear)
        layers += [linear, norm(*args), activation(draw, width)]
        fan_in = width
        if draw(st.booleans()):
            body = nn.Sequential(nn.Linear(width, width), nn.Tanh())
            layers.append(Residual(body, twice=bool(draw(st.booleans()))))
    model = nn.Sequential(*layers, nn.Linear(fan_in, 3))
    return Case("mlp", lambda: model, lambda n: torch.randn(n, 4, dtype=torch.float64))


def conv_stack(draw: Draw) -> Case:
    axes = draw(st.integers(1, 3))
    conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1]
    back = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[axes - 1]
    batch = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[axes - 1]
    instance = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)[axes - 1]
    layers: list[nn.Module] = []
    channels = 2
    for _ in range(draw(st.integers(1, 3))):
        groups = draw(st.sampled_from([1, 2]))
        out = draw(st.sampled_from([2, 4]))
        common = {"groups": groups, "bias": draw(st.booleans())}
        kernel = draw(st.integers(1, 3))
        if draw(st.booleans()):
            mode = draw(st.sampled_from(["zeros", "circular", "replicate"]))
            common |= {"dilation": draw(st.integers(1, 2)), "padding": "same"}
            layer = conv(channels, out, kernel, padding_mode=mode, **common)
        elif draw(st.booleans()):
            layer = conv(channels, out, kernel, stride=draw(st.integers(1, 2)), padding=1, **common)
        else:
            common |= {"stride": 2, "output_padding": draw(st.integers(0, 1))}
            layer = back(channels, out, kernel, padding=kernel // 2, **common)
        norm = draw(st.sampled_from(["none", "batch", "group", "instance"]))
        layers.append(layer)
        if norm != "none":
            made = {
                "batch": batch(out),
                "group": nn.GroupNorm(2, out),
                "instance": instance(out, affine=True),
            }
            layers.append(made[norm])
        layers.append(activation(draw, out))
        channels = out
    model = nn.Sequential(*layers, Apply(lambda x: x.flatten(2).square().mean(2)),
                          nn.Linear(channels, 3))  # fmt: skip
    shape = (2, *(4,) * axes)
    return Case("conv", lambda: model, lambda n: torch.randn(n, *shape, dtype=torch.float64))


def sequence_model(draw: Draw) -> Case:
    length, width = draw(st.integers(2, 6)), 4
    tokens = Tokens(7, length, width, bare=bool(draw(st.booleans())))
    kind = draw(st.sampled_from(["encoder", "gru", "lstm", "conv", "tied"]))
    if kind == "encoder":
        layer = nn.TransformerEncoderLayer(
            width, 2, 6, batch_first=True, norm_first=bool(draw(st.booleans()))
        )
        model: nn.Module = nn.Sequential(tokens, layer, Apply(lambda x: x.mean(1)))
    elif kind in ("gru", "lstm"):
        model = nn.Sequential(
            tokens,
            Recurrent(
                nn.GRU if kind == "gru" else nn.LSTM,
                num_layers=draw(st.integers(1, 2)),
                bidirectional=draw(st.booleans()),
            ),
        )
    elif kind == "conv":
        flip = Apply(lambda x: x.mT)
        model = nn.Sequential(
            tokens, flip, nn.Conv1d(width, width, 2), nn.Tanh(), Apply(lambda x: x.mean(2))
        )
    else:
        body = nn.Sequential(nn.Linear(width, width), nn.Tanh(), Affine(width))
        return Case(
            "tied",
            lambda: Tied(tokens, body),
            lambda n: torch.randint(0, 7, (n, length)),
            classes=7,
        )
    if kind not in ("gru", "lstm"):
        model = nn.Sequential(model, nn.Linear(width, 3))
    return Case("sequence", lambda: model, lambda n: torch.randint(0, 7, (n, length)))


@st.composite
def networks(draw: Draw) -> Case:  # type: ignore[misc]
    """A case with a network of one of the kinds; the seed makes its weights."""
    torch.manual_seed(draw(st.integers(0, 999)))  # type: ignore[call-overload]
    kind = draw(st.sampled_from([mlp, conv_stack, sequence_model]))
    return kind(draw)  # type: ignore[operator]
