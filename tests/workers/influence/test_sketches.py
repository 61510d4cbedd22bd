"""A sketch is the fixed linear map of plain autograd's gradient, whichever way it was computed."""

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.workers.influence.cases import CASES, Case
from tests.workers.influence.reference import at, call
from workers.influence import (
    CheckpointMismatch,
    SelfInfluence,
    SelfInfluenceScorer,
    SketchSpec,
    UnknownLayer,
    pairwise_influence,
    self_influence,
    sum_of_sketches,
)
from workers.influence.losses import resolve_loss
from workers.influence.sketches import Sketcher, sketcher, streams

# Maps of every kind: with collisions everywhere, in part, and the gradient itself.
SPECS = [SketchSpec(16, rank=2), SketchSpec(100, rank=3, seed=7), SketchSpec(100_000)]


def gradients(case: Case, state: dict[str, Tensor], inputs: Any, targets: Tensor) -> dict[str, Any]:
    """{parameter: (n, *shape)}, by a loop of plain autograd."""
    model = case.model()
    model.load_state_dict(state)
    model.eval()
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    loss = resolve_loss(case.loss)
    rows = []
    for i in range(len(targets)):
        one = slice(i, i + 1)
        value = loss(call(model, at(inputs, one)), targets[one]).sum()
        found = torch.autograd.grad(value, list(trainable.values()), allow_unused=True)
        rows.append(
            [torch.zeros_like(p) if g is None else g.to_dense()
             for g, p in zip(found, trainable.values(), strict=True)]
        )  # fmt: skip
    columns = [torch.stack(column) for column in zip(*rows, strict=True)]
    return dict(zip(trainable, columns, strict=True))


def mapped(spec: SketchSpec, salt: str, grads: dict[str, Tensor]) -> np.ndarray:
    first = next(iter(grads.values()))
    shapes = {name: g.shape[1:] for name, g in grads.items()}
    batch = Sketcher(spec, salt, torch.device("cpu")).start(shapes, len(first), first.dtype)
    batch.add_gradients(grads, slice(None))
    return batch.total().numpy()


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: str(s.dimension))
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_sketch_is_the_map_of_the_true_gradient(case: Case, spec: SketchSpec) -> None:
    checkpoints = case.checkpoints()
    inputs, targets = case.data()
    scorer = SelfInfluenceScorer(
        case.model(), loss=case.loss, checkpoints=checkpoints, sketch=spec, salts=["a", "b"]
    )
    for (state, _), salt, scores in zip(
        checkpoints, "ab", scorer.score_each(inputs, targets), strict=True
    ):
        true = mapped(spec, salt, gradients(case, state, inputs, targets))
        assert scores.sketch is not None
        assert scores.sketch.dtype == np.float32
        np.testing.assert_allclose(scores.sketch, true, rtol=1e-6, atol=1e-6 * np.abs(true).max())


def scores_of(case: Case, spec: SketchSpec, batches: list[Any], **kw: Any) -> SelfInfluence:
    return self_influence(
        case.model(), batches, loss=case.loss, checkpoints=case.checkpoints(), sketch=spec, **kw
    )


def named(name: str) -> Case:
    return next(c for c in CASES if c.id == name)


@pytest.mark.parametrize(
    "shape", [(40,), (7, 9), (1, 30), (6, 4, 2, 2), (2, 20, 3)], ids=lambda s: f"{len(s)}d-{s[0]}"
)
def test_inner_products_are_unbiased(shape: tuple[int, ...], monkeypatch: Any) -> None:
    """Over 3,000 seeds the mean is within four standard errors; a bias of a tenth would show."""
    monkeypatch.setattr(sketcher, "_FLAT_UP_TO", 0)  # so that small convolutions are projected
    torch.manual_seed(0)
    one, other = torch.randn(2, *shape, dtype=torch.float64)
    pair = torch.stack([one, other + 0.7 * one])
    true = float((pair[0] * pair[1]).sum())
    found = []
    for seed in range(3_000):
        s = mapped(SketchSpec(8, rank=3, seed=seed), "", {"w": pair})
        found.append(s[0] @ s[1])
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - true) < 4 * error
    assert 4 * error < 0.5 * abs(true)  # the test can see something


@pytest.mark.parametrize("dimension", [8, 100], ids=["hashed", "exact"])
def test_parameters_and_checkpoints_do_not_mix(dimension: int) -> None:
    """Cross terms of two parameters, or two checkpoints, are zero in the mean."""
    torch.manual_seed(0)
    g = torch.randn(1, 6, 5, dtype=torch.float64)
    names, salts = [], []
    for seed in range(1_500):
        spec = SketchSpec(dimension, seed=seed)
        a = mapped(spec, "s", {"a": g, "b": torch.zeros_like(g)})[0]
        b = mapped(spec, "s", {"a": torch.zeros_like(g), "b": g})[0]
        names.append(a @ b)
        salts.append(a @ mapped(spec, "t", {"a": g, "b": torch.zeros_like(g)})[0])
    for found in (names, salts):
        assert abs(np.mean(found)) <= 4 * np.std(found) / np.sqrt(len(found))


def test_numbers_are_the_same_on_every_machine() -> None:
    """Stored sketches are compared with new ones: a change of these makes them worthless."""
    key = (0, "salt", "weight", "rows")
    assert streams.buckets(key, 8, 100).tolist() == [7, 2, 3, 1, 5, 0, 6, 4]
    assert streams.signs(key, 8).tolist() == [-1, -1, -1, 1, 1, -1, -1, -1]


def test_another_process_gives_the_same_sketch() -> None:
    code = (
        "import torch; from workers.influence.sketches import Sketcher, SketchSpec;"
        "s = Sketcher(SketchSpec(8), 'x', torch.device('cpu'));"
        "b = s.start({'w': torch.Size([3, 4])}, 1, torch.float64);"
        "b.add_gradients({'w': torch.arange(12.).view(1, 3, 4)}, slice(None));"
        "print(b.total().tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )  # fmt: skip
    gradient = torch.arange(12.0).view(1, 3, 4)
    np.testing.assert_allclose(
        json.loads(done.stdout), mapped(SketchSpec(8), "x", {"w": gradient}), rtol=1e-6, atol=1e-5
    )


@pytest.mark.parametrize("name", ["conv2d", "positions-once", "embedding-tied-to-head", "lstm"])
def test_batch_split_does_not_matter(name: str) -> None:
    case = named(name)
    inputs, targets = case.data(9)
    spec = SketchSpec(64, rank=4)
    whole = scores_of(case, spec, [(inputs, targets)])
    split = scores_of(
        case, spec, [(inputs[a:b], targets[a:b]) for a, b in ((0, 2), (2, 3), (3, 9))]
    )
    np.testing.assert_allclose(split.sketch, whole.sketch, rtol=1e-5, atol=1e-6)


def test_small_model_has_exact_sketches() -> None:
    case = named("conv2d-groups")
    inputs, targets = case.data()
    scorer = SelfInfluenceScorer(
        case.model(), loss=case.loss, checkpoints=case.checkpoints(), sketch=SketchSpec(2_000)
    )
    for scores in scorer.score_each(inputs, targets):
        assert scores.sketch is not None
        norms = np.square(scores.sketch, dtype=np.float64).sum(1)
        np.testing.assert_allclose(norms, scores.squared_norm, rtol=1e-5)


def test_sum_over_checkpoints_is_weighted_by_the_root_of_eta() -> None:
    case = named("linear")
    inputs, targets = case.data()
    scorer = SelfInfluenceScorer(
        case.model(), loss=case.loss, checkpoints=case.checkpoints(), sketch=SketchSpec(32)
    )
    one, other = (s.sketch for s in scorer.score_each(inputs, targets))
    assert one is not None
    assert other is not None
    true = np.sqrt(0.1) * one + np.sqrt(0.2) * other
    sketch = scorer.score(inputs, targets).sketch
    assert sketch is not None
    assert sketch.dtype == np.float32
    np.testing.assert_allclose(sketch, true, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError):
        sum_of_sketches([one, other], [0.1])


def test_example_without_a_finite_gradient_has_no_sketch() -> None:
    case = named("conv2d")
    inputs, targets = case.data()
    clean = scores_of(case, SketchSpec(64, rank=4), [(inputs.clone(), targets)])
    inputs[1].view(-1)[0] = torch.nan
    found = scores_of(case, SketchSpec(64, rank=4), [(inputs, targets)], check=False)
    assert clean.sketch is not None
    assert found.sketch is not None
    assert np.isnan(found.sketch[1]).all()
    others = [0, 2, 3, 4]
    np.testing.assert_allclose(found.sketch[others], clean.sketch[others], rtol=1e-5, atol=1e-6)


def test_only_chosen_layers_are_sketched() -> None:
    case = named("linear-inplace-relu")
    batch = case.data()
    spec = SketchSpec(1_000, layers="last")
    scorer = SelfInfluenceScorer(
        case.model(), loss=case.loss, checkpoints=case.checkpoints(), sketch=spec
    )
    for scores in scorer.score_each(*batch):
        assert scores.sketch is not None
        np.testing.assert_allclose(np.square(scores.sketch).sum(1), scores.last_layer, rtol=1e-5)
    with pytest.raises(UnknownLayer):
        scores_of(case, spec, [batch], layers=["0"])


def test_scores_are_the_same_with_and_without() -> None:
    case = named("resnet20")
    batch = case.data()
    plain = self_influence(case.model(), [batch], loss=case.loss, checkpoints=case.checkpoints())
    assert plain.sketch is None
    sketched = scores_of(case, SketchSpec(), [batch])
    np.testing.assert_allclose(sketched.terms, plain.terms, rtol=1e-9)


@pytest.mark.parametrize("salts", [["a"], ["a", "a"]])
def test_salts_must_be_one_for_each_checkpoint(salts: list[str]) -> None:
    case = named("linear")
    with pytest.raises(CheckpointMismatch):
        scores_of(case, SketchSpec(), [case.data()], salts=salts)


@pytest.mark.parametrize("name", ["linear-inplace-relu", "resnet20", "transformer-batch-first"])
def test_estimates_follow_the_exact_influence(name: str) -> None:
    case = named(name)
    batch = case.data(24)
    sketch = scores_of(case, SketchSpec(), [batch]).sketch
    assert sketch is not None
    exact = pairwise_influence(
        case.model(), [batch], [batch], loss=case.loss, checkpoints=case.checkpoints()
    )
    pairs = ~np.eye(24, dtype=bool)
    assert np.corrcoef((sketch @ sketch.T)[pairs], exact[pairs])[0, 1] > 0.95
