"""A rule for somebody's own operation: one small class, registered."""

# A rule takes the arguments of every rule, used or not.
# ruff: noqa: ARG002

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function

from tests.workers.influence.reference import squared_norms, total
from workers.influence import Treatment, self_influence
from workers.influence.losses import cross_entropy
from workers.influence.rules import RULES, Call, Rule, register


def scale(x: Tensor, weight: Tensor) -> Tensor:
    if has_torch_function((x, weight)):
        return handle_torch_function(scale, (x, weight), x, weight)
    return x * weight


class Scale(Rule):
    operations = (scale,)

    def bind(self, x: Tensor, weight: Tensor) -> Call:
        return Call(operand=x, roles={"weight": weight}, leading=x.ndim - 1)

    def gradient(self, role: str, a: Tensor, d: Tensor, options: Any) -> Tensor:
        return (a * d).sum(1)


class WrongScale(Scale):
    def gradient(self, role: str, a: Tensor, d: Tensor, options: Any) -> Tensor:
        return 1.01 * super().gradient(role, a, d, options)


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight, self.head = nn.Parameter(torch.rand(4)), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(scale(scale(x, self.weight).tanh(), self.weight).mean(1))


@pytest.fixture(autouse=True)
def registry_put_back() -> Iterator[None]:
    own = dict(RULES)
    yield
    RULES.clear()
    RULES.update(own)


@pytest.mark.parametrize(
    ("rule", "treatment"),
    [(Scale(), Treatment.RULE), (WrongScale(), Treatment.SLOW_PATH), (None, Treatment.SLOW_PATH)],
    ids=["right", "wrong", "none"],
)
def test_right_rule_is_used_and_a_wrong_one_costs_only_time(
    rule: Rule | None, treatment: Treatment
) -> None:
    if rule is not None:
        register(rule)
    torch.manual_seed(0)
    model = Scaled().double()
    state = dict(model.state_dict())
    inputs, targets = torch.randn(5, 6, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 1, 0])

    result = self_influence(
        model, [(inputs, targets)], loss="cross_entropy", checkpoints=[(state, 1.0)]
    )

    true = total(squared_norms(model, state, inputs, targets, cross_entropy))
    np.testing.assert_allclose(result.self_influence, true, rtol=1e-9)
    (entry,) = [e for e in result.coverage.entries if e.name == "weight"]
    assert entry.treatment is treatment
