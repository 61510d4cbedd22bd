"""The exact influence between examples, against a loop written out here."""

import numpy as np
import pytest
import torch

from tests.workers.influence.cases import CASES, Case
from workers.influence import (
    CheckpointMismatch,
    ShapeMismatch,
    pairwise,
    pairwise_influence,
    self_influence,
)

SOME = [c for c in CASES if c.id in {
    "linear", "linear-frozen-part", "conv2d-groups", "embedding-sparse", "lstm",
    "bare-parameters", "embedding-tied-to-head", "dict-inputs", "linear-regression",
}]  # fmt: skip


@pytest.mark.parametrize("chunk", [1, 1 << 25])
@pytest.mark.parametrize("case", SOME, ids=lambda c: c.id)
def test_every_pair(case: Case, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairwise, "_CHUNK_FLOATS", chunk)
    checkpoints = case.checkpoints()
    model, batch = case.model(), case.data()
    found = pairwise_influence(model, [batch], [batch], loss=case.loss, checkpoints=checkpoints)

    own = self_influence(model, [batch], loss=case.loss, checkpoints=checkpoints)
    np.testing.assert_allclose(np.diag(found), own.self_influence, rtol=1e-9)
    np.testing.assert_allclose(found, found.T, rtol=1e-9, atol=1e-12)
    # <g, h> = (|g + h|² - |g - h|²) / 4 for the losses' sum and difference, of one pair.
    inputs, targets = batch
    loss = torch.nn.functional.cross_entropy if case.task != "regression" else None
    if loss is None or isinstance(inputs, dict):
        return
    true = 0.0
    for state, eta in checkpoints:
        model.load_state_dict(state)
        both = []
        for sign in (1, -1):
            parameters = [p for p in model.parameters() if p.requires_grad]
            one, other = (loss(model(inputs[i : i + 1]), targets[i : i + 1]) for i in (0, 3))
            grads = torch.autograd.grad(one + sign * other, parameters, allow_unused=True)
            both.append(sum(g.to_dense().square().sum().item() for g in grads if g is not None))
        true += eta * (both[0] - both[1]) / 4
    np.testing.assert_allclose(found[0, 3], true, rtol=1e-9)


def test_queries_are_rows_and_batches_are_joined() -> None:
    case = next(c for c in CASES if c.id == "linear")
    checkpoints, (inputs, targets) = case.checkpoints(), case.data(7)
    whole = pairwise_influence(
        case.model(), [(inputs, targets)], [(inputs, targets)], loss=case.loss,
        checkpoints=checkpoints,
    )  # fmt: skip
    part = pairwise_influence(
        case.model(), [(inputs[:3], targets[:3]), (inputs[3:], targets[3:])],
        [(inputs[5:], targets[5:])], loss=case.loss, checkpoints=checkpoints,
    )  # fmt: skip
    assert part.shape == (2, 7)
    np.testing.assert_allclose(part, whole[5:], rtol=1e-9)


def test_nothing_to_compare_is_refused() -> None:
    case = next(c for c in CASES if c.id == "linear")
    batch = case.data()
    with pytest.raises(ShapeMismatch):
        pairwise_influence(
            case.model(), [batch], [], loss=case.loss, checkpoints=case.checkpoints()
        )
    with pytest.raises(CheckpointMismatch):
        pairwise_influence(case.model(), [batch], [batch], loss=case.loss, checkpoints=[])
