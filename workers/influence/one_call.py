"""The engine in one call: every example of some batches."""

from collections.abc import Iterable, Sequence, Sized
from dataclasses import replace

import torch
from torch import Tensor, nn

from workers.influence.arithmetic import Precision
from workers.influence.errors import ShapeMismatch
from workers.influence.layers import Layers
from workers.influence.losses import Loss
from workers.influence.progress import Progress, TextBar
from workers.influence.result import SelfInfluence
from workers.influence.scorer import Checkpoint, SelfInfluenceScorer
from workers.influence.sketches import SketchSpec
from workers.influence.subject import Inputs


def self_influence(
    model: nn.Module,
    batches: Iterable[tuple[Inputs, Tensor]],
    *,
    loss: str | Loss,
    checkpoints: Sequence[Checkpoint],
    layers: Layers = "all",
    device: str | torch.device | None = None,
    progress: bool | Progress = False,
    check: bool = True,
    sketch: SketchSpec | None = None,
    salts: Sequence[str] | None = None,
    precision: Precision = "full",
    channels_last: bool | None = None,
) -> SelfInfluence:
    """Exact TracIn self-influence of every example, sum_i eta_i |grad loss(example, w_i)|².

    Args:
        batches: (inputs, targets) pairs, read once, one at a time. Results do not depend on how
            the examples are split into batches, beyond rounding.
        progress: True draws a bar; a function is called after each batch with the examples done
            and the total, or None where `batches` does not tell (it has no `dataset` with a
            length).
        check: compare two examples with plain autograd before trusting the rest.
        Others: as for SelfInfluenceScorer.
    Returns:
        Rows in the order of the batches; bounded memory apart from them.
    Raises:
        ShapeMismatch: no examples at all.
        And what SelfInfluenceScorer raises.
    """
    scorer = SelfInfluenceScorer(
        model,
        loss=loss,
        checkpoints=checkpoints,
        layers=layers,
        device=device,
        sketch=sketch,
        salts=salts,
        precision=precision,
        channels_last=channels_last,
    )
    dataset = getattr(batches, "dataset", None)
    total = len(dataset) if isinstance(dataset, Sized) else None
    parts: list[SelfInfluence] = []
    done = 0
    told: Progress | None = TextBar() if progress is True else progress or None
    for inputs, targets in batches:
        if len(targets) == 0:
            continue
        if check and not parts:
            scorer.self_check(inputs, targets)
        parts.append(scorer.score(inputs, targets))
        done += len(targets)
        if told is not None:
            told(done, total)
    if not parts:
        raise ShapeMismatch("There are no examples to score.")
    return replace(SelfInfluence.concatenate(parts), coverage=scorer.coverage)
