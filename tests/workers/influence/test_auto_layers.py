"""Layers chosen by a sample: what is said of them is true, and the budget counts."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.workers.influence.networks import resnet20
from workers.influence import InfluenceError, SelfInfluenceScorer, auto_layers, choose_layers
from workers.influence.auto_layers import spearman
from workers.influence.counting import OperationCount

INPUTS = torch.randn(24, 3, 12, 12, generator=torch.Generator().manual_seed(0))
TARGETS = torch.arange(24) % 3


def model() -> nn.Module:
    torch.manual_seed(0)
    return resnet20()


def scores(layers: object) -> np.ndarray:
    net = model()
    scorer = SelfInfluenceScorer(
        net, loss="cross_entropy", checkpoints=[(net.state_dict(), 0.5)], layers=layers
    )
    return scorer.score(INPUTS, TARGETS).self_influence


@pytest.mark.parametrize("budget", [0.0, 0.6, 10.0])
def test_agreement_and_share_are_those_of_the_layers(budget: float) -> None:
    net = model()
    choice = choose_layers(
        net,
        (INPUTS, TARGETS),
        loss="cross_entropy",
        checkpoints=[(net.state_dict(), 0.5)],
        budget=budget,
    )
    chosen, whole = scores(choice.layers), scores("all")
    assert choice.agreement == pytest.approx(spearman(chosen, whole), abs=1e-9)
    assert choice.gradient_share == pytest.approx(chosen.sum() / whole.sum(), rel=1e-4)
    assert choice.cost_share > 0
    assert choice.time_share > 0
    if budget > 0:
        assert choice.cost_share <= budget


def test_no_budget_leaves_the_last_layer_and_enough_leaves_all() -> None:
    net = model()
    given = {"loss": "cross_entropy", "checkpoints": [(net.state_dict(), 0.5)]}
    least = choose_layers(net, (INPUTS, TARGETS), budget=0, **given)
    most = choose_layers(net, (INPUTS, TARGETS), budget=10, **given)
    names = [name for name, _ in net.named_parameters()]
    assert list(least.layers) == names[-2:]
    assert most.agreement > 0.995 - 1e-9, "as good as all, with as few as that takes"
    assert set(least.layers) < set(most.layers)
    assert least.gradient_share < most.gradient_share
    assert least.cost_share < most.cost_share <= 1


def test_the_clock_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    net = model()
    given = {"loss": "cross_entropy", "checkpoints": [(net.state_dict(), 0.5)], "budget": 0.6}
    first = choose_layers(net, (INPUTS, TARGETS), **given)
    ticks = iter(np.cumsum(np.random.default_rng(0).exponential(size=10_000)))
    monkeypatch.setattr(auto_layers, "perf_counter", lambda: next(ticks))
    other = choose_layers(model(), (INPUTS, TARGETS), **given)
    assert other.layers == first.layers
    assert (other.cost_share, other.agreement) == (first.cost_share, first.agreement)
    assert other.time_share != first.time_share


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_convolutions_are_counted_by_their_definition(groups: int, transposed: bool) -> None:
    build = nn.ConvTranspose2d if transposed else nn.Conv2d
    layer = build(4, 8, 3, stride=2, groups=groups, bias=False)
    x = torch.randn(5, 4, 9, 9, requires_grad=True)
    with OperationCount() as forward:
        out = layer(x)
    # Each number of the side that the kernel slides over meets a kernel of one group.
    slides = x if transposed else out
    each = slides.numel() * 9 * (8 if transposed else 4) // groups
    assert forward.operations == each
    d = torch.ones_like(out)
    with OperationCount() as backward:
        torch.autograd.grad(out, (x, layer.weight), d)
    assert backward.operations == 2 * each


def test_a_backward_pass_is_counted_as_far_as_it_goes() -> None:
    net = nn.Sequential(*(nn.Linear(32, 32, bias=False) for _ in range(4)))
    x = torch.randn(64, 32)
    with OperationCount() as whole:
        net(x).sum().backward()
    net[:3].requires_grad_(False)
    with OperationCount() as last:
        net(x).sum().backward()
    product = 64 * 32 * 32
    assert whole.operations - last.operations == pytest.approx(6 * product, rel=0.1)


def test_sample_too_small_to_rank() -> None:
    net = model()
    with pytest.raises(InfluenceError, match="three examples"):
        choose_layers(
            net,
            (INPUTS[:2], TARGETS[:2]),
            loss="cross_entropy",
            checkpoints=[(net.state_dict(), 0.5)],
        )


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2, 3, 4], [10, 20, 30, 40], 1.0),
        ([1, 2, 3, 4], [4, 3, 2, 1], -1.0),
        ([1, 2, 2, 3], [1, 2, 3, 4], 0.9486832980505138),
        ([1, 1, 1], [1, 2, 3], 0.0),
    ],
)
def test_spearman(one: list[int], other: list[int], expected: float) -> None:
    assert spearman(np.array(one), np.array(other)) == pytest.approx(expected)
