import pytest
import torch

from workers.models import build_loss
from workers.models.errors import LossUnknown, OutputsUnfit


def test_cross_entropy_is_minus_the_log_probability_of_the_given_class() -> None:
    outputs, targets = torch.randn(5, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 0, 1])
    losses = build_loss("cross_entropy")(outputs, targets)
    expected = -outputs.softmax(1)[torch.arange(5), targets].log()
    torch.testing.assert_close(losses, expected)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_squared_error_is_one_value_per_example(shape: tuple[int, ...]) -> None:
    losses = build_loss("squared_error")(
        torch.tensor([1.0, 2.0, 3.0]).reshape(shape), torch.tensor([1.0, 0.0, 5.0])
    )
    assert losses.tolist() == [0.0, 4.0, 4.0]


@pytest.mark.parametrize(
    ("name", "outputs", "targets"),
    [
        ("squared_error", (3, 2), (3,)),
        ("squared_error", (3,), (3, 1)),
        ("squared_error", (3, 1), (1,)),
        ("cross_entropy", (3,), (3,)),
        ("cross_entropy", (3, 2), (3, 2)),
    ],
)
def test_shapes_that_torch_would_broadcast_are_refused(
    name: str, outputs: tuple[int, ...], targets: tuple[int, ...]
) -> None:
    with pytest.raises(OutputsUnfit) as caught:
        build_loss(name)(torch.zeros(outputs), torch.zeros(targets))
    assert caught.value.remedy


def test_unknown_loss_lists_the_known_ones() -> None:
    with pytest.raises(LossUnknown) as caught:
        build_loss("hinge")
    assert caught.value.field == "loss"
    assert "cross_entropy, squared_error" in (caught.value.remedy or "")
