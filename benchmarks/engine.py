"""The engine against a plain training step: time, peak memory, error. Prints a Markdown table.

    python -m benchmarks.engine [--quick] [--threads N] [--only NAME]

A step is one forward and one backward pass of the same batch through the same model, without the
optimiser. The engine scores the batch at three checkpoints and is charged a third. Both sides
alternate in one process, and the ratio is the median of the pairs' ratios, so that a noisy machine
slows both. Peak memory is each side's own: two further processes each do one side alone, and their
resident peak is counted above what was resident before the first pass.
"""

import argparse
import copy
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.workloads import WORKLOADS, Workload, prepared, training_step
from workers.influence import SelfInfluenceScorer

ROOT = Path(__file__).resolve().parent.parent

# As in a scan, a batch is scored at all checkpoints in one call; times are for one checkpoint.
CHECKPOINTS = 3


def scorer_of(model: nn.Module, layers: str = "all") -> SelfInfluenceScorer:
    checkpoints = [
        ({name: tensor.clone() for name, tensor in model.state_dict().items()}, 1.0)
        for _ in range(CHECKPOINTS)
    ]
    return SelfInfluenceScorer(
        model, loss="cross_entropy", checkpoints=checkpoints, layers=layers, device="cpu"
    )


def timed(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


SCORERS = {"engine", "last"}


def measure_time(work: Workload, seconds: float) -> dict[str, float]:
    """Median ratios to a step, from alternating runs."""
    model = prepared(work)
    inputs, targets = work.data(work.batch)
    scorer, last = scorer_of(model), scorer_of(model, "last")

    def forward() -> None:
        with torch.no_grad():
            model(inputs)

    sides: dict[str, Callable[[], Any]] = {
        "step": lambda: training_step(model, inputs, targets),
        "engine": lambda: scorer.score(inputs, targets),
        "last": lambda: last.score(inputs, targets),
        "forward": forward,
    }
    for run in sides.values():
        for _ in range(6):  # the engine tries orders of memory on its first batches
            run()
    rounds: list[dict[str, float]] = []
    start = time.perf_counter()
    while len(rounds) < 5 or time.perf_counter() - start < seconds:
        times = {name: timed(run) for name, run in sides.items()}
        rounds.append({n: t / CHECKPOINTS if n in SCORERS else t for n, t in times.items()})
    ratios = [[r[name] / r["step"] for r in rounds] for name in sides]
    medians = {name: statistics.median(r) for name, r in zip(sides, ratios, strict=True)}
    quartiles = statistics.quantiles(ratios[1], n=4)
    return {
        "step_ms": 1e3 * statistics.median(r["step"] for r in rounds),
        "engine": medians["engine"],
        "low": quartiles[0],
        "high": quartiles[2],
        "last": medians["last"],
        "forward": medians["forward"],
        "rounds": len(rounds),
    }


def measure_error(work: Workload, n: int = 4) -> float:
    """Largest relative error of float32 scores against float64 autograd, an example at a time."""
    model = prepared(work)
    inputs, targets = work.data(work.batch)
    found = scorer_of(model).score(inputs, targets).terms[:n, 0]
    double = copy.deepcopy(model).double()
    wide = inputs if work.tokens else inputs.double()
    true = []
    for i in range(n):
        double.zero_grad(set_to_none=True)
        functional.cross_entropy(double(wide[i : i + 1]), targets[i : i + 1]).backward()
        grads = [p.grad for p in double.parameters()]
        true.append(sum(g.square().sum().item() for g in grads if g is not None))
    return float(np.max(np.abs(found / np.array(true) - 1)))


def peak_mib() -> float:
    """Resident peak of this process alone; getrusage's would be inherited from the parent."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def peak_of(name: str, side: str) -> None:
    """In a process of its own: prints the resident peak, MiB, above that before any pass."""
    work = next(w for w in WORKLOADS if w.name == name)
    model = prepared(work)
    inputs, targets = work.data(work.batch)
    scorer = scorer_of(model)
    before = peak_mib()
    for _ in range(3):
        if side == "step":
            training_step(model, inputs, targets)
        else:
            scorer.score(inputs, targets)
    print(json.dumps(peak_mib() - before))


def measure_peak(work: Workload, side: str, threads: int) -> float:
    command = [
        sys.executable,
        "-m",
        "benchmarks.engine",
        "--peak",
        work.name,
        side,
        "--threads",
        str(threads),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return float(json.loads(done.stdout.splitlines()[-1]))


def row(work: Workload, seconds: float, threads: int) -> str:
    took = measure_time(work, seconds)
    peaks = [measure_peak(work, side, threads) for side in ("step", "engine")]
    verdict = ""
    if work.target is not None:
        verdict = f"{work.target:.2f} {'met' if took['engine'] <= work.target else 'missed'}"
    return (
        f"| {work.name} | {work.batch} | {took['step_ms']:.1f} | "
        f"**{took['engine']:.2f}** ({took['low']:.2f}-{took['high']:.2f}) | "
        f"{verdict} | {took['last']:.2f} | {took['forward']:.2f} | "
        f"{peaks[0]:.0f} | {peaks[1]:.0f} | {measure_error(work):.1e} |"
    )


HEADER = (
    "| model | batch | step, ms | engine / step (quartiles) | target | last layer / step | "
    "forward / step | peak of step, MiB | peak of engine, MiB | largest relative error |\n"
    "|-|-|-|-|-|-|-|-|-|-|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds for each model")
    parser.add_argument("--only", default="", help="models whose name contains this")
    parser.add_argument("--threads", type=int, default=0, help="torch threads; 0: torch's own")
    parser.add_argument("--peak", nargs=2, metavar=("MODEL", "SIDE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.peak:
        peak_of(*args.peak)
        return
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, CPU, float32\n\n{HEADER}")
    for work in WORKLOADS:
        if args.only.lower() in work.name.lower():
            print(row(work, 4 if args.quick else 30, torch.get_num_threads()), flush=True)


if __name__ == "__main__":
    main()
