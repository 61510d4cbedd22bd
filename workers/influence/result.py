"""What the engine returns: plain numpy columns, one row per example."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from workers.influence.coverage import Coverage

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
        columns = [f.name for f in fields(SelfInfluence) if f.name != "coverage"]
        joined = {name: np.concatenate([getattr(p, name) for p in parts]) for name in columns}
        return SelfInfluence(**joined, coverage=parts[-1].coverage)
