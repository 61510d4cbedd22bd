"""Find planted outlying targets in a regression: scikit-learn's diabetes patients.

    python -m examples.diabetes.example [--small] [--data-dir DIR] [--port PORT] [--seed N]

8 % of the 442 targets (disease progression after a year) are moved by three standard deviations,
up or down. An MLP is trained on the table, its checkpoints are scanned, the recall is printed.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_diabetes

from cleantrace import Client
from cleantrace.progress import Bar
from examples.common import (
    Job,
    Recipe,
    console,
    next_version,
    options,
    report,
    running_stack,
    scan_training,
    train,
)
from workers.models import build_model

PLANTED_SHARE = 0.08
MOVED_BY_STD = 3.0
SMALL = 300
# A regression's errors are few and far off: a small, slow, decayed model bends to none of them.
RECIPE = Recipe(
    epochs=60,
    batch_size=32,
    optimiser="sgd",
    eta=0.003,
    weight_decay=1e-3,
    schedule="cosine",
    saved_epochs=(10, 20, 30, 40, 50, 60),
)


def move_targets(
    targets: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Move a share of the targets far up or down; returns them, and the sorted positions."""
    planted = np.sort(rng.choice(len(targets), round(share * len(targets)), replace=False))
    moved = targets.astype(float)
    moved[planted] += rng.choice([-1, 1], len(planted)) * MOVED_BY_STD * targets.std()
    return moved, planted


def run_job(client: Client, inputs: Path, *, seed: int, small: bool) -> tuple[Job, np.ndarray]:
    """Plant, train, register and scan; returns the job and the planted positions."""
    source = load_diabetes(scaled=False)
    rng = np.random.default_rng(seed)
    count = SMALL if small else len(source.target)
    rows = source.data[:count].astype(np.float32)
    targets, planted = move_targets(source.target[:count], PLANTED_SHARE, rng)
    names = list(source.feature_names)
    version = next_version(client, "diabetes")
    folder = inputs / "diabetes" / version
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "diabetes.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["patient", *names, "progression"])
        for i, (row, target) in enumerate(zip(rows, targets, strict=True)):
            writer.writerow([f"patient-{i:03}", *row.tolist(), target])

    dataset = client.register_dataset(
        "diabetes",
        version,
        folder / "diabetes.csv",
        format="csv",
        task="regression",
        modality="table",
        input=names,
        label="progression",
        key="patient",
    )
    with Bar(f"Indexing diabetes, version {version}", console) as bar:
        dataset = client.wait_for_dataset(dataset, progress=bar.dataset)

    mean, std = rows.mean(0), rows.std(0)
    target_mean, target_std = float(targets.mean()), float(targets.std())
    model = {
        "name": "mlp",
        "args": {"in_features": len(names), "hidden": [32], "out_features": 1},
    }
    torch.manual_seed(seed)
    with Bar("Training an MLP", console) as bar:
        saved = train(
            build_model(model),
            torch.from_numpy((rows - mean) / std),
            torch.from_numpy((targets - target_mean) / target_std).float(),
            loss="squared_error",
            recipe=RECIPE,
            folder=folder,
            bar=bar,
        )
    job = scan_training(
        client,
        dataset,
        name=f"diabetes {version}, MLP",
        model=model,
        preprocessing={
            "mean": mean.tolist(),
            "std": std.tolist(),
            "target_mean": target_mean,
            "target_std": target_std,
        },
        saved=saved,
        share=PLANTED_SHARE,
    )
    return job, planted


def main(arguments: list[str] | None = None) -> int:
    parser = options("Find planted outlying targets in a regression.")
    parser.add_argument("--small", action="store_true", help=f"{SMALL} patients only")
    given = parser.parse_args(arguments)
    with running_stack(given.data_dir, given.port) as (_, client, inputs):
        job, planted = run_job(client, inputs, seed=given.seed, small=given.small)
        report(client, job, planted, (PLANTED_SHARE, 2 * PLANTED_SHARE))
    return 0


if __name__ == "__main__":
    sys.exit(main())
