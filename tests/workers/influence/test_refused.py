"""What has no per-example gradient, or does not fit, is refused with the remedy; never wrong."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.workers.influence.networks import Apply
from workers.influence import (
    BatchDependence,
    CheckpointMismatch,
    InfluenceError,
    LossNotPerExample,
    OperandModified,
    SelfInfluenceScorer,
    ShapeMismatch,
    UnknownLayer,
    UnsupportedModel,
    self_influence,
)


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))


def batch(n: int = 4) -> tuple[Tensor, Tensor]:
    return torch.randn(n, 4), torch.randint(0, 3, (n,))


def run(model: nn.Module, **changes: Any) -> object:
    given: dict[str, Any] = {
        "batches": [batch()],
        "loss": "cross_entropy",
        "checkpoints": [(model.state_dict(), 0.1)],
        **changes,
    }
    batches = given.pop("batches")
    return self_influence(model, batches, **given)


class OverwritesItsInput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = x.tanh()
        y = self.body(hidden)
        hidden.mul_(2)
        return self.head(y + hidden)


@pytest.mark.parametrize(
    "body",
    [
        nn.BatchNorm1d(5, track_running_stats=False),
        Apply(lambda x: functional.batch_norm(x, None, None, training=True)),
        Apply(lambda x: x - x.mean(0)),
        Apply(lambda x: functional.dropout(x, 0.5, training=True)),
        Apply(lambda x: torch.softmax(x @ x.T, 1) @ x),
    ],
    ids=["batchnorm", "batchnorm-functional", "batch-mean", "dropout-left-on", "across-examples"],
)
def test_example_that_depends_on_its_batch_or_chance(body: nn.Module) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), body, nn.Linear(5, 3))
    with pytest.raises(BatchDependence):
        run(model)


@pytest.mark.parametrize(
    ("loss", "says"),
    [
        (nn.CrossEntropyLoss(), "a single number"),
        (nn.CrossEntropyLoss(reduction="sum"), "a single number"),
        (lambda out, y: functional.cross_entropy(out, y, reduction="none")[:, None], "shape"),
        (lambda *_: 1.0, "float"),
    ],
    ids=["mean", "sum", "column", "number"],
)
def test_loss_that_is_not_one_value_per_example(loss: Callable[..., Any], says: str) -> None:
    with pytest.raises(LossNotPerExample, match=says):
        run(small(), loss=loss)


def test_loss_scaled_by_the_batch_is_refused() -> None:
    def scaled(outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(outputs, targets, reduction="none") / len(targets)

    with pytest.raises(BatchDependence, match="batch's size"):
        run(small(), loss=scaled)


def test_unknown_loss() -> None:
    with pytest.raises(InfluenceError, match="cross_entropy"):
        run(small(), loss="hinge")


def test_regression_outputs_that_would_broadcast() -> None:
    with pytest.raises(ShapeMismatch):
        run(small(), loss="squared_error", batches=[(torch.randn(4, 4), torch.randn(4))])


def test_inputs_and_targets_of_different_lengths() -> None:
    with pytest.raises(ShapeMismatch):
        run(small(), batches=[(torch.randn(3, 4), torch.zeros(4, dtype=torch.long))])


def test_no_examples() -> None:
    with pytest.raises(ShapeMismatch, match="no examples"):
        run(small(), batches=[])


@pytest.mark.parametrize("eta", [-0.1, float("nan"), float("inf"), None, "0.1"])
def test_eta_that_is_no_rate(eta: Any) -> None:
    model = small()
    with pytest.raises(CheckpointMismatch, match="eta"):
        run(model, checkpoints=[(model.state_dict(), eta)])


def test_no_checkpoints() -> None:
    with pytest.raises(CheckpointMismatch):
        run(small(), checkpoints=[])


def test_checkpoint_that_does_not_fit_names_everything() -> None:
    model = small()
    state = dict(model.state_dict())
    del state["0.bias"]
    state["2.weight"] = torch.zeros(3, 6)
    state["9.weight"] = torch.zeros(1)
    with pytest.raises(CheckpointMismatch) as refusal:
        run(model, checkpoints=[(state, 0.1)])
    for part in ("missing 0.bias", "unexpected 9.weight", "2.weight has shape (3, 6)"):
        assert part in str(refusal.value)


def test_tied_names_with_different_values() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    model[2].weight = model[0].weight
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state["2.weight"] += 1
    with pytest.raises(CheckpointMismatch, match="tied"):
        run(model, checkpoints=[(state, 0.1)])


def test_embedding_that_rewrites_its_weights() -> None:
    model = nn.Sequential(nn.Embedding(5, 4, max_norm=1.0), nn.Flatten(), nn.Linear(8, 3))
    with pytest.raises(UnsupportedModel, match="max_norm"):
        run(model, batches=[(torch.randint(0, 5, (4, 2)), torch.zeros(4, dtype=torch.long))])


def test_input_overwritten_after_its_use() -> None:
    torch.manual_seed(0)
    model = OverwritesItsInput()
    with pytest.raises((OperandModified, RuntimeError), match="modified"):
        run(model)


def test_every_parameter_frozen() -> None:
    with pytest.raises(UnknownLayer, match="frozen"):
        run(small().requires_grad_(False))


def test_layer_that_does_not_exist() -> None:
    with pytest.raises(UnknownLayer, match=r"head\*"):
        run(small(), layers=["0", "head*"])


def test_scorer_refuses_an_empty_batch() -> None:
    model = small()
    scorer = SelfInfluenceScorer(
        model, loss="cross_entropy", checkpoints=[(model.state_dict(), 1.0)]
    )
    with pytest.raises(ShapeMismatch):
        scorer.score(*batch(0))
