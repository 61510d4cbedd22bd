from typing import Any

import pytest
import torch
from torch import nn

from workers.models import build_loss, build_model

IMAGES = torch.rand(2, 3, 16, 16)
TEXTS = torch.tensor([[3, 4, 0], [1, 5, 6]])

CASES: list[tuple[str, dict[str, Any], torch.Tensor]] = [
    ("linear", {"in_features": 768}, IMAGES),
    ("mlp", {"in_features": 768, "hidden": [64, 32]}, IMAGES),
    ("mlp", {"in_features": 768, "hidden": []}, IMAGES),
    ("small_cnn", {"in_channels": 3, "image_size": 16, "width": 4}, IMAGES),
    ("small_cnn", {"in_channels": 3, "image_size": [9, 14]}, torch.rand(2, 3, 9, 14)),
    ("resnet9", {"in_channels": 3, "width": 8}, IMAGES),
    ("resnet9", {"in_channels": 3, "width": 8, "norm": "group"}, IMAGES),
    ("resnet20", {"in_channels": 3}, IMAGES),
    ("resnet20", {"in_channels": 1, "norm": "group"}, torch.rand(2, 1, 16, 16)),
    ("swem", {"vocabulary_size": 10, "dim": 4, "hidden": [8]}, TEXTS),
    ("swem", {"vocabulary_size": 10, "dim": 4, "hidden": 8, "pooling": "mean_max"}, TEXTS),
    ("swem", {"vocabulary_size": 10, "dim": 4}, TEXTS),
]


def case_id(case: Any) -> str:
    return case if isinstance(case, str) else ""


@pytest.mark.parametrize(("name", "args", "inputs"), CASES, ids=case_id)
def test_classifier_has_an_output_for_each_class_and_gradients_everywhere(
    name: str, args: dict[str, Any], inputs: torch.Tensor
) -> None:
    torch.manual_seed(0)
    model = build_model({"name": name, "args": {**args, "classes": 5}})
    outputs = model(inputs)
    assert outputs.shape == (2, 5)
    build_loss("cross_entropy")(outputs, torch.tensor([1, 4])).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize(("name", "args", "inputs"), CASES, ids=case_id)
def test_same_model_is_a_regression_with_one_output(
    name: str, args: dict[str, Any], inputs: torch.Tensor
) -> None:
    model = build_model({"name": name, "args": {**args, "out_features": 1}})
    losses = build_loss("squared_error")(model(inputs), torch.tensor([1.0, 2.0]))
    assert losses.shape == (2,)


@pytest.mark.parametrize(("name", "args", "inputs"), CASES, ids=case_id)
def test_no_layer_changes_its_input_in_place_or_draws_at_random(
    name: str, args: dict[str, Any], inputs: torch.Tensor
) -> None:
    model = build_model({"name": name, "args": {**args, "classes": 3}})
    for module in model.modules():
        assert not isinstance(module, nn.Dropout)
        assert not getattr(module, "inplace", False)


def parameters(name: str, **args: Any) -> int:
    model = build_model({"name": name, "args": {"in_channels": 3, "classes": 10, **args}})
    return sum(p.numel() for p in model.parameters())


def test_resnets_have_the_published_sizes() -> None:
    # He et al. 2016, table 6, with shortcuts A: 0.27 and 0.85 million.
    assert parameters("resnet20") == 269_722
    assert parameters("resnet56") == 853_018
    assert parameters("resnet9") == 6_573_120


def layers_with_weights(name: str) -> int:
    model = build_model({"name": name, "args": {"in_channels": 3, "classes": 10}})
    return sum(isinstance(m, nn.Conv2d | nn.Linear) for m in model.modules())


def test_resnets_have_the_layers_of_their_names() -> None:
    assert layers_with_weights("resnet20") == 20
    assert layers_with_weights("resnet56") == 56
    assert layers_with_weights("resnet9") == 9


@pytest.mark.parametrize("pooling", ["mean", "mean_max"])
def test_padding_never_changes_what_swem_says_of_a_text(pooling: str) -> None:
    torch.manual_seed(0)
    args = {"vocabulary_size": 50, "dim": 8, "classes": 3, "hidden": [8], "pooling": pooling}
    model = build_model({"name": "swem", "args": args}).double()
    with torch.no_grad():  # a checkpoint may hold anything at the padding's place
        model.embedding.weight[0] = 100.0
    ids = torch.randint(1, 50, (4, 7))
    plain = model(ids)
    for padding in (1, 30):
        padded = torch.cat([ids, torch.zeros(4, padding, dtype=torch.int64)], 1)
        torch.testing.assert_close(model(padded), plain, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("pooling", ["mean", "mean_max"])
def test_text_without_words_has_finite_outputs_and_gradients(pooling: str) -> None:
    args = {"vocabulary_size": 5, "dim": 2, "classes": 2, "pooling": pooling}
    model = build_model({"name": "swem", "args": args})
    outputs = model(torch.zeros(2, 3, dtype=torch.int64))
    assert outputs.isfinite().all()
    outputs.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
