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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.influence import SelfInfluenceScorer
from workers.models import build_model

ROOT = Path(__file__).resolve().parent.parent

# As in a scan, a batch is scored at all checkpoints in one call; times are for one checkpoint.
CHECKPOINTS = 3


class Block(nn.Module):
    """A hand-written encoder layer, norm first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, t, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, t, width))
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


class Encoder(nn.Module):
    """Tokens, positions, four layers of 256, a mean, two classes."""

    def __init__(self, layers: nn.Module, width: int = 256, length: int = 64) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(10_000, width), nn.Embedding(length, width)
        self.layers, self.head = layers, nn.Linear(width, 2)

    def forward(self, ids: Tensor) -> Tensor:
        order = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        return self.head(self.layers(self.tokens(ids) + self.places(order)).mean(1))


def hand_written() -> nn.Module:
    return Encoder(nn.Sequential(*(Block(256, 4) for _ in range(4))))


def library_encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(256, 4, 1024, 0.0, "gelu", batch_first=True)
    return Encoder(nn.TransformerEncoder(layer, 4, enable_nested_tensor=False))


def built(name: str, **args: Any) -> Callable[[], nn.Module]:
    return lambda: build_model({"name": name, "args": args})


@dataclass(frozen=True)
class Workload:
    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    batch: int
    classes: int
    target: float
    tokens: int = 0

    def data(self, n: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(1)
        targets = torch.randint(0, self.classes, (n,), generator=generator)
        if self.tokens:
            return torch.randint(0, self.tokens, (n, *self.shape), generator=generator), targets
        return torch.randn(n, *self.shape, generator=generator), targets


WORKLOADS = [
    Workload(
        "MLP 784-512-256-10",
        built("mlp", in_features=784, hidden=[512, 256], out_features=10),
        (784,),
        256,
        10,
        0.80,
    ),
    Workload("ResNet-9 BN", built("resnet9", in_channels=3, classes=10), (3, 32, 32), 64, 10, 0.90),
    Workload(
        "ResNet-56 BN", built("resnet56", in_channels=3, classes=10), (3, 32, 32), 128, 10, 1.25
    ),
    Workload("transformer 4x256, by hand", hand_written, (64,), 32, 2, 1.0, tokens=10_000),
    Workload("nn.TransformerEncoder 4x256", library_encoder, (64,), 32, 2, 1.0, tokens=10_000),
]


def prepared(work: Workload) -> nn.Module:
    """The model as after some training: no trivial norms, in eval mode for both sides."""
    torch.manual_seed(0)
    model = work.build()
    inputs, _ = work.data(16)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
        model.train()
        for _ in range(20):
            model(inputs)
    return model.eval()


def training_step(model: nn.Module, inputs: Tensor, targets: Tensor) -> None:
    model.zero_grad(set_to_none=True)
    functional.cross_entropy(model(inputs), targets).backward()


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
        run()
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
    verdict = "met" if took["engine"] <= work.target else "missed"
    return (
        f"| {work.name} | {work.batch} | {took['step_ms']:.1f} | "
        f"**{took['engine']:.2f}** ({took['low']:.2f}-{took['high']:.2f}) | "
        f"{work.target:.2f} {verdict} | {took['last']:.2f} | {took['forward']:.2f} | "
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
