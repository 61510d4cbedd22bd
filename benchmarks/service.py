"""What the service costs on top of the engine: a scan of 60,000 images of 28 by 28, 3 checkpoints.

The scan goes through the API, Celery and Postgres with one worker; the bare engine runs over the
same file in a process of its own, from reading it to the last score. Both in turn, in one run, on
the same number of threads: the ratio is what counts. Peak memory is that of the worker and of the
bare process.

    python -m benchmarks.service [--examples 60000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from cleantrace import Client
from cleantrace.standalone import Stack
from workers.models import build_model

SIDE, CLASSES, CHECKPOINTS, BATCH = 28, 10, 3, 256
MODEL = {"name": "small_cnn", "args": {"in_channels": 1, "classes": CLASSES, "image_size": SIDE}}


def write_inputs(folder: Path, examples: int) -> None:
    rng = np.random.default_rng(0)
    np.savez(
        folder / "images.npz",
        images=rng.integers(0, 256, (examples, SIDE, SIDE), dtype=np.uint8),
        labels=rng.integers(0, CLASSES, examples),
    )
    for step in range(CHECKPOINTS):
        torch.manual_seed(step)
        save_file(build_model(MODEL).state_dict(), folder / f"{step}.safetensors")


def bare_engine(folder: Path) -> None:
    """In a process of its own: the engine over the file; prints seconds and peak memory."""
    import resource

    from safetensors.torch import load_file

    from workers.influence import self_influence

    began = time.perf_counter()
    with np.load(folder / "images.npz", allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"]

    def batches() -> Any:
        for start in range(0, len(images), BATCH):
            chunk = torch.from_numpy(images[start : start + BATCH])
            yield (
                chunk.unsqueeze(1).float() / 255,
                torch.from_numpy(labels[start : start + BATCH]),
            )

    checkpoints = [(load_file(folder / f"{step}.safetensors"), 0.1) for step in range(CHECKPOINTS)]
    result = self_influence(
        build_model(MODEL), batches(), loss="cross_entropy", checkpoints=checkpoints
    )
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - began,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "sum": float(result.self_influence.sum()),
            }
        )
    )


def run_bare(folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.service", "--bare", str(folder)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    measured: dict[str, float] = json.loads(lines.splitlines()[-1])
    return measured


def run_scan(client: Client, run_id: str) -> tuple[float, str]:
    began = time.perf_counter()
    scan = client.start_scan(run_id, fresh=True)
    client.wait_for_scan(scan.id)
    return time.perf_counter() - began, scan.id


def peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare is not None:
        bare_engine(options.bare)
        return
    with tempfile.TemporaryDirectory(prefix="cleantrace-benchmark-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "data").mkdir()
        write_inputs(folder / "data", options.examples)
        with Stack(folder / "stack", allow=[folder / "data"]) as stack:
            report(stack, folder / "data", options.examples, options.rounds)


def report(stack: Stack, data: Path, examples: int, rounds: int) -> None:
    client = Client(stack.url, stack.api_key, project="default")
    began = time.perf_counter()
    dataset = client.register_dataset(
        name="images",
        version="1",
        uri=data / "images.npz",
        format="npz",
        task="classification",
        input="images",
        label="labels",
    )
    client.wait_for_dataset(dataset.id)
    indexing_s = time.perf_counter() - began
    run = client.register_run("cnn", dataset, MODEL)
    for step in range(CHECKPOINTS):
        client.register_checkpoint(run, data / f"{step}.safetensors", step=step, eta=0.1)
    client.wait_for_checkpoints(run)
    scans, bares, pairs = [], [], []
    for round_number in range(rounds + 1):
        scan_s, scan_id = run_scan(client, run.id)
        bare = run_bare(data)
        if round_number == 0:
            continue  # the first of each warms the machine up
        scans.append(scan_s)
        bares.append(bare["seconds"])
        pairs.append(scan_s / bare["seconds"])
    total = sum(score.self_influence or 0.0 for score in client.scores(scan_id))
    error = abs(total - bare["sum"]) / bare["sum"]
    worker_mb = peak_mb(stack.processes["worker-1"])
    print(f"| {examples:,} examples, {CHECKPOINTS} checkpoints | seconds | peak memory |")
    print("|-|-|-|")
    print(f"| indexing, once | {indexing_s:.1f} | |")
    print(f"| scan: API, Celery, Postgres | {statistics.median(scans):.1f} | {worker_mb:,.0f} MB |")
    print(f"| bare engine | {statistics.median(bares):.1f} | {bare['peak_mb']:,.0f} MB |")
    print(
        f"| **ratio**, median of {rounds} pairs ({min(pairs):.2f} to {max(pairs):.2f}) "
        f"| **{statistics.median(pairs):.2f}** | |"
    )
    print(f"\nSum of self-influence: relative difference {error:.1e}.")


if __name__ == "__main__":
    main()
