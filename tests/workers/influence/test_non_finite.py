"""Examples without a finite gradient are marked, never scored 0 as if they were clean."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.workers.influence.cases import CASES
from tests.workers.influence.reference import squared_norms, total
from workers.influence import self_influence
from workers.influence.losses import cross_entropy

FLOAT_CASES = [c for c in CASES if c.id in {
    "linear", "linear-inplace-relu", "linear-sequence-gram", "linear-sequence-direct", "conv1d",
    "conv2d", "conv2d-groups", "batchnorm", "layernorm-sequence", "groupnorm", "self-attention",
    "lstm", "bare-parameters", "resnet20",
}]  # fmt: skip


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("case", FLOAT_CASES, ids=lambda c: c.id)
def test_bad_example_is_marked_and_alone(case, bad: float) -> None:  # type: ignore[no-untyped-def]
    model, checkpoints = case.model(), case.checkpoints()
    inputs, targets = case.data()
    clean = inputs.clone()
    inputs[1].view(-1)[0] = bad

    result = self_influence(
        model, [(inputs, targets)], loss=case.loss, checkpoints=checkpoints, check=False
    )

    others = np.array([0, 2, 3, 4])
    assert result.finite.tolist() == [True, False, True, True, True]
    assert np.isnan(result.self_influence[1])
    assert np.isnan(result.self_influence_equal[1])
    assert np.isnan(result.last_layer[1])
    true = [
        total(squared_norms(model, state, clean, targets, cross_entropy))
        for state, _ in checkpoints
    ]
    np.testing.assert_allclose(result.terms[others], np.stack(true, 1)[others], rtol=1e-9)


def test_only_the_checkpoint_that_diverged_is_nan() -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    good = dict(model.state_dict())
    broken = {**good, "2.bias": torch.full((3,), torch.nan)}
    batch = torch.randn(4, 4), torch.randint(0, 3, (4,))

    result = self_influence(
        model, [batch], loss="cross_entropy", checkpoints=[(broken, 1.0), (good, 1.0)]
    )

    assert not result.finite.any()
    assert np.isnan(result.terms[:, 0]).all()
    assert (result.terms[:, 1] > 0).all()
    assert np.isnan(result.self_influence).all()


def test_all_examples_bad_from_the_first_batch() -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    bad = torch.full((3, 4), torch.nan), torch.zeros(3, dtype=torch.long)
    fine = torch.randn(3, 4), torch.zeros(3, dtype=torch.long)
    result = self_influence(
        model, [bad, fine], loss="cross_entropy", checkpoints=[(model.state_dict(), 1.0)]
    )
    assert result.finite.tolist() == [False] * 3 + [True] * 3
    true = total(squared_norms(model, dict(model.state_dict()), *fine, cross_entropy))
    np.testing.assert_allclose(result.self_influence[3:], true, rtol=1e-5)
