"""Loss, margin, EL2N and predictions from the same pass, against their definitions."""

import numpy as np
import torch
from torch import nn

from workers.influence import SelfInfluence, self_influence


def checkpoints_of(model: nn.Module, k: int) -> list[tuple[dict[str, torch.Tensor], float]]:
    torch.manual_seed(5)
    state = model.state_dict()
    return [({n: t + 0.3 * torch.randn_like(t) for n, t in state.items()}, 0.1) for _ in range(k)]


def test_classification() -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 3).double()
    inputs = torch.randn(6, 4, dtype=torch.float64)
    targets = torch.tensor([0, 1, 2, 2, 1, 0])
    checkpoints = checkpoints_of(model, 3)

    got = self_influence(model, [(inputs, targets)], loss="cross_entropy", checkpoints=checkpoints)

    each = []
    for i, (state, _) in enumerate(checkpoints):
        logits = (inputs @ state["weight"].T + state["bias"]).numpy()
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        each.append(p)
        for row, y in enumerate(targets.tolist()):
            others = np.delete(logits[row], y)
            np.testing.assert_allclose(got.margin[row, i], logits[row, y] - others.max())
            np.testing.assert_allclose(got.el2n[row, i], np.linalg.norm(p[row] - np.eye(3)[y]))
            np.testing.assert_allclose(got.loss[row, i], -np.log(p[row, y]))
    mean = np.mean(each, axis=0)
    assert (got.predicted == mean.argmax(1)).all()
    np.testing.assert_allclose(got.probability, mean.max(1))
    np.testing.assert_allclose(got.given_probability, mean[np.arange(6), targets])


def test_regression() -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 1).double()
    inputs, targets = torch.randn(6, 4, dtype=torch.float64), torch.randn(6, dtype=torch.float64)
    checkpoints = checkpoints_of(model, 2)

    got = self_influence(model, [(inputs, targets)], loss="squared_error", checkpoints=checkpoints)

    predictions = np.stack(
        [(inputs @ s["weight"].T + s["bias"])[:, 0].numpy() for s, _ in checkpoints], 1
    )
    off = predictions - targets.numpy()[:, None]
    np.testing.assert_allclose(got.el2n, np.abs(off))
    np.testing.assert_allclose(got.loss, off**2)
    np.testing.assert_allclose(got.predicted, predictions.mean(1))
    for column in (got.margin, got.probability, got.given_probability):
        assert np.isnan(column).all()


def test_columns_are_float64_and_join_in_order() -> None:
    model = nn.Linear(4, 3)
    inputs, targets = torch.randn(6, 4), torch.tensor([0, 1, 2, 2, 1, 0])
    run = [(inputs[:4], targets[:4]), (inputs[4:], targets[4:])]
    state = [(dict(model.state_dict()), 0.1)]
    both = self_influence(model, run, loss="cross_entropy", checkpoints=state)
    one = [self_influence(model, [b], loss="cross_entropy", checkpoints=state) for b in run]
    joined = SelfInfluence.concatenate(one)
    assert len(joined) == 6
    for name in ("self_influence", "terms", "last_layer", "loss", "el2n", "margin", "predicted"):
        assert getattr(joined, name).dtype == np.float64
        np.testing.assert_array_equal(getattr(joined, name), getattr(both, name))


def test_progress_counts_examples() -> None:
    model = nn.Linear(4, 3)
    seen: list[tuple[int, int | None]] = []
    data = torch.utils.data.TensorDataset(torch.randn(7, 4), torch.zeros(7, dtype=torch.long))
    loader = torch.utils.data.DataLoader(data, batch_size=3)
    given = {"loss": "cross_entropy", "checkpoints": [(dict(model.state_dict()), 0.1)]}
    self_influence(model, loader, **given, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(3, 7), (6, 7), (7, 7)]
    seen.clear()
    self_influence(
        model, iter(loader), **given, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(3, None), (6, None), (7, None)]
