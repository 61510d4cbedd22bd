"""Real data sets, made on the spot."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image
from pyarrow import parquet

from app.datasets.example_store import ExampleStore
from workers.data import IndexResult, IndexSpec, index_dataset


class Indexer:
    """Indexes files below one allowed root, and opens what came of it."""

    def __init__(self, root: Path, out: Path) -> None:
        self.root = root
        self.out = out

    def __call__(self, name: str, task: str = "classification", **members: Any) -> IndexResult:
        suffix = name.removesuffix(".gz").rpartition(".")[2]
        kind = suffix if suffix in ("csv", "npz", "parquet") else "image_folder"
        values = {"format": kind, "task": task, "uri": str(self.root / name)} | members
        return index_dataset(IndexSpec(**values), self.out, allowed_roots=[str(self.root)])

    def store(self) -> ExampleStore:
        return ExampleStore(self.out)

    def csv(self, text: str, name: str = "data.csv") -> str:
        (self.root / name).write_text(text)
        return name

    def npz(self, name: str = "data.npz", **arrays: Any) -> str:
        np.savez(self.root / name, **arrays)
        return name

    def parquet(
        self, columns: Mapping[str, Any], name: str = "data.parquet", **options: Any
    ) -> str:
        (self.root / name).parent.mkdir(exist_ok=True)
        parquet.write_table(pa.table(dict(columns)), self.root / name, **options)
        return name

    def images(self, paths: Sequence[str], folder: str = "images") -> str:
        """A folder with an image at each path, no two alike."""
        for i, path in enumerate(paths):
            file = self.root / folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(png(i))
        return folder


def png(seed: int = 0, shape: tuple[int, ...] = (4, 5, 3), mode: str | None = None) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    image = Image.fromarray(pixels)
    return encoded(image.convert(mode) if mode else image)


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()
