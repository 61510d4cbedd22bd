"""The cases as data: each rule in each of its forms, and each way past the rules."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from tests.workers.influence import networks as nets
from tests.workers.influence.case import Case, floats, ids
from tests.workers.influence.cases_bare import BARE
from tests.workers.influence.cases_recurrent import RECURRENT
from tests.workers.influence.networks import Apply
from workers.influence import Treatment


def frozen_first() -> nn.Module:
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3))
    model[0].requires_grad_(False)
    model[2].bias.requires_grad_(False)
    return model


def vector_net(*layers: nn.Module, out: int) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*layers, nn.Tanh(), nn.Flatten(), nn.Linear(out, 3))


def conv2d(out: int, **options: Any) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        torch.manual_seed(1)
        conv = nn.Conv2d(4, 6 if options.get("groups") != 4 else 8, **options)
        return nn.Sequential(conv, nn.Tanh(), nn.Flatten(), nn.LazyLinear(out))

    def ready() -> nn.Module:
        model = build()
        model(torch.randn(1, 4, 7, 6))
        return model

    return ready


def conv1d(**options: Any) -> Callable[[], nn.Module]:
    def ready() -> nn.Module:
        conv = nn.Conv1d(4, 6, **options)
        model = nn.Sequential(conv, nn.Tanh(), nn.Flatten(), nn.LazyLinear(3))
        model(torch.randn(1, 4, 9))
        return model

    return ready


def norm(layer: Callable[[], nn.Module], channels: int = 4) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(
        nn.Conv2d(2, channels, 3),
        layer(),
        nn.ReLU(inplace=True),
        Apply(lambda x: x.flatten(2).square().mean(2)),
        nn.Linear(channels, 3),
    )


def regression_mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 1))


CNN_IN = floats(4, 7, 6)
IMAGE = floats(2, 6, 6)
TRANSFORMER = "encoder.layers."

CASES = [
    Case("linear", vector_net(nn.Linear(5, 4), out=4), floats(5)),
    Case("linear-regression", regression_mlp, floats(5), task="regression"),
    Case(
        "linear-inplace-relu",
        lambda: nn.Sequential(
            nn.Linear(5, 8),
            nn.ReLU(inplace=True),
            nn.Linear(8, 8, bias=False),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(8, 3),
        ),
        floats(5),
    ),
    Case("linear-subclass", lambda: nn.Sequential(nets.Doubled(5, 4), nn.Linear(4, 3)), floats(5)),
    Case("linear-sequence-gram", vector_net(nn.Linear(9, 8), out=16), floats(2, 9)),
    Case("linear-sequence-direct", vector_net(nn.Linear(3, 2), out=14), floats(7, 3)),
    Case("linear-four-dimensions", vector_net(nn.Linear(3, 2), out=24), floats(3, 4, 3)),
    Case("linear-positions-equal-batch", vector_net(nn.Linear(3, 2), out=10), floats(5, 3)),
    Case("linear-frozen-part", frozen_first, floats(5)),
    Case("conv1d", conv1d(kernel_size=3), floats(4, 9)),
    Case(
        "conv1d-options",
        conv1d(kernel_size=3, stride=2, padding=2, dilation=2, groups=2),
        floats(4, 9),
    ),
    Case("conv1d-same-even", conv1d(kernel_size=4, padding="same"), floats(4, 9)),
    Case(
        "conv1d-circular", conv1d(kernel_size=3, padding=1, padding_mode="circular"), floats(4, 9)
    ),
    Case("conv2d", conv2d(3, kernel_size=3), CNN_IN),
    Case("conv2d-no-bias-padding", conv2d(3, kernel_size=3, padding=1, bias=False), CNN_IN),
    Case("conv2d-stride", conv2d(3, kernel_size=3, stride=2, padding=1), CNN_IN),
    Case("conv2d-stride-uneven", conv2d(3, kernel_size=(3, 2), stride=(2, 3)), CNN_IN),
    Case("conv2d-dilation", conv2d(3, kernel_size=2, dilation=(2, 3)), CNN_IN),
    Case("conv2d-same-even", conv2d(3, kernel_size=(2, 4), padding="same"), CNN_IN),
    Case("conv2d-valid", conv2d(3, kernel_size=3, padding="valid"), CNN_IN),
    Case("conv2d-reflect", conv2d(3, kernel_size=3, padding=1, padding_mode="reflect"), CNN_IN),
    Case(
        "conv2d-replicate-same",
        conv2d(3, kernel_size=3, padding="same", padding_mode="replicate"),
        CNN_IN,
    ),
    Case("conv2d-groups", conv2d(3, kernel_size=3, groups=2), CNN_IN),
    Case("conv2d-depthwise", conv2d(3, kernel_size=3, groups=4, padding=1), CNN_IN),
    Case("conv2d-pointwise", conv2d(3, kernel_size=1), CNN_IN),
    Case(
        "conv3d",
        lambda: nn.Sequential(
            nn.Conv3d(2, 3, (2, 3, 2), stride=(1, 2, 1), padding=1),
            nn.Tanh(),
            nn.Flatten(),
            nn.Linear(120, 3),
        ),
        floats(2, 3, 4, 4),
    ),
    Case(
        "conv-twice",
        lambda: nets.Twice(
            nn.Conv2d(2, 2, 3, padding=1), nn.Sequential(nn.Flatten(), nn.Linear(72, 3))
        ),
        IMAGE,
    ),
    Case(
        "conv-twice-two-sizes",
        lambda: nets.Twice(nn.Conv2d(2, 2, 3), nn.Sequential(nn.Flatten(), nn.Linear(8, 3))),
        IMAGE,
        direct=("layer.weight", "layer.bias"),
    ),
    Case("frames-examples-first", lambda: nets.Frames(examples_first=True), floats(3, 2, 5, 5)),
    Case("frames-first", lambda: nets.Frames(examples_first=False), floats(3, 2, 5, 5)),
    Case("frames-equal-batch", lambda: nets.Frames(examples_first=False), floats(5, 2, 5, 5)),
    Case(
        "embedding",
        lambda: nn.Sequential(nn.Embedding(6, 4), nn.Tanh(), nn.Flatten(), nn.Linear(28, 3)),
        ids(7, 6),
    ),
    Case(
        "embedding-padding",
        lambda: nn.Sequential(
            nn.Embedding(6, 4, padding_idx=-6), nn.Tanh(), nn.Flatten(), nn.Linear(28, 3)
        ),
        ids(7, 6),
    ),
    Case(
        "embedding-one-token",
        lambda: nn.Sequential(nn.Embedding(6, 4), nn.Linear(4, 3)),
        lambda n: torch.randint(0, 6, (n,)),
    ),
    Case(
        "embedding-sparse",
        lambda: nn.Sequential(nn.Embedding(6, 4, sparse=True), nn.Flatten(), nn.Linear(28, 3)),
        ids(7, 6),
    ),
    Case(
        "embedding-bag",
        lambda: nn.Sequential(nn.EmbeddingBag(6, 4), nn.Linear(4, 3)),
        ids(7, 6),
    ),
    Case(
        "embedding-bag-sum-padding",
        lambda: nn.Sequential(nn.EmbeddingBag(6, 4, mode="sum", padding_idx=2), nn.Linear(4, 3)),
        ids(7, 6),
    ),
    Case("embedding-bag-offsets", lambda: nets.Bags(mode="mean"), ids(7, 6)),
    Case("embedding-bag-weights", lambda: nets.Bags(mode="sum"), ids(7, 6)),
    Case(
        "embedding-bag-max",
        lambda: nn.Sequential(nn.EmbeddingBag(6, 4, mode="max"), nn.Linear(4, 3)),
        ids(7, 6),
    ),
    Case(
        "embedding-bag-max-padding",
        lambda: nn.Sequential(nn.EmbeddingBag(4, 4, mode="max", padding_idx=2), nn.Linear(4, 3)),
        ids(2, 4),
    ),
    Case("embedding-bag-max-offsets", lambda: nets.Bags(mode="max"), ids(7, 6)),
    Case("embedding-bag-max-several", lambda: nets.SeveralBags(), ids(12, 6)),
    Case("batchnorm", norm(lambda: nn.BatchNorm2d(4)), IMAGE),
    Case("batchnorm-no-scale", norm(lambda: nn.BatchNorm2d(4, affine=False)), IMAGE),
    Case("batchnorm1d", vector_net(nn.Linear(5, 4), nn.BatchNorm1d(4), out=4), floats(5)),
    Case(
        "batchnorm1d-sequence",
        vector_net(nn.Conv1d(2, 4, 3), nn.BatchNorm1d(4), out=20),
        floats(2, 7),
    ),
    Case("layernorm", vector_net(nn.Linear(5, 4), nn.LayerNorm(4), out=4), floats(5)),
    Case("layernorm-sequence", vector_net(nn.LayerNorm(5), nn.Linear(5, 2), out=6), floats(3, 5)),
    Case(
        "layernorm-two-axes",
        vector_net(nn.Linear(5, 4), nn.LayerNorm((3, 4)), out=12),
        floats(3, 5),
    ),
    Case("layernorm-no-bias", vector_net(nn.LayerNorm(5, bias=False), out=15), floats(3, 5)),
    Case("rmsnorm", vector_net(nn.RMSNorm(5), nn.Linear(5, 2), out=6), floats(3, 5)),
    Case("groupnorm", norm(lambda: nn.GroupNorm(2, 4)), IMAGE),
    Case("groupnorm-vector", vector_net(nn.Linear(5, 4), nn.GroupNorm(2, 4), out=4), floats(5)),
    Case("instancenorm", norm(lambda: nn.InstanceNorm2d(4, affine=True)), IMAGE),
    Case(
        "instancenorm-running",
        norm(lambda: nn.InstanceNorm2d(4, affine=True, track_running_stats=True)),
        IMAGE,
    ),
    Case(
        "instancenorm1d",
        vector_net(nn.Conv1d(2, 4, 3), nn.InstanceNorm1d(4, affine=True), out=20),
        floats(2, 7),
    ),
    Case("linear-twice", lambda: nets.Twice(nn.Linear(5, 5), nn.Linear(5, 3)), floats(5)),
    Case("layernorm-twice", lambda: nets.Twice(nn.LayerNorm(5), nn.Linear(5, 3)), floats(5)),
    Case("batchnorm-twice", lambda: nets.Twice(nn.BatchNorm1d(5), nn.Linear(5, 3)), floats(5)),
    Case("two-modules-one-weight", nets.SharedLinear, floats(5)),
    Case(
        "embedding-tied-to-head",
        nets.TiedToHead,
        ids(6, 9),
        classes=9,
    ),
    Case(
        "embedding-tied-padding",
        lambda: nets.TiedToHead(padding=2),
        ids(6, 9),
        classes=9,
    ),
    Case("tied-transposed", nets.TiedTransposed, floats(5), direct=("encode.weight",), classes=5),
    Case("self-attention", lambda: nets.Attention(cross=False), floats(6, 4)),
    Case(
        "cross-attention",
        lambda: nets.Attention(cross=True),
        floats(6, 4),
    ),
    Case("transformer-batch-first", lambda: nets.transformer(batch_first=True, length=6), ids(6)),
    Case("transformer-batch-second", lambda: nets.transformer(batch_first=False, length=6), ids(6)),
    Case(
        "transformer-batch-first-square",
        lambda: nets.transformer(batch_first=True, length=5),
        ids(5),
    ),
    Case(
        "transformer-batch-second-square",
        lambda: nets.transformer(batch_first=False, length=5),
        ids(5),
    ),
    Case(
        "transformer-norm-first-gelu",
        lambda: nets.transformer(batch_first=True, length=3, norm_first=True, activation="gelu"),
        ids(3),
    ),
    Case(
        "positions-once",
        lambda: nets.transformer(batch_first=True, length=5, positions="once"),
        ids(5),
    ),
    Case(
        "positions-once-batch-second",
        lambda: nets.transformer(batch_first=False, length=5, positions="once"),
        ids(5),
    ),
    Case(
        "positions-row",
        lambda: nets.transformer(batch_first=True, length=6, positions="row"),
        ids(6),
    ),
    Case(
        "positions-each",
        lambda: nets.transformer(batch_first=True, length=6, positions="each"),
        ids(6),
    ),
    Case(
        "positions-parameter",
        lambda: nets.transformer(batch_first=True, length=6, positions="parameter"),
        ids(6),
    ),
    Case(
        "conv-transpose1d",
        vector_net(nn.ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1), out=108),
        floats(4, 9),
    ),
    Case("conv-transpose2d", vector_net(nn.ConvTranspose2d(2, 3, 3, stride=2), out=507), IMAGE),
    Case(
        "conv-transpose2d-gram",
        vector_net(nn.ConvTranspose2d(12, 16, 2, stride=2, output_padding=1), out=400),
        floats(12, 2, 2),
    ),
    Case(
        "conv-transpose2d-groups",
        vector_net(nn.ConvTranspose2d(4, 6, (2, 3), (2, 1), 1, groups=2, bias=False), out=288),
        floats(4, 5, 6),
    ),
    Case(
        # More output padding than stride, which dilation allows.
        "conv-transpose2d-dilation",
        vector_net(nn.ConvTranspose2d(2, 4, 2, 1, 1, 2, dilation=3), out=576),
        floats(2, 9, 9),
    ),
    Case(
        "conv-transpose3d",
        vector_net(nn.ConvTranspose3d(2, 3, 2, stride=(1, 2, 1), padding=1), out=72),
        floats(2, 3, 4, 3),
    ),
    Case("bare-parameters", nets.BareParameters, floats(5)),
    Case("prelu", vector_net(nn.Linear(5, 4), nn.PReLU(), out=4), floats(5)),
    Case("prelu-sequence", vector_net(nn.Linear(3, 2), nn.PReLU(), out=24), floats(3, 4, 3)),
    Case("prelu-channels", norm(lambda: nn.PReLU(4)), IMAGE),
    Case(
        "prelu-twice",
        lambda: nets.Twice(nn.PReLU(5), nn.Linear(5, 3)),
        floats(5),
    ),
    Case("tuple-inputs", nets.TwoInputs, lambda n: (floats(4)(n), floats(3)(n))),
    Case("dict-inputs", nets.TwoInputs, lambda n: {"right": floats(3)(n), "left": floats(4)(n)}),
    Case("sorts-its-batch", nets.Sorted, floats(5), slow=("body.weight", "body.bias")),
    Case("resnet20", nets.resnet20, floats(3, 12, 12)),
    *RECURRENT,
    *BARE,
]

SLOW = {Treatment.SLOW_PATH, Treatment.ONE_BY_ONE}
