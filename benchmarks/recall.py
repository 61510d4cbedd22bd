"""Is the recall that canaries show the recall of real errors? A table of docs/results.md.

scikit-learn's digits with 10 % wrong labels, on which a small CNN is trained: so the model has seen
these errors, as it has seen those of a real data set. The scan's recall of them is the true one.
Beside it stands what 200 canaries say, planted in memory after the training, as a scan plants them.
Once the model stops early, as it should; once it learns the errors by heart.

    python -m benchmarks.recall --seeds 10
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from safetensors.torch import load_file
from sklearn.datasets import load_digits

from cleantrace.progress import Bar
from examples.common import Recipe, flip_labels, train
from examples.digits.demo import MODEL, RECIPE
from workers.influence import SelfInfluenceScorer
from workers.models import build_model
from workers.scanning.ranking import flagged, rank
from workers.scanning.recall import places, recall

WRONG, CANARIES, CLASSES = 0.1, 200, 10
SHARES = (0.05, 0.1, 0.2)
RECIPES = {
    "stopped early (24 epochs)": RECIPE,
    "learnt by heart (120 epochs)": replace(
        RECIPE, epochs=120, weight_decay=0.0, saved_epochs=tuple(range(15, 121, 15))
    ),
}


def recalls(seed: int, recipe: Recipe, folder: Path) -> tuple[float, np.ndarray]:
    """Training accuracy on the wrong labels, and for each share the (true, canaries') recall."""
    digits = load_digits()
    rng = np.random.default_rng(seed)
    given, wrong = flip_labels(digits.target, CLASSES, WRONG, rng)
    pixels = torch.from_numpy(digits.images).float().unsqueeze(1) / 16
    inputs = (pixels - pixels.mean()) / pixels.std()
    torch.manual_seed(seed)
    model = build_model(MODEL)
    with Bar(f"seed {seed}") as bar:
        saved = train(
            model,
            inputs,
            torch.from_numpy(given),
            loss="cross_entropy",
            recipe=recipe,
            folder=folder,
            bar=bar,
        )
    checkpoints = [(load_file(each.path), each.eta) for each in saved]
    scorer = SelfInfluenceScorer(
        build_model(MODEL), loss="cross_entropy", checkpoints=checkpoints, device="cpu"
    )
    real = scorer.score(inputs, torch.from_numpy(given))
    at = np.sort(rng.choice(len(given), CANARIES, replace=False))
    labels = (given[at] + rng.integers(1, CLASSES, CANARIES)) % CLASSES
    planted = scorer.score(inputs[at], torch.from_numpy(labels)).self_influence
    ranking = rank(real.self_influence, real.finite, high_is_suspicious=True)
    stand = places(planted, at, real.self_influence, ranking, high_is_suspicious=True)
    rows = []
    for share in SHARES:
        policy = {"kind": "share", "share": share}
        found = flagged(ranking, real.self_influence, policy, high_is_suspicious=True)
        told = recall(stand, planted, policy, labels, None, high_is_suspicious=True)
        rows.append((found[wrong].mean(), told["caught_share"]["estimate"]))
    model.eval()
    with torch.no_grad():
        fits = model(inputs[wrong]).argmax(1).numpy() == given[wrong]
    return float(fits.mean()), np.array(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    print(
        "| model | wrong labels learnt | flagged | true recall | canaries' | canaries' less true |"
    )
    print("|---|---|---|---|---|---|")
    for name, recipe in RECIPES.items():
        fits, found = [], []
        for seed in range(options.seeds):
            with TemporaryDirectory() as folder:
                learnt, rows = recalls(seed, recipe, Path(folder))
            fits.append(learnt)
            found.append(rows)
        every = np.array(found)  # (seeds, shares, 2)
        off = every[:, :, 1] - every[:, :, 0]
        for at, share in enumerate(SHARES):
            true, said = every[:, at].mean(0)
            print(
                f"| {name} | {np.mean(fits):.0%} | {share:.0%} | {true:.1%} | {said:.1%} "
                f"| {100 * off[:, at].mean():+.1f} ({100 * off[:, at].min():+.1f} to "
                f"{100 * off[:, at].max():+.1f}) |",
                flush=True,
            )


if __name__ == "__main__":
    main()
