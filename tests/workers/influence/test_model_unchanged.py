"""The user's model is the same after scoring as before, even when scoring fails."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.workers.influence.recurrent_networks import Recurrent
from workers.influence import self_influence


class Stubborn(nn.Dropout):
    """Overrides train() so that eval() does not reach it; dropout must be off all the same."""

    def train(self, mode: bool = True) -> "Stubborn":  # noqa: ARG002
        self.training = True
        return self


def make_model() -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        Stubborn(0.5),
        nn.utils.parametrizations.weight_norm(nn.Linear(64, 5)),
        nn.Linear(5, 3),
    )
    model.train()
    model[1].eval()
    model[0].bias.requires_grad_(False)
    return model


def picture(model: nn.Module) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        seen[name] = (id(tensor), tensor.data_ptr(), tensor.requires_grad, tensor.grad)
        seen[f"values of {name}"] = tensor.detach().clone().tolist()
    for name, module in model.named_modules():
        seen[f"mode of {name}"] = module.training
        seen[f"hooks of {name}"] = (len(module._forward_hooks), len(module._backward_hooks))
    return seen


def failing(outputs: Tensor, targets: Tensor) -> Tensor:
    raise RuntimeError("the loss fails")


@pytest.mark.parametrize("fails", [False, True])
def test_model_is_put_back(fails: bool) -> None:
    model = make_model()
    other = {k: v + 1 if v.is_floating_point() else v for k, v in model.state_dict().items()}
    inputs, targets = torch.randn(4, 2, 6, 6), torch.randint(0, 3, (4,))
    before = picture(model)
    torch.backends.mha.set_fastpath_enabled(True)

    def score() -> None:
        loss: Any = failing if fails else "cross_entropy"
        self_influence(model, [(inputs, targets)], loss=loss, checkpoints=[(other, 1.0)])

    if fails:
        with pytest.raises(RuntimeError, match="the loss fails"):
            score()
    else:
        score()

    assert picture(model) == before
    assert torch.backends.mha.get_fastpath_enabled()
    assert inputs.grad is None


def test_checkpoints_are_not_changed() -> None:
    model = make_model()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    copies = {name: tensor.clone() for name, tensor in state.items()}
    batch = torch.randn(4, 2, 6, 6), torch.randint(0, 3, (4,))
    self_influence(model, [batch], loss="cross_entropy", checkpoints=[(state, 1.0)])
    for name, tensor in state.items():
        assert torch.equal(tensor, copies[name])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_recurrent_layers_use_their_own_weights_again(kind: type[nn.RNNBase]) -> None:
    torch.manual_seed(0)
    model = Recurrent(kind)
    inputs, targets = torch.randn(3, 6, 4), torch.randint(0, 3, (3,))
    before = model(inputs)
    other = {name: tensor + 1 for name, tensor in model.state_dict().items()}
    self_influence(model, [(inputs, targets)], loss="cross_entropy", checkpoints=[(other, 1.0)])
    assert torch.equal(model(inputs), before)
