"""What one forward pass tells beside the loss: margin, EL2N, probabilities or predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workers.influence.result import CheckpointScores

# Outputs of several checkpoints are looked at together, which costs a tenth of the calls, as long
# as they are no more numbers than this.
_TOGETHER = 1 << 22


@dataclass(frozen=True)
class Measures:
    """Of B examples at one checkpoint.

    margin: logit of the given class minus the largest other, (B,); nan for a regression.
    el2n: |softmax(outputs) - onehot(target)|_2; regression: |prediction - target|. (B,)
    belief: class probabilities (B, C); regression: the prediction (B, 1); nan if neither.
    """

    margin: Tensor
    el2n: Tensor
    belief: Tensor


def is_classification(outputs: Any, targets: Tensor) -> bool:
    """Logits (B, C ≥ 2) against class indices (B,)."""
    return (
        isinstance(outputs, Tensor)
        and not targets.is_floating_point()
        and targets.ndim == 1
        and outputs.ndim == 2
        and outputs.shape[1] > 1
    )


@torch.no_grad()
def measure(outputs: Any, targets: Tensor) -> Measures:
    """Measures of outputs (B, C) or (B,), all nan where they are neither of the two tasks'."""
    n = len(targets)
    nan = torch.full((n,), torch.nan, dtype=torch.float64, device=targets.device)
    if is_classification(outputs, targets):
        logits = outputs.double()
        inside = (targets >= 0) & (targets < logits.shape[1])
        given = targets.clamp(0, logits.shape[1] - 1)[:, None]
        probabilities = logits.softmax(1)
        own = logits.gather(1, given)
        others = logits.scatter(1, given, -torch.inf).amax(1)
        error = probabilities.scatter_add(1, given, -torch.ones_like(own))
        margin = torch.where(inside, own[:, 0] - others, nan)
        return Measures(margin, torch.where(inside, error.norm(dim=1), nan), probabilities)
    if (
        isinstance(outputs, Tensor)
        and targets.is_floating_point()
        and outputs.numel() == n == targets.numel()
    ):
        prediction = outputs.double().reshape(n, 1)
        off = (prediction[:, 0] - targets.double().reshape(n)).abs()
        return Measures(nan, off, prediction)
    return Measures(nan, nan, nan[:, None])


@dataclass(frozen=True)
class Seen:
    """One checkpoint's pass over B examples.

    total, last_layer: squared gradient norms, (B,) float64.
    outputs: the model's.
    sketch: (B, dimension) or None.
    """

    total: Tensor
    last_layer: Tensor
    loss: Tensor
    outputs: Any
    sketch: Tensor | None


def scores_of(passes: Sequence[Seen], targets: Tensor) -> list[CheckpointScores]:
    """The same examples' scores at each checkpoint, on the CPU."""
    n = len(targets)
    outputs = [each.outputs for each in passes]
    if len(passes) > 1 and _alike(outputs):
        whole = measure(torch.cat(outputs), targets.repeat(len(passes)))
        measures = [
            Measures(whole.margin[cut], whole.el2n[cut], whole.belief[cut])
            for cut in (slice(at * n, (at + 1) * n) for at in range(len(passes)))
        ]
    else:
        measures = [measure(each, targets) for each in outputs]
    columns = [
        torch.stack([p.total.double(), p.last_layer.double(), p.loss.double(), m.margin, m.el2n])
        for p, m in zip(passes, measures, strict=True)
    ]
    found = torch.stack(columns).cpu().numpy()
    scores = []
    for (norm, last, loss, margin, el2n), m, p in zip(found, measures, passes, strict=True):
        belief = m.belief.double().cpu().numpy()
        scores.append(CheckpointScores(norm, last, loss, margin, el2n, belief, _sketch(p)))
    return scores


def _sketch(seen: Seen) -> np.ndarray | None:
    """(B, dimension) float32; rows of examples that are not finite are nan throughout."""
    if seen.sketch is None:
        return None
    rows = seen.sketch.float()
    fine = rows.sum(1).isfinite() & seen.loss.isfinite() & seen.total.isfinite()
    if not bool(fine.all()):
        rows = rows.masked_fill(~fine[:, None], torch.nan)
    return rows.cpu().numpy()


def _alike(outputs: Sequence[Any]) -> bool:
    """Whether the outputs of several passes may be looked at as one batch's."""
    first = outputs[0]
    return (
        isinstance(first, Tensor)
        and first.ndim > 0
        and len(outputs) * first.numel() <= _TOGETHER
        and all(isinstance(x, Tensor) and x.shape == first.shape for x in outputs)
    )
