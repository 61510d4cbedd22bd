"""Whether a worker's memory depends on the size of the data set. Prints a Markdown table.

    python -m benchmarks.memory [--sizes 60000 600000]

Each size has a stack of its own with one worker, which indexes images of 28 by 28 and scans them
with a small model at one checkpoint, with sketches. Measured is the peak of its resident memory,
and of the part of it that is not pages of files (which the system takes back when it needs them).
"""

from __future__ import annotations

import argparse
import re
import tempfile
import threading
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors.torch import save_file

from cleantrace import Client
from cleantrace.standalone import Stack
from workers.models import build_model

SIDE, CLASSES = 28, 10
MODEL = {"name": "mlp", "args": {"in_features": SIDE * SIDE, "hidden": [16], "classes": CLASSES}}
_LOOKS_S = 0.1


class Peak:
    """The largest of a process's figures in /proc while it is watched, in MB."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.anonymous_mb = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_LOOKS_S):
            self.anonymous_mb = max(self.anonymous_mb, self._read("RssAnon"))

    def _read(self, name: str) -> float:
        found = re.search(rf"{name}:\s+(\d+) kB", self._status.read_text())
        return int(found[1]) / 1024 if found else float("nan")

    @property
    def resident_mb(self) -> float:
        return self._read("VmHWM")


def measure(examples: int) -> tuple[float, float]:
    """Peak MB of one worker: resident, and without pages of files."""
    with tempfile.TemporaryDirectory(prefix="cleantrace-benchmark-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "data").mkdir()
        rng = np.random.default_rng(0)
        np.savez(
            folder / "data" / "images.npz",
            images=rng.integers(0, 256, (examples, SIDE * SIDE), dtype=np.uint8),
            labels=rng.integers(0, CLASSES, examples),
        )
        torch.manual_seed(0)
        save_file(build_model(MODEL).state_dict(), folder / "data" / "0.safetensors")
        with (
            Stack(folder / "stack", allow=[folder / "data"]) as stack,
            Peak(stack.processes["worker-1"]) as peak,
        ):
            client = Client(stack.url, stack.api_key, project="default")
            dataset = client.register_dataset(
                name="images",
                version="1",
                uri=folder / "data" / "images.npz",
                format="npz",
                task="classification",
                modality="table",
                input="images",
                label="labels",
            )
            client.wait_for_dataset(dataset)
            run = client.register_run("mlp", dataset, MODEL)
            client.register_checkpoint(run, folder / "data" / "0.safetensors", step=0, eta=0.1)
            client.wait_for_scan(client.start_scan(run, evidence=True))
            return peak.resident_mb, peak.anonymous_mb


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[60_000, 600_000])
    sizes = parser.parse_args().sizes
    print("| examples | resident, peak MB | without pages of files |\n|-|-|-|")
    found = []
    for examples in sizes:
        found.append(measure(examples))
        print(f"| {examples:,} | {found[-1][0]:,.0f} | {found[-1][1]:,.0f} |", flush=True)
    growth = [last / first for first, last in zip(found[0], found[-1], strict=True)]
    print(f"| **growth** (target 1.10) | **{growth[0]:.2f}** | **{growth[1]:.2f}** |")


if __name__ == "__main__":
    main()
