"""Layers chosen by a sample: what is said of them is true, and the budget counts."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.workers.influence.networks import resnet20
from workers.influence import InfluenceError, SelfInfluenceScorer, choose_layers
from workers.influence.auto_layers import spearman

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


def test_no_budget_leaves_the_last_layer_and_enough_leaves_all() -> None:
    net = model()
    given = {"loss": "cross_entropy", "checkpoints": [(net.state_dict(), 0.5)]}
    least = choose_layers(net, (INPUTS, TARGETS), budget=0, **given)
    most = choose_layers(net, (INPUTS, TARGETS), budget=10, **given)
    names = [name for name, _ in net.named_parameters()]
    assert list(least.layers) == names[-2:]
    assert most.agreement == pytest.approx(1)
    assert set(least.layers) < set(most.layers)
    assert least.gradient_share < most.gradient_share
    assert least.cost_share < 1


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
