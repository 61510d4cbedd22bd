"""The engine alone, without the service: find wrong labels among scikit-learn's digits.

    python -m examples.engine.find_flips

Trains a small network with one label in ten flipped, keeps five checkpoints, and looks at whose
gradients stay large; then at who speaks against the label of the most suspicious.
"""

import copy

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from app.evidence.search import top_influences
from workers.influence import SketchSpec, self_influence

ETA, EPOCHS, KEPT = 0.05, 20, 5


def flipped(labels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """The labels with a share of them moved to another class."""
    wrong = rng.random(len(labels)) < share
    return np.where(wrong, (labels + rng.integers(1, 10, len(labels))) % 10, labels)


def train(model: nn.Module, data: TensorDataset) -> list[tuple[dict[str, torch.Tensor], float]]:
    """State dicts on the way, each with the learning rate in force there."""
    optimiser = torch.optim.SGD(model.parameters(), ETA, weight_decay=5e-3)
    checkpoints = []
    for epoch in range(1, EPOCHS + 1):
        for x, y in DataLoader(data, batch_size=32, shuffle=True):
            optimiser.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimiser.step()
        if epoch % (EPOCHS // KEPT) == 0:
            checkpoints.append((copy.deepcopy(model.state_dict()), ETA))
    return checkpoints


def main() -> float:
    """Returns the share of wrong labels among the most suspicious, as many as there are."""
    torch.manual_seed(0)
    digits = load_digits()
    given = flipped(digits.target, 0.1, np.random.default_rng(0))
    data = TensorDataset(torch.from_numpy(digits.data / 16).float(), torch.from_numpy(given))
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    result = self_influence(
        model,
        DataLoader(data, batch_size=256),
        loss="cross_entropy",
        checkpoints=train(model, data),
        sketch=SketchSpec(),
        progress=True,
    )
    suspects = result.self_influence.argsort()[::-1]
    wrong = given != digits.target
    found = float(wrong[suspects[: wrong.sum()]].mean())
    print(f"Of the {wrong.sum()} most suspicious, {found:.0%} are wrong; by chance 10 %.")

    assert result.sketch is not None
    worst = suspects[:5]
    against = top_influences(result.sketch, result.sketch[worst], 5, exclude=worst.tolist())
    for at, opponents in zip(worst, against.opponents.positions, strict=True):
        says = f"given {given[at]}, is a {digits.target[at]}"
        print(f"digit {at}: {says}; its opponents are labelled {given[opponents].tolist()}")
    return found


if __name__ == "__main__":
    main()
