"""Parameters outside layers, and weights that derive from parameters."""

from functools import partial

import torch
from torch import nn

from tests.workers.influence import bare_networks as nets
from tests.workers.influence.bare_networks import bare
from tests.workers.influence.case import Case, floats, ids

VECTOR, SEQUENCE = floats(4), floats(6, 4)

BARE = [
    Case("bare-scale", bare(lambda p, x: x * p, 4), SEQUENCE),
    Case("bare-scale-first", bare(lambda p, x: p * x, 1, 4), VECTOR),
    Case("bare-number", bare(lambda p, x: p * x, 1), SEQUENCE),
    Case("bare-number-no-dimension", bare(lambda p, x: x + p), VECTOR),
    Case("bare-less", bare(lambda p, x: x - p, 6, 4), SEQUENCE),
    Case("bare-less-first", bare(lambda p, x: torch.sub(p, x), 4), SEQUENCE),
    Case("bare-divided", bare(lambda p, x: p / x.exp(), 6, 1), SEQUENCE),
    Case("bare-divisor", bare(lambda p, x: x / p.exp(), 4), SEQUENCE, direct=("bare",)),
    Case("bare-divisor-alone", bare(lambda p, x: x / (2 + x.square()) / p, 6, 1), SEQUENCE),
    Case("bare-in-place", bare(lambda p, x: (2 * x).add_(p), 4), SEQUENCE),
    Case("bare-twice", bare(lambda p, x: (x * p).tanh() * p, 4), SEQUENCE),
    Case("bare-scale-and-shift", bare(lambda p, x: x * p + p, 4), SEQUENCE, direct=("bare",)),
    Case("bare-halves", bare(lambda p, x: x * p[:4] + p[4:], 8), SEQUENCE),
    Case("bare-overlap", bare(lambda p, x: x * p[:4] + p[2:6], 6), SEQUENCE, direct=("bare",)),
    Case("bare-expanded", bare(lambda p, x: x * p.expand(len(x), -1, -1), 1, 1, 4), SEQUENCE),
    Case(
        "bare-repeated",
        bare(lambda p, x: torch.cat([p.repeat(len(x), 2, 1), x], 1), 1, 1, 4),
        SEQUENCE,
    ),
    *(
        Case(f"bare-einsum-{name}", bare(partial(nets.einsum, equation), *shape), SEQUENCE)
        for name, equation, shape in (
            ("matrix", "bti,io->bto", (4, 4)),
            ("ellipsis", "...i,oi->...o", (4, 4)),
            ("parameter-first", "io,bti->bto", (4, 5)),
            ("two-outputs", "b t i, h i k -> b t h k", (2, 4, 3)),
            ("over-time", "bti,tio->bo", (6, 4, 5)),
            ("a-matrix-each-step", "bti,tio->bto", (6, 4, 3)),
            ("scale", "bti,i->bti", (4,)),
            ("positions-turned", "bti,io->tbo", (4, 4)),
            ("number", "bti,->bti", ()),
        )
    ),
    Case(
        "bare-einsum-slow",
        bare(partial(nets.einsum, "bti,io->bot"), 4, 4),
        SEQUENCE,
        slow=("bare",),
    ),
    Case("bare-einsum-twice", bare(nets.einsum_twice, 4, 4), SEQUENCE),
    Case(
        "bare-by-value",
        bare(lambda p, x: x + p[(x[..., 0] > 0).long()], 2, 4),
        SEQUENCE,
        slow=("bare",),
    ),
    Case("bare-batch-second", lambda: nets.BatchSecond(6), SEQUENCE),
    Case("bare-batch-second-square", lambda: nets.BatchSecond(5), floats(5, 4)),
    Case("patches", nets.Patches, floats(2, 6, 6)),
    # Of three examples, the last of 7 or 13 steps each could be two orders; of 13, of four too.
    Case("last-of-7-steps", nets.LastStep, floats(7, 4)),
    Case("last-of-13-steps", nets.LastStep, floats(13, 4)),
    Case("stored-the-other-way", nets.StoredTheOtherWay, SEQUENCE),
    Case("relative-positions", lambda: nets.Bias(6), SEQUENCE, direct=("table",)),
    Case("decoder", nets.Decoder, SEQUENCE),
    Case(
        "masked-weight",
        lambda: nn.Sequential(nets.Masked(5, 4), nn.Tanh(), nn.Linear(4, 3)),
        floats(5),
        direct=("0.weight",),
    ),
    Case(
        "low-rank-calls",
        lambda: nn.Sequential(nets.LowRank(5, 4, merged=False), nn.Tanh(), nn.Linear(4, 3)),
        floats(5),
    ),
    Case(
        "low-rank-merged",
        lambda: nn.Sequential(nets.LowRank(5, 4, merged=True), nn.Tanh(), nn.Linear(4, 3)),
        floats(5),
        direct=("0.a", "0.b"),
    ),
    Case(
        "weight-norm",
        nets.weight_normed,
        floats(5),
        direct=(
            "0.parametrizations.weight.original0",
            "0.parametrizations.weight.original1",
        ),
    ),
    Case(
        "weight-norm-older",
        nets.older_weight_norm,
        floats(2, 7),
        direct=("0.weight_g", "0.weight_v"),
    ),
    Case(
        "spectral-norm",
        nets.spectral_normed,
        floats(5),
        direct=("0.parametrizations.weight.original",),
    ),
    Case(
        "orthogonal",
        nets.orthogonal,
        floats(5),
        direct=("0.parametrizations.weight.original",),
    ),
    Case(
        "embedding-normed",
        lambda: nn.Sequential(
            nn.utils.parametrizations.weight_norm(nn.Embedding(6, 4)),
            nn.Flatten(),
            nn.Linear(28, 3),
        ),
        ids(7, 6),
        direct=(
            "0.parametrizations.weight.original0",
            "0.parametrizations.weight.original1",
        ),
    ),
]
