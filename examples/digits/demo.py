"""Find planted label errors among scikit-learn's digits, through the service's public ways.

    python -m examples.digits.demo [--exit] [--data-dir DIR] [--port PORT] [--seed N]

Starts a stack, gives 10 % of the digits a wrong label, trains a small CNN, registers its
checkpoints and scans them. Each run registers a new version of the dataset. Ends with status 1
if less than 90 % of the planted errors stand in the first 12 % of the ranking.
"""

import itertools
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits

from cleantrace import CleantraceError, Client
from cleantrace.progress import Bar
from cleantrace.standalone import StandaloneError
from cleantrace.standalone.ports import is_free
from examples.common import (
    Job,
    Recipe,
    console,
    flip_labels,
    next_version,
    options,
    report,
    running_stack,
    scan_training,
    train,
)
from examples.digits.picture import draw_flags
from workers.models import build_model

PLANTED_SHARE = 0.10
PROMISED_SHARE, PROMISED_RECALL = 0.12, 0.90
PICTURED = 40

MODEL = {"name": "small_cnn", "args": {"in_channels": 1, "classes": 10, "image_size": 8}}
# Weight decay and a short training keep the model from learning the errors by heart: it fits
# what the digits have in common, and each error goes on to pull it another way. At a constant
# learning rate every kept checkpoint says so with the same weight.
RECIPE = Recipe(
    epochs=24,
    batch_size=32,
    optimiser="sgd",
    eta=0.02,
    weight_decay=5e-3,
    schedule="constant",
    saved_epochs=(3, 6, 9, 12, 15, 18, 21, 24),
)


class Planted(NamedTuple):
    """Positions of the planted errors, and all examples' true and given labels."""

    positions: np.ndarray
    labels: np.ndarray
    given: np.ndarray


def run_job(client: Client, inputs: Path, seed: int) -> tuple[Job, Planted, Path]:
    """Plant, train, register and scan; returns the job, what was planted, its folder."""
    digits = load_digits()
    rng = np.random.default_rng(seed)
    labels, planted = flip_labels(digits.target, 10, PLANTED_SHARE, rng)
    version = next_version(client, "digits")
    folder = inputs / "digits" / version
    folder.mkdir(parents=True, exist_ok=True)
    # Grey values from 0 to 16, which make better pictures when they fill the 8 bits.
    images = (digits.images * 15).astype(np.uint8)
    keys = np.array([f"digit-{i:04}" for i in range(len(images))])
    np.savez(folder / "digits.npz", images=images, labels=labels, keys=keys)

    dataset = client.register_dataset(
        "digits",
        version,
        folder / "digits.npz",
        format="npz",
        task="classification",
        modality="image",
        input="images",
        label="labels",
        key="keys",
        classes=[str(name) for name in digits.target_names],
    )
    with Bar(f"Indexing digits, version {version}", console) as bar:
        dataset = client.wait_for_dataset(dataset, progress=bar.dataset)

    pixels = torch.from_numpy(images).float().unsqueeze(1) / 255
    mean, std = pixels.mean().item(), pixels.std().item()
    torch.manual_seed(seed)
    with Bar("Training a small CNN", console) as bar:
        saved = train(
            build_model(MODEL),
            (pixels - mean) / std,
            torch.from_numpy(labels),
            loss="cross_entropy",
            recipe=RECIPE,
            folder=folder,
            bar=bar,
        )
    job = scan_training(
        client,
        dataset,
        name=f"digits {version}, small CNN",
        model=MODEL,
        preprocessing={"mean": [mean], "std": [std]},
        saved=saved,
        share=PROMISED_SHARE,
        evidence=True,
    )
    return job, Planted(planted, digits.target, labels), folder


def opponents_with_true_label(client: Client, job: Job, truth: Planted) -> tuple[float, float]:
    """Of the planted errors that were flagged: the share of their top 10 opponents that bear their
    true label; and the same for examples drawn at random.
    """
    flagged = {flag.position for flag in client.flags(job.scan)}
    shares, by_chance = [], []
    for position in sorted(flagged.intersection(truth.positions.tolist())):
        true = truth.labels[position]
        opponents = client.evidence(job.scan, position, k=10).opponents
        shares.append(np.mean([each.given_label == str(true) for each in opponents]))
        by_chance.append(np.mean(truth.given == true))
    return float(np.mean(shares)), float(np.mean(by_chance))


def main(arguments: list[str] | None = None) -> int:
    parser = options("Find planted label errors among scikit-learn's digits.")
    parser.add_argument("--exit", action="store_true", help="do not go on serving")
    parser.set_defaults(port=None)
    given = parser.parse_args(arguments)
    port = given.port if given.port is not None else 8000 if is_free("127.0.0.1", 8000) else 0
    try:
        with running_stack(given.data_dir, port) as (stack, client, inputs):
            job, planted, folder = run_job(client, inputs, given.seed)
            found = report(client, job, planted.positions, (0.10, PROMISED_SHARE, 0.20))
            right, chance = opponents_with_true_label(client, job, planted)
            console.print(
                f"Evidence: {right:.0%} of the top 10 opponents of a planted error bear its true "
                f"label; of random examples {chance:.0%}."
            )
            flags = list(itertools.islice(client.flags(job.scan), PICTURED))
            with np.load(folder / "digits.npz") as arrays:
                picture = draw_flags(
                    folder / "top-40.png", flags, arrays["images"], set(planted.positions)
                )
            console.print(
                f"\nThe {PICTURED} most suspicious, as a picture: {picture}", soft_wrap=True
            )
            console.print(f"Sign in, once:     {stack.sign_in_url}", soft_wrap=True)
            console.print(f"Then see the scan: {stack.url}{_page(client, job)}", soft_wrap=True)
            kept = found[PROMISED_SHARE] >= PROMISED_RECALL
            if not kept:
                console.print(
                    f"[red]Only {found[PROMISED_SHARE]:.1%} of the planted errors stand in the "
                    f"first {PROMISED_SHARE:.0%}; {PROMISED_RECALL:.0%} was promised."
                )
            if not given.exit and sys.stdin.isatty():
                _serve()
            return 0 if kept else 1
    except (CleantraceError, StandaloneError) as error:
        console.print(f"The demo cannot go on: {error}", style="red", markup=False)
        return 1


def _page(client: Client, job: Job) -> str:
    return f"/projects/{client.project}/scans/{job.scan.id}"


def _serve() -> None:
    console.print("\nServing until Ctrl-C.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("Stopping.")


if __name__ == "__main__":
    sys.exit(main())
