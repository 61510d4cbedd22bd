"""What the engine returns: plain numpy columns, one row per example.

`CheckpointScores` is what one checkpoint says of examples, and depends on no other; `combine` makes
of several of them a `SelfInfluence`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from workers.influence.coverage import Coverage
from workers.influence.sketches import sum_of_sketches

FloatArray = np.ndarray


@dataclass(frozen=True)
class SelfInfluence:
    """Self-influence of n examples over k checkpoints, and what the same pass shows. float64.

    TracIn's self-influence is never negative; large means that training on the example changes its
    own loss a lot, as for a wrong label. Unit: loss² per weight², times eta where weighted.

    self_influence: sum_i eta_i |g_i|², (n,).
    self_influence_equal: mean_i |g_i|², (n,).
    terms: |g_i|² at each checkpoint, unweighted, (n, k).
    last_layer, last_layer_terms: the same of the last layer's parameters alone, (n,) weighted by
        eta and (n, k); nan where the last layer was not among the layers asked for.
    loss: (n, k).
    margin: logit of the given class minus the largest other, (n, k); nan for regressions.
    el2n: |softmax - onehot|_2, regressions: |prediction - target|, (n, k).
    predicted: class of the largest mean probability; regressions: mean prediction, (n,).
    probability: mean probability of that class, (n,); nan for regressions.
    given_probability: mean probability of the given class, (n,); nan for regressions.
    finite: False where a loss or gradient was not finite at any checkpoint, (n,) bool. The term
        there and the totals are nan: nothing is known of these examples, least that they are clean.
    coverage: how every parameter was accounted for.
    sketch: inner products of two rows estimate the influence between the examples,
        sum_i eta_i <g_i, g_i'>, (n, dimension) float32; None if no sketch was asked for. nan where
        `finite` is False.
    """

    self_influence: FloatArray
    self_influence_equal: FloatArray
    terms: FloatArray
    last_layer: FloatArray
    last_layer_terms: FloatArray
    loss: FloatArray
    margin: FloatArray
    el2n: FloatArray
    predicted: FloatArray
    probability: FloatArray
    given_probability: FloatArray
    finite: np.ndarray
    coverage: Coverage = field(default_factory=Coverage)
    sketch: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.self_influence)

    @staticmethod
    def concatenate(parts: Sequence["SelfInfluence"]) -> "SelfInfluence":
        """The parts' examples in order, with the last part's coverage.

        Raises:
            ValueError: no parts, or parts with different numbers of checkpoints.
        """
        if not parts:
            raise ValueError("concatenate needs at least one part.")
        left_out = {"coverage"} if parts[0].sketch is not None else {"coverage", "sketch"}
        columns = [f.name for f in fields(SelfInfluence) if f.name not in left_out]
        joined = {name: np.concatenate([getattr(p, name) for p in parts]) for name in columns}
        return SelfInfluence(**joined, coverage=parts[-1].coverage)


@dataclass(frozen=True)
class CheckpointScores:
    """What one checkpoint says of n examples. float64.

    squared_norm: |gradient of the loss|² over the chosen layers, (n,).
    last_layer: the part of the last layer's parameters, (n,); nan where it was not chosen.
    loss, margin, el2n: as in SelfInfluence, (n,).
    belief: class probabilities (n, C); regressions: the prediction (n, 1); nan if neither.
    sketch: of the gradient, not weighted by eta, (n, dimension) float32; None if none was asked
        for. A row is nan where loss or gradient is not finite.
    """

    squared_norm: FloatArray
    last_layer: FloatArray
    loss: FloatArray
    margin: FloatArray
    el2n: FloatArray
    belief: FloatArray
    sketch: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.loss)


def combine(
    columns: Sequence[CheckpointScores],
    etas: Sequence[float] | FloatArray,
    targets: np.ndarray,
    coverage: Coverage | None = None,
) -> SelfInfluence:
    """The same examples' self-influence over k checkpoints.

    Args:
        columns: one for each checkpoint, in order.
        etas: their learning rates, (k,).
        targets: (n,), class indices or values; only classes are looked at.
    """
    weights = np.asarray(etas, dtype=np.float64)
    loss = np.stack([c.loss for c in columns], 1)
    terms = np.stack([c.squared_norm for c in columns], 1)
    last = np.stack([c.last_layer for c in columns], 1)
    fine = np.isfinite(loss) & np.isfinite(terms)
    terms[~fine] = np.nan
    last[~fine] = np.nan
    belief = np.mean([c.belief for c in columns], axis=0)
    nothing = np.full(len(loss), np.nan)
    predicted, probability, given = belief[:, 0], nothing, nothing
    if belief.shape[1] > 1:
        at = targets.clip(0, belief.shape[1] - 1)
        predicted = belief.argmax(1).astype(np.float64)
        probability, given = belief.max(1), belief[np.arange(len(belief)), at]
    sketches = [c.sketch for c in columns if c.sketch is not None]
    sketch = sum_of_sketches(sketches, weights) if sketches else None
    if sketch is not None:
        sketch[~fine.all(1)] = np.nan
    return SelfInfluence(
        self_influence=terms @ weights,
        self_influence_equal=terms.mean(1),
        terms=terms,
        last_layer=last @ weights,
        last_layer_terms=last,
        loss=loss,
        margin=np.stack([c.margin for c in columns], 1),
        el2n=np.stack([c.el2n for c in columns], 1),
        predicted=predicted,
        probability=probability,
        given_probability=given,
        finite=fine.all(1),
        coverage=Coverage() if coverage is None else coverage,
        sketch=sketch,
    )
