"""Do the bounds on wrong labels hold, and how soon do they certify? Tables of docs/results.md.

Reviews are simulated with a look after every verdict, answers out of order and outcomes that stay
unknown (benchmarks/simulated_reviews.py). One fails if any look's bounds miss the truth. Beside it
stands what one would do without: draw the same number of examples at random and look at an exact
fixed-size bound (hypergeometric, or Clopper-Pearson) after every 25.

    python -m benchmarks.coverage --reviews 2000 --processes 2
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.stats import binom, binomtest, hypergeom

from app.estimates.bounds import Trail, bound_wrong_labels
from app.estimates.findings import findings
from app.estimates.history import History, Outcome
from benchmarks.simulated_reviews import Plan, Ranking, SimulatedReview

ALPHA = 0.05
PLANS = (Plan(), Plan(examples=3000))
LOOK_EVERY = 25
SLICES = 5
POPULATION = 100_000
RANKINGS: tuple[Ranking, ...] = ("informative", "useless")


@dataclass(frozen=True)
class Tried:
    """Whether bounds missed the truth at any look of a review."""

    looks: int
    missed: bool
    hypergeometric: bool
    clopper_pearson: bool


def try_review(seed: int, ranking: Ranking, plan: Plan, *, every: int = 1) -> Tried:
    review = SimulatedReview(seed, ranking, plan)
    looks, missed = 0, False
    for number, _ in enumerate(review.verdicts(), 1):
        if number % every == 0:
            looks += 1
            found = findings(review.history, alpha=ALPHA).all.before
            missed = missed or not found.lowest <= review.wrong <= found.highest
    order = np.random.default_rng(seed).permutation(review.is_wrong)
    fixed = [_fixed_sizes(order, number) for number in range(LOOK_EVERY, looks + 1, LOOK_EVERY)]
    return Tried(
        looks,
        missed,
        any(exact for exact, _ in fixed),
        any(usual for _, usual in fixed),
    )


def _fixed_sizes(order: np.ndarray, drawn: int) -> tuple[bool, bool]:
    """Whether the truth lies above the exact upper bounds for one look at so many draws."""
    wrong, total, seen = int(order.sum()), len(order), int(order[:drawn].sum())
    exact = hypergeom.cdf(seen, total, wrong, drawn) < ALPHA
    return bool(exact), bool(binom.cdf(seen, drawn, wrong / total) < ALPHA)


def coverage_table(reviews: int, processes: int) -> Iterable[str]:
    yield "| ranking | examples | reviews | looks | missed | p | hypergeometric | Clopper-Pearson |"
    yield "|---|---|---|---|---|---|---|---|"
    kinds = [(ranking, plan) for ranking in RANKINGS for plan in PLANS]
    each = reviews // len(kinds)
    missed = 0
    with ProcessPoolExecutor(processes) as pool:
        for number, (ranking, plan) in enumerate(kinds):
            seeds = range(number * each, (number + 1) * each)
            tries = partial(try_review, ranking=ranking, plan=plan)
            tried = list(pool.map(tries, seeds, chunksize=5))
            row = sum(review.missed for review in tried)
            missed += row
            exact = sum(review.hypergeometric for review in tried)
            usual = sum(review.clopper_pearson for review in tried)
            yield (
                f"| {ranking} | {plan.examples:,} | {each:,} | {sum(t.looks for t in tried):,} "
                f"| {row / each:.1%} | {_chance(row, each):.2f} | {exact / each:.1%} "
                f"| {usual / each:.1%} |"
            )
    reviews = each * len(kinds)
    assert _chance(missed, reviews) > 0.01, f"{missed} of {reviews} reviews missed the truth"


def _chance(missed: int, reviews: int) -> float:
    """Of missing so many or more, were alpha true."""
    return float(binomtest(missed, reviews, ALPHA, alternative="greater").pvalue)


@dataclass(frozen=True)
class Mixtures:
    """Ways in which the open examples of a review may turn out."""

    reviews: int
    tried: int
    beyond: int
    """Those whose bounds reach beyond what is reported while they are open."""


def try_mixtures(reviews: int, most_open: int = 6) -> Mixtures:
    """All of them, of reviews with some open examples."""
    found, tried, beyond = 0, 0, 0
    for seed in itertools.count():
        if found == reviews:
            return Mixtures(found, tried, beyond)
        review = SimulatedReview(seed, RANKINGS[seed % 2], PLANS[seed // 2 % 2])
        for _ in itertools.islice(review.verdicts(), 20 + seed % 100):
            pass
        history = review.history
        opens = [each.outcome in (Outcome.unknown, Outcome.waiting) for each in history.left]
        if not 2 <= sum(opens) <= most_open:
            continue
        found += 1
        told = findings(history, alpha=ALPHA).all.before
        for answers in itertools.product((Outcome.right, Outcome.wrong), repeat=sum(opens)):
            tried += 1
            known = iter(answers)
            ended = [
                replace(each, outcome=next(known)) if is_open else each
                for each, is_open in zip(history.left, opens, strict=True)
            ]
            trail = History(history.examples, ended).trail(open_is_wrong=False)
            bounds = bound_wrong_labels(trail, alpha=ALPHA)
            beyond += bounds.lowest < told.lowest or told.highest < bounds.highest
    raise AssertionError("seeds never end")


@dataclass(frozen=True)
class TriedSlices:
    """Whether bounds of a review's slices missed at any look.

    alone: (slices,) each at alpha.
    together: any of them, each at alpha divided by how many there are.
    """

    alone: tuple[bool, ...]
    together: bool


def try_slices(seed: int, ranking: Ranking, plan: Plan, *, every: int = 10) -> TriedSlices:
    """Five slices, fixed before the review; the first has four in ten of the wrong labels more."""
    review = SimulatedReview(seed, ranking, plan)
    rng = np.random.default_rng([seed, 1])
    parts = rng.integers(SLICES, size=plan.examples)
    parts[review.is_wrong & (rng.random(plan.examples) < 0.4)] = 0
    alone, together = [False] * SLICES, False
    for number, _ in enumerate(review.verdicts(), 1):
        if number % every:
            continue
        for part in range(SLICES):
            inside = parts == part
            wrong = int(review.is_wrong[inside].sum())
            left = (each for position, each in review.left.items() if inside[position])
            history = History(int(inside.sum()), left, is_slice=True)
            for alpha in (ALPHA, ALPHA / SLICES):
                found = findings(history, alpha=alpha).all.before
                if not found.lowest <= wrong <= found.highest:
                    alone[part] |= alpha == ALPHA
                    together |= alpha < ALPHA
    return TriedSlices(tuple(alone), together)


def slices_table(reviews: int, processes: int) -> Iterable[str]:
    yield "| examples | reviews | the first alone | the others alone | any at once | any, jointly |"
    yield "|---|---|---|---|---|---|"
    with ProcessPoolExecutor(processes) as pool:
        for plan in PLANS:
            tries = partial(try_slices, ranking="informative", plan=plan)
            tried = list(pool.map(tries, range(reviews // len(PLANS)), chunksize=5))
            count = len(tried)
            first = sum(each.alone[0] for each in tried)
            others = sum(sum(each.alone[1:]) for each in tried)
            joint = sum(each.together for each in tried)
            yield (
                f"| {plan.examples:,} | {count:,} | {first / count:.1%} "
                f"| {others / count / (SLICES - 1):.1%} "
                f"| {sum(any(each.alone) for each in tried) / count:.1%} | {joint / count:.1%} |"
            )
            assert _chance(first, count) > 0.01, f"{first} of {count} missed a slice"
            assert _chance(joint, count) > 0.01, f"{joint} of {count} missed some slice"


def audits_needed(wrong_share: float, certified: float, seed: int) -> int:
    """Audits alone, in a population of 100,000, until at most so many are left wrong."""
    rng = np.random.default_rng(seed)
    is_wrong = rng.permutation(POPULATION) < round(wrong_share * POPULATION)
    found = np.append(0, np.cumsum(is_wrong))
    tolerated = round(certified * POPULATION)

    def is_enough(audits: int) -> bool:
        trail = Trail(
            np.arange(POPULATION, POPULATION - audits - 1, -1).astype(float),
            found[: audits + 1].astype(float),
            is_wrong[:audits],
        )
        return bound_wrong_labels(trail, alpha=ALPHA).highest - found[audits] <= tolerated

    return _first(is_enough, 50_000)


def _first(is_enough: Callable[[int], bool], most: int) -> int:
    """Once enough, always: no bound is wider than one before it."""
    short, enough = 0, most
    while enough - short > 1:
        middle = (short + enough) // 2
        short, enough = (short, middle) if is_enough(middle) else (middle, enough)
    return enough


def thrift_table(trials: int) -> Iterable[str]:
    yield "| wrong | certified | median audits | a tenth needs more than | exact bound, one look |"
    yield "|---|---|---|---|---|"
    for share in (0.0, 0.003, 0.005):
        counts = [audits_needed(share, 0.01, seed) for seed in range(trials if share else 1)]
        once = next(n for n in range(299, 50_000) if _is_enough_once(share, n))
        yield (
            f"| {share:.1%} | 1 % | {np.median(counts):,.0f} | {np.quantile(counts, 0.9):,.0f} "
            f"| {once:,} |"
        )


def _is_enough_once(share: float, audits: int) -> bool:
    """Whether a Clopper-Pearson bound at one look shows 1 % more often than not."""
    typical = int(binom.median(audits, share)) if share else 0
    return bool(binom.cdf(typical, audits, 0.01) <= ALPHA)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reviews", type=int, default=2000)
    parser.add_argument("--trials", type=int, default=200, help="of each row of the second table")
    parser.add_argument("--mixed", type=int, default=400, help="reviews with open examples")
    parser.add_argument("--sliced", type=int, default=1000, help="reviews with five slices")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    for line in thrift_table(options.trials):
        print(line, flush=True)
    print()
    for line in coverage_table(options.reviews, options.processes):
        print(line, flush=True)
    print()
    for line in slices_table(options.sliced, options.processes):
        print(line, flush=True)
    print(f"\n{try_mixtures(options.mixed)}")


if __name__ == "__main__":
    main()
