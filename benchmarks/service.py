"""What the service costs on top of the engine, and what it saves by computing nothing twice.

A scan of 60,000 images of 28 by 28 at 3 checkpoints, then one more checkpoint, then 1 % of the
labels changed.

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
from cleantrace.client import Dataset, Run, Scan
from cleantrace.standalone import Stack
from workers.models import build_model

SIDE, CLASSES, CHECKPOINTS, BATCH = 28, 10, 3, 256
MODEL = {"name": "small_cnn", "args": {"in_channels": 1, "classes": CLASSES, "image_size": SIDE}}


def write_inputs(folder: Path, examples: int) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (examples, SIDE, SIDE), dtype=np.uint8)
    labels = rng.integers(0, CLASSES, examples)
    relabelled = labels.copy()
    chosen = rng.choice(examples, examples // 100, replace=False)
    relabelled[chosen] = (labels[chosen] + 1) % CLASSES
    np.savez(folder / "images-1.npz", images=images, labels=labels)
    np.savez(folder / "images-2.npz", images=images, labels=relabelled)
    for step in range(CHECKPOINTS + 1):
        torch.manual_seed(step)
        save_file(build_model(MODEL).state_dict(), folder / f"{step}.safetensors")


def bare_engine(folder: Path) -> None:
    """In a process of its own: the engine over the file; prints seconds and peak memory."""
    import resource

    from safetensors.torch import load_file

    from workers.influence import self_influence

    began = time.perf_counter()
    with np.load(folder / "images-1.npz", allow_pickle=False) as arrays:
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


def run_scan(client: Client, run: Run, **options: Any) -> tuple[float, Scan]:
    """Seconds, and the scan."""
    began = time.perf_counter()
    scan = client.wait_for_scan(client.start_scan(run, **options))
    return time.perf_counter() - began, scan


def engine_seconds(scan: Scan) -> float:
    assert scan.summary is not None
    return float(scan.summary["engine_seconds"])


def register(client: Client, data: Path, version: str) -> tuple[Dataset, Run]:
    dataset = client.register_dataset(
        name="images",
        version=version,
        uri=data / f"images-{version}.npz",
        format="npz",
        task="classification",
        input="images",
        label="labels",
    )
    client.wait_for_dataset(dataset)
    run = client.register_run("cnn", dataset, MODEL)
    for step in range(CHECKPOINTS):
        client.register_checkpoint(run, data / f"{step}.safetensors", step=step, eta=0.1)
    client.wait_for_checkpoints(run)
    return dataset, run


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
    _, run = register(client, data, "1")
    indexing_s = time.perf_counter() - began
    scans, bares, pairs = [], [], []
    for round_number in range(rounds + 1):
        scan_s, scan = run_scan(client, run, fresh=True)
        bare = run_bare(data)
        if round_number == 0:
            continue  # the first of each warms the machine up
        scans.append(scan_s)
        bares.append(bare["seconds"])
        pairs.append(scan_s / bare["seconds"])
    total = sum(score.self_influence or 0.0 for score in client.scores(scan))
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
    print(f"\nSum of self-influence: relative difference {error:.1e}.\n")
    report_reuse(client, data, run, scan)


def report_reuse(client: Client, data: Path, run: Run, first: Scan) -> None:
    added = client.register_checkpoint(
        run, data / f"{CHECKPOINTS}.safetensors", step=CHECKPOINTS, eta=0.1
    )
    client.wait_for_checkpoints(run)
    more_s, more = run_scan(client, run)
    alone_s, alone = run_scan(client, run, checkpoints=[added], fresh=True)
    _, relabelled_run = register(client, data, "2")
    relabelled_s, relabelled = run_scan(client, relabelled_run)
    policy_s, policy = run_scan(client, run, top_k=100, score="loss")
    print("| scanned again | seconds | engine's seconds | results computed |")
    print("|-|-|-|-|")
    for name, seconds, scan in (
        ("the added checkpoint alone, anew", alone_s, alone),
        ("all with the added checkpoint", more_s, more),
        ("1 % of labels changed", relabelled_s, relabelled),
        ("another policy and score", policy_s, policy),
    ):
        assert scan.summary is not None
        computed = scan.summary["computed"]
        print(f"| {name} | {seconds:.1f} | {engine_seconds(scan):.2f} | {computed:,} |")
    share = engine_seconds(relabelled) / engine_seconds(first)
    print(
        f"\nAn added checkpoint: {more_s / alone_s:.2f} times that checkpoint alone (target 1.1); "
        f"1 % relabelled: {share:.1%} of the first scan's engine time (target 5 %)."
    )


if __name__ == "__main__":
    main()
