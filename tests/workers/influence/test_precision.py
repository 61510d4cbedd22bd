"""Lower precision, with its stated error, and the order of memory, which changes nothing."""

import numpy as np
import pytest
import torch
from torch import nn

from workers.influence import (
    InfluenceError,
    Precision,
    SelfInfluenceScorer,
    SketchSpec,
    self_influence,
)
from workers.influence.rules.registry import squares

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    ),
]


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.GELU(),
        nn.Conv2d(16, 16, 3, groups=4),
        nn.GroupNorm(4, 16),
        nn.GELU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(2),
        nn.Linear(16, 24),
        nn.LayerNorm(24),
        nn.Flatten(),
        nn.Linear(16 * 24, 5),
    ).eval()


def batch(n: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    images = torch.randn(n, 3, 12, 12, generator=generator)
    return images, torch.randint(0, 5, (n,), generator=generator)


def scorer(model: nn.Module, precision: Precision = "full", **how: object) -> SelfInfluenceScorer:
    return SelfInfluenceScorer(
        model,
        loss="cross_entropy",
        checkpoints=[(model.state_dict(), 0.1)],
        precision=precision,
        **how,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("device", DEVICES)
def test_bf16_is_near_the_full_precision_and_states_how_near(device: str) -> None:
    model, (images, targets) = network(), batch()
    full = scorer(model, device=device).score(images, targets)
    low = scorer(model, "bf16", device=device)
    low.self_check(images, targets)
    found = low.score(images, targets)
    off = np.abs(found.terms / full.terms - 1)[:, 0]
    stated = found.coverage.precision_error
    assert stated is not None
    assert stated.examples == len(targets)  # there is one checkpoint
    assert stated.largest == pytest.approx(off.max(), rel=0.05)
    assert stated.median == pytest.approx(np.median(off), rel=0.05)
    assert 1e-5 < stated.median < 0.02
    assert off.max() < 0.1
    assert found.coverage.precision == "bf16"
    assert "bf16: squared norms off by" in str(found.coverage)


def test_bf16_leaves_nothing_behind() -> None:
    model, (images, targets) = network(), batch()
    before = scorer(model).score(images, targets).terms
    scorer(model, "bf16").score(images, targets)
    assert np.array_equal(scorer(model).score(images, targets).terms, before)


def test_sketches_in_bf16_have_nearly_the_full_inner_products() -> None:
    model, (images, targets) = network(), batch()
    spec = SketchSpec()
    full = scorer(model, sketch=spec, salts=["a"]).score(images, targets).sketch
    low = scorer(model, "bf16", sketch=spec, salts=["a"]).score(images, targets).sketch
    assert full is not None
    assert low is not None
    assert np.corrcoef((full @ full.T).ravel(), (low @ low.T).ravel())[0, 1] > 0.999


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_full_precision_on_a_gpu_does_not_round_to_tf32() -> None:
    model, (images, targets) = network(), batch()
    torch.backends.cudnn.allow_tf32 = True
    wide = scorer(model.double()).score(images.double(), targets).terms
    off = np.abs(scorer(model.float(), device="cuda").score(images, targets).terms / wide - 1)
    assert off.max() < 1e-4
    assert torch.backends.cudnn.allow_tf32
    low = scorer(model, "tf32", device="cuda")
    low.self_check(images, targets)
    assert low.coverage.precision_error is not None


def test_tf32_on_a_cpu_is_the_full_precision() -> None:
    model, (images, targets) = network(), batch()
    low = scorer(model, "tf32", device="cpu")
    low.self_check(images, targets)
    stated = low.coverage.precision_error
    assert stated is not None
    assert (stated.median, stated.largest) == (0.0, 0.0)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(InfluenceError, match="full, tf32, bf16"):
        scorer(network(), "fp8")  # type: ignore[arg-type]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_order_of_memory_changes_no_result(dtype: torch.dtype, device: str) -> None:
    model, (images, targets) = network().to(dtype), batch()
    images = images.to(dtype)
    one, other = (
        self_influence(
            model,
            [(images, targets)],
            loss="cross_entropy",
            checkpoints=[(model.state_dict(), 0.1)],
            channels_last=channels_last,
            device=device,
        )
        for channels_last in (False, True)
    )
    rtol = 1e-10 if dtype == torch.float64 else 1e-4
    np.testing.assert_allclose(one.terms, other.terms, rtol=rtol)


@pytest.mark.parametrize("length", [3, 784, 4097, 1 << 16, 3 << 14, 12_345])
def test_squares_of_long_rows_add_up_without_losing_digits(length: int) -> None:
    rows = torch.randn(8, length, generator=torch.Generator().manual_seed(0))
    true = rows.double().square().sum(1)
    assert ((squares(rows).double() - true).abs() / true).max() < 6e-7


def test_results_stay_the_same_while_the_order_of_memory_is_tried() -> None:
    model, (images, targets) = network().double(), batch()
    tried = scorer(model)
    first = tried.score(images.double(), targets).terms
    for _ in range(7):
        np.testing.assert_allclose(tried.score(images.double(), targets).terms, first, rtol=1e-10)
