"""`layers` is really used, and the last layer's share is the last layer's."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.workers.influence.bare_networks import Bare
from tests.workers.influence.networks import Apply, resnet20, transformer
from tests.workers.influence.reference import squared_norms, total
from workers.influence import SelfInfluence, Treatment, UnknownLayer, self_influence
from workers.influence.losses import cross_entropy


def make_model() -> nn.Module:
    torch.manual_seed(0)
    return Small().double()


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.ModuleDict({"conv": nn.Conv2d(2, 3, 3), "norm": nn.GroupNorm(3, 3)})
        self.head = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body["norm"](self.body["conv"](x)).tanh().mean((2, 3)))


INPUTS = torch.randn(4, 2, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
TARGETS = torch.tensor([0, 2, 1, 1])


def score(model: nn.Module, layers: object) -> SelfInfluence:
    return self_influence(
        model,
        [(INPUTS, TARGETS)],
        loss="cross_entropy",
        checkpoints=[(dict(model.state_dict()), 0.5)],
        layers=layers,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("layers", "chosen"),
    [
        ("all", ["body.conv.weight", "body.conv.bias", "body.norm.weight", "body.norm.bias",
                 "head.weight", "head.bias"]),
        ("last", ["head.weight", "head.bias"]),
        (["body"], ["body.conv.weight", "body.conv.bias", "body.norm.weight", "body.norm.bias"]),
        (["body.norm", "head.bias"], ["body.norm.weight", "body.norm.bias", "head.bias"]),
        (["*.weight"], ["body.conv.weight", "body.norm.weight", "head.weight"]),
        ("body.c*", ["body.conv.weight", "body.conv.bias"]),
        ("type:Linear", ["head.weight", "head.bias"]),
        (["type:_ConvNd", "head.bias"], ["body.conv.weight", "body.conv.bias", "head.bias"]),
        ("type:Group*", ["body.norm.weight", "body.norm.bias"]),
    ],
    ids=["all", "last", "module", "mixed", "pattern", "one-pattern", "type", "base-type",
         "type-pattern"],
)  # fmt: skip
def test_only_chosen_parameters_count(layers: object, chosen: list[str]) -> None:
    model = make_model()
    true = squared_norms(model, dict(model.state_dict()), INPUTS, TARGETS, cross_entropy)

    result = score(model, layers)

    expected = total({name: true[name] for name in chosen})
    np.testing.assert_allclose(result.terms[:, 0], expected, rtol=1e-9)
    assert result.coverage.scored == chosen
    left_out = [name for name in true if name not in chosen]
    assert result.coverage.names(Treatment.EXCLUDED) == left_out


def test_last_layer_share_from_the_same_pass() -> None:
    model = make_model()
    true = squared_norms(model, dict(model.state_dict()), INPUTS, TARGETS, cross_entropy)
    result = score(model, "all")
    last = true["head.weight"] + true["head.bias"]
    np.testing.assert_allclose(result.last_layer_terms[:, 0], last, rtol=1e-9)
    np.testing.assert_allclose(result.last_layer, 0.5 * last, rtol=1e-9)
    assert result.coverage.last_layer == ("head.weight", "head.bias")


def test_last_layer_is_nan_where_it_was_not_asked_for() -> None:
    result = score(make_model(), ["body"])
    assert np.isnan(result.last_layer).all()
    assert result.finite.all()


def test_last_layer_is_last_in_the_pass_not_in_the_definition() -> None:
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    model = nn.Sequential(first, second, Apply(lambda x: x))
    model.forward = lambda x: first(second(x).tanh())  # type: ignore[method-assign]
    result = self_influence(
        model,
        [(torch.randn(3, 3), torch.tensor([0, 1, 2]))],
        loss="cross_entropy",
        checkpoints=[(dict(model.state_dict()), 1.0)],
        layers="last",
    )
    assert result.coverage.scored == ["0.weight", "0.bias"]


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (resnet20(), torch.randn(3, 3, 8, 8)),
        (transformer(batch_first=True, length=4), torch.randint(0, 11, (3, 4))),
    ],
    ids=["resnet20", "transformer"],
)
def test_last_layer_alone_is_the_heads(model: nn.Module, inputs: torch.Tensor) -> None:
    state, targets = dict(model.state_dict()), torch.tensor([0, 1, 2])
    result = self_influence(
        model,
        [(inputs, targets)],
        loss="cross_entropy",
        checkpoints=[(state, 1.0)],
        layers="last",
    )
    true = squared_norms(model, state, inputs, targets, cross_entropy)
    head = list(true)[-2:]
    assert result.coverage.scored == head
    expected = total({name: true[name] for name in head})
    np.testing.assert_allclose(result.self_influence, expected, rtol=1e-4)


def test_type_is_of_any_module_around_a_parameter() -> None:
    model = transformer(batch_first=True, length=4)
    state, targets = dict(model.state_dict()), torch.tensor([0, 1, 2])
    result = self_influence(
        model,
        [(torch.randint(0, 11, (3, 4)), targets)],
        loss="cross_entropy",
        checkpoints=[(state, 1.0)],
        layers="type:TransformerEncoderLayer",
    )
    assert result.coverage.scored == [name for name in state if "encoder.layers" in name]


def test_type_that_no_module_has() -> None:
    with pytest.raises(UnknownLayer, match="type:LSTM"):
        score(make_model(), ["type:LSTM"])


def test_slow_parts_say_their_share_of_the_time() -> None:
    model = Bare(lambda p, x: x + p[(x[..., 0] > 0).long()], 2, 4)
    batch = torch.randn(5, 7, 4), torch.tensor([0, 1, 2, 1, 0])
    slow = self_influence(
        model, [batch], loss="cross_entropy", checkpoints=[(dict(model.state_dict()), 1.0)]
    ).coverage
    assert slow.slow == ["bare"]
    assert 0.1 < slow.slow_share < 1
    assert "share of the time" in str(slow)
    assert score(make_model(), "all").coverage.slow_share == 0


def test_coverage_is_plain_json_with_totals() -> None:
    report = score(make_model(), ["body.norm"]).coverage.as_dict()
    assert report["totals"] == {
        "excluded": {"parameters": 4, "numbers": 69},
        "rule": {"parameters": 2, "numbers": 6},
    }
    assert report["last_layer"] == ["head.weight", "head.bias"]
    assert [p["name"] for p in report["parameters"]][:2] == ["body.conv.weight", "body.conv.bias"]
