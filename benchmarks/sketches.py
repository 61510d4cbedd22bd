"""Sketches: do they follow the exact influence, what do they cost, how fast is their search?

    python -m benchmarks.sketches [--quick] [--threads N]

Models are trained for a few steps on scikit-learn's digits, enlarged, and three checkpoints kept.
The correlation is Pearson's, of sketches' inner products with the exact influence of all pairs of
different examples; the lowest of several seeds counts. Time is of a batch at three checkpoints,
with sketches and without, alternating. The search is for the top 20 of both ends, against one
product of the same array with one vector, which reads it once from memory.
"""

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

from app.evidence.search import top_influences
from benchmarks.engine import WORKLOADS, Workload
from workers.influence import SelfInfluenceScorer, SketchSpec, pairwise_influence

ETA = 0.05
SEEDS = 5


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    steps: int
    examples: int
    queries: int
    target: float


CASES = [Case("MLP", 60, 200, 100, 0.90), Case("ResNet-9", 30, 64, 20, 0.98)]


def digits(work: Workload) -> tuple[Tensor, Tensor]:
    """Images of digits in the workload's shape, with a little noise, and their classes."""
    pixels, classes = load_digits(return_X_y=True)
    images = torch.tensor(pixels, dtype=torch.float32).view(-1, 1, 8, 8) / 16
    if len(work.shape) == 1:
        inputs = functional.interpolate(images, (28, 28), mode="bilinear").flatten(1)
    else:
        inputs = functional.interpolate(images, work.shape[1:], mode="bilinear")
        inputs = inputs.repeat(1, work.shape[0], 1, 1)
    noise = torch.randn(inputs.shape, generator=torch.Generator().manual_seed(0))
    return inputs + 0.1 * noise, torch.tensor(classes)


def trained(
    work: Workload, steps: int, inputs: Tensor, targets: Tensor
) -> tuple[nn.Module, list[tuple[dict[str, Tensor], float]]]:
    torch.manual_seed(0)
    model = work.build().train()
    optimiser = torch.optim.SGD(model.parameters(), ETA, momentum=0.9)
    checkpoints = []
    for step in range(1, steps + 1):
        batch = torch.randint(0, len(targets), (64,))
        optimiser.zero_grad()
        functional.cross_entropy(model(inputs[batch]), targets[batch]).backward()
        optimiser.step()
        if step % (steps // 3) == 0:
            state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            checkpoints.append((state, ETA))
    return model.eval(), checkpoints


def timed(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def row(case: Case, seconds: float) -> str:
    work = next(w for w in WORKLOADS if w.name.startswith(case.name))
    inputs, targets = digits(work)
    model, checkpoints = trained(work, case.steps, inputs, targets)
    few = inputs[: case.examples], targets[: case.examples]
    given: dict[str, Any] = {"loss": "cross_entropy", "checkpoints": checkpoints, "device": "cpu"}
    queries = inputs[: case.queries], targets[: case.queries]
    exact = pairwise_influence(model, [few], [queries], **given)
    pairs = ~np.eye(case.queries, case.examples, dtype=bool)
    found = []
    for seed in range(SEEDS):
        scorer = SelfInfluenceScorer(model, **given, sketch=SketchSpec(seed=seed))
        sketch = scorer.score(*few).sketch
        assert sketch is not None
        found.append(
            float(np.corrcoef((sketch[: case.queries] @ sketch.T)[pairs], exact[pairs])[0, 1])
        )
    batch = inputs[: work.batch], targets[: work.batch]
    without = SelfInfluenceScorer(model, **given)
    sketched = SelfInfluenceScorer(model, **given, sketch=SketchSpec())
    for scorer in (without, sketched):
        scorer.score(*batch)
    ratios: list[float] = []
    plain: list[float] = []
    start = time.perf_counter()
    while len(ratios) < 5 or time.perf_counter() - start < seconds:
        plain.append(timed(lambda: without.score(*batch)))
        ratios.append(timed(lambda: sketched.score(*batch)) / plain[-1])
    low, ratio, high = statistics.quantiles(ratios, n=4)
    verdict = "met" if min(found) >= case.target else "missed"
    in_time = "met" if ratio <= 2 else "missed"
    return (
        f"| {work.name} | {statistics.mean(found):.3f} | **{min(found):.3f}** | "
        f"{case.target:.2f} {verdict} | {1e3 * statistics.median(plain) / 3:.1f} | "
        f"**{ratio:.2f}** ({low:.2f}-{high:.2f}) | 2.00 {in_time} |"
    )


def search_rows(n: int, dimension: int) -> list[str]:
    draw = np.random.default_rng(0)
    sketches = np.empty((n, dimension), dtype=np.float32)
    few = draw.standard_normal((min(n, 20_000), dimension), dtype=np.float32)
    for start in range(0, n, len(few)):  # scaled, so that the best are not all in one block
        part = sketches[start : start + len(few)]
        np.multiply(few[: len(part)], np.float32(draw.random() + 0.5), out=part)
    queries = draw.standard_normal((32, dimension), dtype=np.float32)
    rows = []
    for q in (1, 8, 32):
        asked = queries[:q]
        sides = [
            (timed(partial(np.matmul, sketches, queries[0])),
             timed(partial(top_influences, sketches, asked, 20)))
            for _ in range(7)
        ]  # fmt: skip
        read, searched = (statistics.median(side) for side in zip(*sides, strict=True))
        ratio = statistics.median(s / r for r, s in sides)
        rows.append(
            f"| {n:,} x {dimension:,} | {q} | {1e3 * read:.0f} | {1e3 * searched:.0f} | "
            f"**{ratio:.2f}** | {1e3 * searched / q:.0f} |"
        )
    return rows


SKETCH_HEADER = (
    "| model | correlation, mean | lowest seed | target | scan without, ms | with / without "
    "(quartiles) | target |\n|-|-|-|-|-|-|-|"
)
SEARCH_HEADER = (
    "| sketches | queries | one read, ms | search, ms | search / read | ms a query |\n|-|-|-|-|-|-|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds, and a smaller search")
    parser.add_argument("--threads", type=int, default=0, help="torch threads; 0: torch's own")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, CPU, float32\n")
    print(SKETCH_HEADER)
    for case in CASES:
        print(row(case, 4 if args.quick else 30), flush=True)
    print(f"\n{SEARCH_HEADER}")
    for line in search_rows(100_000 if args.quick else 1_000_000, 1024):
        print(line, flush=True)


if __name__ == "__main__":
    main()
