"""Deep networks in float32, where rounding switches units of ReLU on and off."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from workers.influence import SelfInfluenceScorer, Treatment
from workers.models import build_model


def _as_after_training(seed: int, side: int) -> nn.Module:
    """A ResNet-56 whose norms are not trivial."""
    torch.manual_seed(seed)
    model = build_model({"name": "resnet56", "args": {"in_channels": 3, "classes": 10}})
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
        model.train()
        for _ in range(20):
            model(torch.randn(16, 3, side, side))
    return model.eval()


@pytest.mark.parametrize("seed", [0, 2])
def test_rounding_sends_no_layer_to_the_slow_path_and_fails_no_self_check(seed: int) -> None:
    model = _as_after_training(seed, side=32)
    inputs, targets = torch.randn(8, 3, 32, 32), torch.randint(0, 10, (8,))
    scorer = SelfInfluenceScorer(
        model, loss="cross_entropy", checkpoints=[(model.state_dict(), 1.0)], device="cpu"
    )
    found = scorer.score(inputs, targets)
    scorer.self_check(inputs, targets)
    assert {entry.treatment for entry in scorer.coverage.entries} == {Treatment.RULE}
    # Totals hold to float32 all the same.
    wide = model.double()
    for at in range(2):
        wide.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(wide(inputs[at : at + 1].double()), targets[at : at + 1])
        loss.backward()
        true = sum(p.grad.square().sum().item() for p in wide.parameters() if p.grad is not None)
        assert found.terms[at, 0] == pytest.approx(true, rel=1e-4)
