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
from workers.influence import SelfCheckFailed, SketchSpec, Treatment, self_influence
from workers.influence.losses import cross_entropy
from workers.influence.rules import RULES, Call, Rule, register
from workers.influence.sketches import Into


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


class WrongSketch(Scale):
    """Its norms are right, so that only its sketches can give it away."""

    def sketch(self, role: str, a: Tensor, d: Tensor, options: Any, into: Into) -> Tensor:
        into.add(1.001 * self.gradient(role, a, d, options))
        return self.sq_norm(role, a, d, options)


class WrongSketchedNorm(Scale):
    """The norms that come with its sketches are not those that come without."""

    def sketch(self, role: str, a: Tensor, d: Tensor, options: Any, into: Into) -> Tensor:
        return 1.1 * super().sketch(role, a, d, options, into)


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


class ScaledOnce(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight, self.head = nn.Parameter(torch.rand(4)), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(scale(x, self.weight).tanh().mean(1))


@pytest.mark.parametrize("dimension", [8, 1024], ids=["hashed", "exact"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    "rule", [Scale(), WrongSketch(), WrongSketchedNorm()], ids=lambda r: type(r).__name__
)
def test_sketches_that_are_not_of_the_gradient_are_refused(
    rule: Rule, dtype: torch.dtype, dimension: int
) -> None:
    register(rule)
    torch.manual_seed(0)
    model = ScaledOnce().to(dtype)
    batch = torch.randn(5, 6, 4, dtype=dtype), torch.tensor([0, 1, 2, 1, 0])

    def scored(sketch: SketchSpec | None) -> None:
        checkpoints = [(dict(model.state_dict()), 1.0)]
        self_influence(model, [batch], loss="cross_entropy", checkpoints=checkpoints, sketch=sketch)

    scored(None)
    if type(rule) is Scale:
        scored(SketchSpec(dimension))
        return
    with pytest.raises(SelfCheckFailed, match=r"\bweight\b") as refused:
        scored(SketchSpec(dimension))
    assert "head" not in str(refused.value), "only what is wrong is named"
