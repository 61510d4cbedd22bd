"""The engine beside other libraries' self-influence of the same batch. Prints a Markdown table.

    make bench   # installs them, apart from the project's own packages
    python -m benchmarks.rivals [--only NAME] [--library NAME] [--seconds 6] [--threads N]

Every cell is: the time over a plain training step's, in the same process, alternating; the resident
peak, MiB, above what was resident before; and the largest relative error of its squared norms
against plain autograd in float64. Each cell is a process of its own. A library that stops with an
error is shown with it; one that is not installed is left out. "ours" has one checkpoint here, which
is not its best case.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import json
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.engine import ROOT, measure_peak, peak_mib
from benchmarks.workloads import WORKLOADS, Workload, prepared, training_step
from workers.influence import SelfInfluenceScorer

Norms = Callable[[], Tensor]  # squared gradient norms of the batch, (B,)
Rival = Callable[[nn.Module, Tensor, Tensor], Norms]


def engine(model: nn.Module, x: Tensor, y: Tensor) -> Norms:
    scorer = SelfInfluenceScorer(
        model, loss="cross_entropy", checkpoints=[(model.state_dict(), 1.0)], device="cpu"
    )
    return lambda: torch.from_numpy(scorer.score(x, y).terms[:, 0])


def vmap_grad(model: nn.Module, x: Tensor, y: Tensor) -> Norms:
    weights = {name: p.detach() for name, p in model.named_parameters()}

    def loss(weights: dict[str, Tensor], one: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(functional_call(model, weights, (one[None],)), target[None])

    per_example = vmap(grad(loss), in_dims=(None, 0, 0))

    def norms() -> Tensor:
        with sdpa_kernel(SDPBackend.MATH):
            return sum(
                (g.flatten(1).square().sum(1) for g in per_example(weights, x, y).values()),
                torch.zeros(len(y)),
            )

    return norms


def _load_nothing(model: nn.Module, path: str) -> float:  # noqa: ARG001
    return 1.0


def captum_default(model: nn.Module, x: Tensor, y: Tensor, *, by_sample: bool = False) -> Norms:
    from captum.influence import TracInCP

    tracin = TracInCP(
        model,
        TensorDataset(x, y),
        ["only"],
        checkpoints_load_func=_load_nothing,
        loss_fn=nn.CrossEntropyLoss(reduction="sum" if by_sample else "none"),
        batch_size=len(y),
        sample_wise_grads_per_batch=by_sample,
    )
    return lambda: tracin.self_influence((x, y))


def captum_by_sample(model: nn.Module, x: Tensor, y: Tensor) -> Norms:
    return captum_default(model, x, y, by_sample=True)


def captum_fast(model: nn.Module, x: Tensor, y: Tensor) -> Norms:
    """The last layer only."""
    from captum.influence import TracInCPFast

    head = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    fast = TracInCPFast(
        model,
        head,
        TensorDataset(x, y),
        ["only"],
        checkpoints_load_func=_load_nothing,
        loss_fn=nn.CrossEntropyLoss(reduction="sum"),
        batch_size=len(y),
    )
    return lambda: fast.self_influence((x, y))


def backpack(model: nn.Module, x: Tensor, y: Tensor) -> Norms:
    from backpack import backpack as extending
    from backpack import extend
    from backpack.extensions import BatchL2Grad

    model = extend(model, use_converter=True)
    loss = extend(nn.CrossEntropyLoss(reduction="sum"))

    def norms() -> Tensor:
        model.zero_grad(set_to_none=True)
        with extending(BatchL2Grad()):
            loss(model(x), y).backward()
        parts = (getattr(p, "batch_l2") for p in model.parameters())  # noqa: B009
        return sum(parts, torch.zeros(len(y)))

    return norms


def opacus(model: nn.Module, x: Tensor, y: Tensor) -> Norms:
    from opacus.grad_sample import GradSampleModuleFastGradientClipping

    private = GradSampleModuleFastGradientClipping(model.train(), loss_reduction="sum")

    def norms() -> Tensor:
        private.zero_grad(set_to_none=True)
        functional.cross_entropy(private(x), y, reduction="sum").backward()
        return private.get_norm_sample().square()

    return norms


def dattri(model: nn.Module, x: Tensor, y: Tensor) -> Norms:
    from dattri.algorithm.tracin import TracInAttributor
    from dattri.task import AttributionTask

    def loss(weights: dict[str, Tensor], pair: tuple[Tensor, Tensor]) -> Tensor:
        one, target = pair
        return functional.cross_entropy(
            functional_call(model, weights, (one[None],)), target.view(1)
        )

    task = AttributionTask(loss, model, [model.state_dict()])
    attributor = TracInAttributor(
        task, torch.ones(1), normalized_grad=False, projector_kwargs=None, device="cpu"
    )
    batches = DataLoader(TensorDataset(x, y), batch_size=len(y))
    return lambda: attributor.self_attribute(batches)


RIVALS: dict[str, tuple[str, Rival]] = {
    "ours": ("torch", engine),
    "vmap(grad)": ("torch", vmap_grad),
    "captum TracInCP": ("captum", captum_default),
    "captum, sample-wise": ("captum", captum_by_sample),
    "captum Fast (last layer)": ("captum", captum_fast),
    "BackPACK": ("backpack", backpack),
    "Opacus ghost": ("opacus", opacus),
    "dattri": ("dattri", dattri),
}


def truth(work: Workload, examples: int, *, last: bool) -> np.ndarray:
    """Squared norms of the first examples by plain autograd in float64."""
    model = prepared(work).double()
    x, y = work.data(work.batch)
    x = x if work.tokens else x.double()
    head = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    of = list(head.parameters()) if last else list(model.parameters())
    found = []
    for i in range(examples):
        loss = functional.cross_entropy(model(x[i : i + 1]), y[i : i + 1])
        grads = torch.autograd.grad(loss, of)
        found.append(sum(g.square().sum().item() for g in grads))
    return np.array(found)


def measure(work: Workload, name: str, seconds: float) -> dict[str, Any]:
    """Ratio, peak and error of one library, or what went wrong."""
    rival = RIVALS[name][1]
    model = prepared(work)
    x, y = work.data(work.batch)
    before = peak_mib()
    try:
        norms = rival(copy.deepcopy(model), x, y)
        found = norms()
    except Exception as error:  # noqa: BLE001  # what a library cannot do is the result
        return {"stops": type(error).__name__}
    peak = peak_mib() - before
    true = truth(work, 4, last="last layer" in name)
    wrong = float(np.max(np.abs(found[:4].detach().double().numpy() / true - 1)))
    rounds: list[float] = []
    began = time.perf_counter()
    while len(rounds) < 3 or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        training_step(model, x, y)
        middle = time.perf_counter()
        norms()
        rounds.append((time.perf_counter() - middle) / (middle - start))
        if time.perf_counter() - began > 10 * seconds:
            break
    return {"ratio": statistics.median(rounds), "peak": peak, "wrong": wrong}


def cell(work: Workload, name: str, seconds: float) -> str:
    """`ratio, peak (error)`, or what went wrong, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.rivals", "--cell", work.name, name]
    command += ["--seconds", str(seconds), "--threads", str(torch.get_num_threads())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode != 0:
        return f"stops: exit {done.returncode}"
    got = json.loads(done.stdout.splitlines()[-1])
    if "stops" in got:
        return f"stops: {got['stops']}"
    wrong = got["wrong"]
    off = f"{wrong:.0e}" if wrong < 1e-3 else f"**{wrong:.1%} off**"
    return f"{got['ratio']:.2f}, {got['peak']:.0f} ({off})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default="", help="models whose name contains this")
    parser.add_argument("--seconds", type=float, default=6.0, help="for each cell")
    parser.add_argument("--threads", type=int, default=0, help="torch threads; 0: torch's own")
    parser.add_argument("--library", default="", help="libraries whose name contains this")
    parser.add_argument("--cell", nargs=2, metavar=("MODEL", "LIBRARY"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    warnings.filterwarnings("ignore")
    if args.cell:
        model, library = args.cell
        work = next(w for w in WORKLOADS if w.name == model)
        print(json.dumps(measure(work, library, args.seconds)))
        return
    wanted = [n for n in RIVALS if args.library.lower() in n.lower()]
    names = [n for n in wanted if importlib.util.find_spec(RIVALS[n][0])]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, CPU, float32\n")
    print(f"| model | step's peak | {' | '.join(names)} |\n|{'-|' * (len(names) + 2)}")
    for work in WORKLOADS:
        if args.only.lower() in work.name.lower():
            cells: list[Any] = [cell(work, name, args.seconds) for name in names]
            step = measure_peak(work, "step", torch.get_num_threads())
            print(f"| {work.name} | {step:.0f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
