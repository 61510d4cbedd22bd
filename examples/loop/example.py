"""Close the loop on scikit-learn's digits: wrong labels, a scan, a review, a better model.

    python -m examples.loop.example [--seeds N] [--noise random|likely] [--data-dir DIR] ...

Half of the digits are for training and get 10 % wrong labels; the others, with their own labels,
are for testing. A small CNN is trained on the wrong labels and scanned. The first 15 % of the
ranking go to a review queue, where the true labels are given as verdicts, one by one. The corrected
data set is exported, registered as the next version, and the same model is trained on it. Of the
accuracy that the wrong labels cost, at least 80 % must come back; the status is 1 if not.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from rich.table import Table
from sklearn.datasets import load_digits
from torch import Tensor, nn

from cleantrace import CleantraceError, Client
from cleantrace.client import Dataset, Scan
from cleantrace.progress import Bar
from cleantrace.standalone import StandaloneError
from examples.common import (
    Recipe,
    console,
    flip_labels,
    next_version,
    options,
    running_stack,
    train,
)
from examples.loop.picture import draw_loop
from workers.models import build_model

PLANTED_SHARE, REVIEWED_SHARE = 0.10, 0.15
PROMISED_RECOVERY = 0.80
TRAINED_ON = 900
CLASSES = [str(digit) for digit in range(10)]
MODEL = {"name": "small_cnn", "args": {"in_channels": 1, "classes": 10, "image_size": 8}}
# As one would train on labels that one trusts: until they are fitted, without weight decay. So the
# wrong ones are learnt by heart, and cost accuracy. Early checkpoints saw them as what they are.
RECIPE = Recipe(
    epochs=40,
    batch_size=32,
    optimiser="sgd",
    eta=0.02,
    weight_decay=0.0,
    schedule="constant",
    saved_epochs=(2, 4, 6, 8, 10, 12),
)
Noise = Literal["random", "likely"]


@dataclass(frozen=True)
class Digits:
    """Digits for training and for testing; `given` are the labels with planted errors."""

    images: np.ndarray
    truth: np.ndarray
    given: np.ndarray
    planted: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @property
    def scaling(self) -> tuple[float, float]:
        pixels = self.images / 255
        return float(pixels.mean()), float(pixels.std())

    def inputs(self, images: np.ndarray) -> Tensor:
        mean, std = self.scaling
        return (torch.from_numpy(images).float().unsqueeze(1) / 255 - mean) / std


@dataclass(frozen=True)
class Outcome:
    """Of one seed. Accuracies on the test digits by the labels that the model was trained on."""

    seed: int
    clean: float
    noisy: float
    corrected: float
    by_chance: float
    """Where as many examples were reviewed, but drawn at random."""
    planted: int
    reviewed: int
    found: int
    """Planted errors that the review met."""
    corrected_flags_gone: int
    """Of them, those that a scan of the corrected version flags no longer."""

    @property
    def recovered(self) -> float:
        """The share of the accuracy that the wrong labels cost."""
        return (self.corrected - self.noisy) / (self.clean - self.noisy)


def plant(seed: int, noise: Noise, folder: Path) -> tuple[Digits, nn.Module]:
    """The digits of a seed, and a model that was trained on their true labels."""
    digits = load_digits()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(digits.target))
    chosen, rest = order[:TRAINED_ON], order[TRAINED_ON:]
    # Grey values from 0 to 16, which make better pictures when they fill the 8 bits.
    images = (digits.images * 15).astype(np.uint8)
    truth = digits.target[chosen]
    given, planted = flip_labels(truth, len(CLASSES), PLANTED_SHARE, rng)
    made = Digits(images[chosen], truth, given, planted, images[rest], digits.target[rest])
    model = fit(made, truth, seed, folder / "clean")
    if noise == "likely":
        with torch.no_grad():
            logits = model(made.inputs(made.images[planted])).numpy()
        logits[np.arange(len(planted)), truth[planted]] = -np.inf
        given[planted] = logits.argmax(1)
    return made, model


def fit(digits: Digits, labels: np.ndarray, seed: int, folder: Path) -> nn.Module:
    """Train on some labels of the digits. Its checkpoints lie in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    model = build_model(MODEL)
    with Bar(f"Training on {folder.name} labels", console) as bar:
        train(
            model,
            digits.inputs(digits.images),
            torch.from_numpy(labels),
            loss="cross_entropy",
            recipe=RECIPE,
            folder=folder,
            bar=bar,
        )
    return model.eval()


def accuracy(model: nn.Module, digits: Digits) -> float:
    with torch.no_grad():
        said = model(digits.inputs(digits.test_images)).argmax(1).numpy()
    return float((said == digits.test_labels).mean())


def register(client: Client, digits: Digits, folder: Path) -> Dataset:
    keys = np.array([f"digit-{i:04}" for i in range(len(digits.images))])
    np.savez(folder / "digits.npz", images=digits.images, labels=digits.given, keys=keys)
    dataset = client.register_dataset(
        "digits-loop",
        folder.name,
        folder / "digits.npz",
        format="npz",
        task="classification",
        modality="image",
        input="images",
        label="labels",
        key="keys",
        classes=CLASSES,
    )
    with Bar(f"Indexing {dataset.name}, version {dataset.version}", console) as bar:
        return client.wait_for_dataset(dataset, progress=bar.dataset)


def scan(client: Client, dataset: Dataset, digits: Digits, folder: Path) -> Scan:
    """A scan of a version with the checkpoints of its training."""
    mean, std = digits.scaling
    run = client.register_run(
        f"{dataset.name} {dataset.version}",
        dataset,
        MODEL,
        preprocessing={"mean": [mean], "std": [std]},
    )
    for path in sorted(folder.glob("*.safetensors")):
        step = int(path.stem.removeprefix("step-"))
        client.register_checkpoint(run, path, step=step, eta=RECIPE.eta)
    with Bar(f"Scanning version {dataset.version}", console) as bar:
        return client.wait_for_scan(client.start_scan(run, share=REVIEWED_SHARE), progress=bar.scan)


def review(client: Client, dataset: Dataset, found: Scan, digits: Digits) -> list[int]:
    """Decide the first of a scan's ranking by the true labels; returns the positions decided."""
    count = round(REVIEWED_SHARE * len(digits.images))
    queue = client.create_queue(
        f"the first {REVIEWED_SHARE:.0%} of version {dataset.version}",
        found,
        {"kind": "top_k", "k": count},
    )
    decided = []
    with Bar(f"Reviewing {count} examples", console) as bar:
        while items := client.next_items(queue):
            [item] = items
            truth = CLASSES[digits.truth[item.position]]
            if item.given_label == truth:
                client.decide(queue, item, "right")
            else:
                client.decide(queue, item, "relabel", label=truth)
            decided.append(item.position)
            bar.update(len(decided), count, f"{len(decided)} of {count}")
    return decided


def correct(client: Client, dataset: Dataset, folder: Path) -> tuple[Dataset, np.ndarray]:
    """Register the corrected data set; returns it, and its labels as the export's file has them."""
    version = next_version(client, dataset.name)
    with Bar(f"Exporting as version {version}", console) as bar:
        export = client.create_export(dataset, "dataset", register_as=version)
        export = client.wait_for_export(export, progress=bar.export)
    assert export.card is not None
    made = client.wait_for_dataset(export.card["registered_id"])
    [path] = client.download_export(export, folder / "corrected-data")
    with np.load(path) as arrays:
        return made, arrays["labels"]


def corrected_by_chance(digits: Digits, seed: int) -> np.ndarray:
    """The labels after a review of as many examples, drawn at random."""
    count = round(REVIEWED_SHARE * len(digits.images))
    drawn = np.random.default_rng(seed).choice(len(digits.images), count, replace=False)
    labels = digits.given.copy()
    labels[drawn] = digits.truth[drawn]
    return labels


def run_loop(client: Client, inputs: Path, *, seed: int, noise: Noise) -> Outcome:
    """Once around: plant, train, scan, review, export, train again."""
    folder = inputs / "loop" / next_version(client, "digits-loop")
    digits, clean = plant(seed, noise, folder)
    noisy = fit(digits, digits.given, seed, folder / "noisy")
    dataset = register(client, digits, folder)
    before = scan(client, dataset, digits, folder / "noisy")
    decided = review(client, dataset, before, digits)
    corrected_version, labels = correct(client, dataset, folder)
    corrected = fit(digits, labels, seed, folder / "corrected")
    by_chance = fit(digits, corrected_by_chance(digits, seed), seed, folder / "by-chance")
    after = scan(client, corrected_version, digits, folder / "corrected")
    changes = client.changes(corrected_version)
    found = int(np.isin(digits.planted, decided).sum())
    assert changes.counts.relabelled == found, "the export changed what was decided, and no more"
    return Outcome(
        seed=seed,
        clean=accuracy(clean, digits),
        noisy=accuracy(noisy, digits),
        corrected=accuracy(corrected, digits),
        by_chance=accuracy(by_chance, digits),
        planted=len(digits.planted),
        reviewed=len(decided),
        found=found,
        corrected_flags_gone=client.compare_scans(after, before).corrected.no_longer_flagged,
    )


def report(outcomes: Sequence[Outcome], noise: Noise) -> float:
    """Print what each seed gave and the means; returns the share of the lost accuracy regained."""
    table = Table(
        title=f"{PLANTED_SHARE:.0%} wrong labels, {noise}: accuracy on other digits, in %"
    )
    for name in ("seed", "true labels", "errors", "corrected", "regained", "found", "by chance"):
        table.add_column(name, justify="right")
    for each in outcomes:
        table.add_row(
            str(each.seed),
            f"{100 * each.clean:.1f}",
            f"{100 * each.noisy:.1f}",
            f"{100 * each.corrected:.1f}",
            f"{100 * each.recovered:.0f}",
            f"{100 * each.found / each.planted:.0f}",
            f"{100 * each.by_chance:.1f}",
        )
    regained = [each.recovered for each in outcomes]
    if len(outcomes) > 1:
        table.add_section()
        table.add_row(
            "mean",
            _mean([each.clean for each in outcomes], 1),
            _mean([each.noisy for each in outcomes], 1),
            _mean([each.corrected for each in outcomes], 1),
            _mean(regained, 0),
            _mean([each.found / each.planted for each in outcomes], 0),
            _mean([each.by_chance for each in outcomes], 1),
            style="bold",
        )
    console.print(table)
    gone = sum(each.corrected_flags_gone for each in outcomes)
    console.print(
        f"Of {sum(each.found for each in outcomes)} corrected examples, {gone} are no longer among "
        f"the first {REVIEWED_SHARE:.0%} of a scan of the corrected version."
    )
    return float(np.mean(regained))


def _mean(values: Sequence[float], digits: int) -> str:
    """With the standard deviation over seeds."""
    return f"{100 * np.mean(values):.{digits}f} ± {100 * np.std(values, ddof=1):.{digits}f}"


def main(arguments: list[str] | None = None) -> int:
    parser = options("Wrong labels, a scan, a review, a better model.")
    parser.add_argument("--seeds", type=int, default=1, help="how many; they begin at --seed")
    parser.add_argument(
        "--noise",
        choices=("random", "likely"),
        default="random",
        help="wrong labels: any other class, or the one that a model holds for likeliest",
    )
    given = parser.parse_args(arguments)
    try:
        with running_stack(given.data_dir, given.port) as (_, client, inputs):
            outcomes = [
                run_loop(client, inputs, seed=given.seed + i, noise=given.noise)
                for i in range(given.seeds)
            ]
            regained = report(outcomes, given.noise)
            picture = draw_loop(inputs / "loop" / f"regained-{given.noise}.png", outcomes)
            console.print(f"As a picture: {picture}", soft_wrap=True)
    except (CleantraceError, StandaloneError) as error:
        console.print(f"The example cannot go on: {error}", style="red", markup=False)
        return 1
    if regained < PROMISED_RECOVERY:
        console.print(f"[red]Only {regained:.0%} came back; {PROMISED_RECOVERY:.0%} was promised.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
