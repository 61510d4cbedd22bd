"""A sketch is the fixed linear map of plain autograd's gradient, whichever way it was computed."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.workers.influence.cases import CASES, Case
from tests.workers.influence.reference import at, call
from workers.influence import SelfInfluenceScorer, SketchSpec
from workers.influence.losses import resolve_loss
from workers.influence.sketches import Sketcher

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
