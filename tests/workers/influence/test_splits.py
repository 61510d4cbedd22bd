"""Results do not depend on how examples are split into batches, or on which way a norm is taken."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from tests.workers.influence.cases import CASES
from workers.influence import self_influence
from workers.influence.rules import RULES
from workers.influence.rules import conv as conv_rule
from workers.influence.rules.linear import outer_sq_norm
from workers.influence.rules.registry import squares

SPLIT_CASES = {
    c.id: c
    for c in CASES
    if c.id in {"conv2d", "batchnorm", "transformer-batch-second", "positions-once", "embedding",
                "embedding-tied-to-head", "frames-first", "linear-twice"}
}  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(case=st.sampled_from(sorted(SPLIT_CASES)), sizes=st.lists(st.integers(1, 6), min_size=1))
def test_any_batch_split_gives_the_same(case: str, sizes: list[int]) -> None:
    chosen = SPLIT_CASES[case]
    inputs, targets = chosen.data(9)
    bounds = [0, *np.minimum(np.cumsum(sizes), 9).tolist(), 9]
    parts = [(inputs[a:b], targets[a:b]) for a, b in itertools.pairwise(bounds) if a < b]
    given_ = {"loss": chosen.loss, "checkpoints": chosen.checkpoints()}
    split = self_influence(chosen.model(), parts, **given_)
    whole = self_influence(chosen.model(), [(inputs, targets)], **given_)
    for name in ("terms", "self_influence", "last_layer_terms", "loss", "margin", "el2n"):
        np.testing.assert_allclose(getattr(split, name), getattr(whole, name), rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 4), t=st.integers(1, 6), i=st.integers(1, 9), o=st.integers(1, 9),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_linear_norm_of_any_shape(n: int, t: int, i: int, o: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n, t, i, generator=generator, dtype=torch.float64)
    d = torch.randn(n, t, o, generator=generator, dtype=torch.float64)
    true = torch.einsum("nti,nto->noi", a, d).square().sum((1, 2))
    torch.testing.assert_close(outer_sq_norm(a, d), true, rtol=1e-9, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(4, 7), st.integers(4, 7)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.one_of(st.tuples(st.integers(0, 2), st.integers(0, 2)), st.just("same")),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    channels=st.sampled_from([(1, 1, 1), (2, 3, 1), (4, 2, 2), (3, 3, 3)]),
)
def test_both_ways_of_a_convolution_agree(  # type: ignore[no-untyped-def]
    size, kernel, stride, padding, dilation, channels
) -> None:
    if padding == "same":
        stride = (1, 1)
    c_in, c_out, groups = channels
    x = torch.randn(2, c_in, *size, dtype=torch.float64)
    weight = torch.randn(c_out, c_in // groups, *kernel, dtype=torch.float64, requires_grad=True)
    pads = (0, 0) if padding == "same" else padding
    if any(
        s + 2 * p < d * (k - 1) + 1
        for s, p, d, k in zip(size, pads, dilation, kernel, strict=True)
        if padding != "same"
    ):
        return
    y = functional.conv2d(x, weight, None, stride, padding, dilation, groups)
    d = torch.randn_like(y)
    rule = RULES[functional.conv2d]
    call = rule.bind(x, weight, None, stride, padding, dilation, groups)
    assert call is not None
    direct = squares(rule.gradient("weight", x[:, None], d[:, None], call.options))
    true = torch.stack(
        [torch.autograd.grad(y[i], weight, d[i], retain_graph=True)[0].square().sum()
         for i in range(2)]
    )  # fmt: skip
    torch.testing.assert_close(direct, true, rtol=1e-9, atol=1e-12)
    if groups == 1:
        gram = conv_rule._gram(x, d, call.options)
        torch.testing.assert_close(gram, true, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("channels", "side", "gram"), [(64, 4, True), (2, 12, False)])
def test_cost_model_uses_both_ways(
    channels: int, side: int, gram: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []
    own = conv_rule._gram
    monkeypatch.setattr(conv_rule, "_gram", lambda *a: taken.append(1) or own(*a))
    x = torch.randn(2, channels, side, side)
    weight = torch.randn(channels, channels, 3, 3)
    rule = RULES[functional.conv2d]
    call = rule.bind(x, weight, None, 1, 1)
    assert call is not None
    rule.sq_norm("weight", x[:, None], torch.randn_like(x)[:, None], call.options)
    assert bool(taken) is gram
    assert math.isfinite(float(weight.sum()))
