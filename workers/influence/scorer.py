"""The engine for batch after batch: a scorer that keeps checkpoints loaded."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from workers.influence import slow_path
from workers.influence.arithmetic import (
    Precision,
    PrecisionError,
    require_precision,
    rounding,
)
from workers.influence.coverage import EXACT, Coverage, Entry, Treatment
from workers.influence.errors import CheckpointMismatch, ShapeMismatch, UnknownLayer
from workers.influence.ghost import ghost_pass
from workers.influence.layers import Layers, select
from workers.influence.losses import Loss, resolve_loss
from workers.influence.measures import Seen, scores_of
from workers.influence.memory_order import MemoryOrder, in_order
from workers.influence.model_guard import scoring_mode
from workers.influence.plan import Plan, make_plan
from workers.influence.result import CheckpointScores, SelfInfluence, combine
from workers.influence.self_check import check_two, check_two_sketches
from workers.influence.sketches import BatchSketch, Sketcher, SketchSpec
from workers.influence.subject import Inputs, Subject, choose_device, require_examples, to_device
from workers.influence.weights import State, WeightSlots

Checkpoint = tuple[Mapping[str, Tensor], float]
# Batches of different forms may need different plans: the report names the slowest way taken.
_SLOWNESS = {treatment: place for place, treatment in enumerate(EXACT)}


class SelfInfluenceScorer:
    """Exact self-influence of batch after batch, with the checkpoints loaded once.

    Args:
        model: any module; it is never changed, not even by an exception. Its floating parameters
            give the precision; those with requires_grad False are left out.
        loss: "cross_entropy", "squared_error", or (outputs, targets) -> (B,), one value each.
        checkpoints: (state dict, eta) pairs; eta is the learning rate in force there.
        layers: "all", "last", or names and glob patterns of modules or parameters, or of classes
            of modules, such as "type:Linear".
        device: where to compute; by default cuda where there is one.
        sketch: also sketch each example's gradient, of those of the spec's layers that are scored.
        precision: "full", the model's own; "bf16" computes forward and backward in bfloat16
            where torch's autocast allows it; "tf32" rounds products on CUDA to TF32. The coverage
            states their error, which the self-check measures.
        channels_last: images and kernels with a pixel's channels side by side, which changes the
            speed only; None: whichever the first batches are quicker with.
        salts: a name for each checkpoint, such as a hash of its weights: sketches of one checkpoint
            by different scorers can be compared only if it is the same. By default its index.
    Raises:
        CheckpointMismatch: a state dict that does not fit, a bad eta, or salts that are not one for
            each checkpoint and all different.
        InfluenceError: an unknown loss, or nothing to score.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        loss: str | Loss,
        checkpoints: Sequence[Checkpoint],
        layers: Layers = "all",
        device: str | torch.device | None = None,
        sketch: SketchSpec | None = None,
        salts: Sequence[str] | None = None,
        precision: Precision = "full",
        channels_last: bool | None = None,
    ) -> None:
        self.device = choose_device(device)
        slots = WeightSlots(model)
        self._subject = Subject(model, slots, resolve_loss(loss), self.device)
        require_precision(precision)
        self._precision: Precision = precision
        self._precision_error: PrecisionError | None = None
        self._quick = self._subject.in_bf16() if precision == "bf16" else self._subject
        self._order = MemoryOrder(model, channels_last)
        if not checkpoints:
            raise CheckpointMismatch("Self-influence needs at least one checkpoint.")
        self._states = [slots.load(state, eta, self.device) for state, eta in checkpoints]
        self._put_in_order()
        self._etas = np.array([float(eta) for _, eta in checkpoints])
        self._trainable = {
            name: slots.aliases(name) for name, p in slots.parameters.items() if p.requires_grad
        }
        if not self._trainable:
            raise UnknownLayer("Every parameter of the model is frozen (requires_grad False).")
        self._layers: Layers = layers
        names = [str(i) for i in range(len(checkpoints))] if salts is None else list(salts)
        if len(set(names)) != len(checkpoints) or len(names) != len(checkpoints):
            raise CheckpointMismatch(
                f"{len(checkpoints)} checkpoints need as many different salts."
            )
        self._sketchers = (
            [None] * len(names)
            if sketch is None
            else [Sketcher(sketch, salt, self.device) for salt in names]
        )
        self._plans: list[Plan] = []
        self._coverage = Coverage()
        self._spent_s = self._slow_s = 0.0

    @property
    def coverage(self) -> Coverage:
        """How each parameter is accounted for; known once a batch was scored or checked."""
        share = self._slow_s / self._spent_s if self._spent_s else 0.0
        return replace(
            self._coverage,
            slow_share=share,
            precision=self._precision,
            precision_error=self._precision_error,
        )

    def _account(self) -> Coverage:
        """The coverage of the plans so far: made when a plan is, not for every batch."""
        entries = []
        for name, parameter in self._subject.slots.parameters.items():
            treatment, detail = Treatment.EXCLUDED, ""
            if name not in self._trainable:
                treatment = Treatment.FROZEN
            elif name in self._plans[0].treatments:
                ways = [plan.treatments[name] for plan in self._plans]
                treatment, detail = max(ways, key=lambda way: _SLOWNESS[way[0]])
            also = self._subject.slots.aliases(name)
            entries.append(Entry(name, parameter.numel(), treatment, detail, also))
        return Coverage(tuple(entries), self._plans[0].last_layer)

    def score(self, inputs: Inputs, targets: Tensor) -> SelfInfluence:
        """One batch at all checkpoints, in a forward and a backward pass each.

        Args:
            inputs: a tensor, or a tuple or dict of them, examples first; given to the model as
                model(inputs), model(*inputs) or model(**inputs).
            targets: examples first.
        Raises:
            BatchDependence: an example's loss depends on others or on chance.
            LossNotPerExample: the loss is not one value per example.
            ShapeMismatch: inputs and targets disagree on the number of examples.
            OperandModified: a layer's input was overwritten in place.
        """
        columns = self.score_each(inputs, targets)
        return combine(columns, self._etas, targets.cpu().numpy(), self.coverage)

    def score_each(
        self, inputs: Inputs, targets: Tensor, *, only: Sequence[int] | None = None
    ) -> list[CheckpointScores]:
        """As `score`, checkpoint by checkpoint, which `combine` makes one.

        Args:
            only: indices of the checkpoints to compute; all by default.
        """
        n = require_examples(inputs, targets)
        if n == 0:
            raise ShapeMismatch("A batch needs at least one example.")
        began, channels_last = perf_counter(), self._order.channels_last
        inputs, targets = self._placed(inputs, targets)
        chosen = range(len(self._states)) if only is None else only
        with self._scoring(self._precision):
            done = [
                self._at_checkpoint(
                    self._states[index], inputs, targets, self._quick, self._sketchers[index]
                )
                for index in chosen
            ]
        scores = scores_of([at.seen for at in done], targets)
        self._order.took(perf_counter() - began, n * len(done))
        if self._order.channels_last != channels_last:
            self._put_in_order()
        return scores

    def by_parameter(self, inputs: Inputs, targets: Tensor) -> dict[str, np.ndarray]:
        """Self-influence of one batch by each parameter alone, weighted by eta: {name: (n,)}.

        Raises: what `score` raises.
        """
        require_examples(inputs, targets)
        batch = self._placed(inputs, targets)
        total: dict[str, np.ndarray] = {}
        with self._scoring():
            for state, eta in zip(self._states, self._etas, strict=True):
                for name, norm in self._norms(state, *batch).items():
                    term = eta * norm.double().cpu().numpy()
                    total[name] = total[name] + term if name in total else term
        return {name: total[name] for name in self._trainable if name in total}

    def self_check(self, inputs: Inputs, targets: Tensor) -> None:
        """Compares two examples with a plain autograd loop, at the first and last checkpoint.

        In a lower precision the batch is also scored in both, which gives the coverage's
        `precision_error`; a batch of some dozens of examples tells enough.

        Raises:
            SelfCheckFailed: the norms, or the sketches asked for, differ beyond rounding.
            And what `score` raises.
        """
        require_examples(inputs, targets)
        batch = self._placed(inputs, targets)
        ends = sorted({0, len(self._states) - 1})
        with self._scoring():
            for index in ends:
                state, sketcher = self._states[index], self._sketchers[index]
                norms = partial(self._norms, sketcher=sketcher)
                check_two(self._subject, norms, state, *batch)
                if sketcher is not None:
                    sketches = partial(self._sketches, sketcher)
                    check_two_sketches(self._subject, sketches, state, *batch)
        if self._precision != "full":
            states = [self._states[index] for index in ends]
            with self._scoring():
                true = [self._at_checkpoint(s, *batch, self._subject).seen.total for s in states]
            with self._scoring(self._precision):
                found = [self._at_checkpoint(s, *batch, self._quick).seen.total for s in states]
            self._precision_error = PrecisionError.between(
                torch.cat(found).cpu().numpy(), torch.cat(true).cpu().numpy()
            )

    def _put_in_order(self) -> None:
        order = self._order.channels_last
        self._states = [
            {name: in_order(value, channels_last=order) for name, value in state.items()}
            for state in self._states
        ]

    def _placed(self, inputs: Inputs, targets: Tensor) -> tuple[Inputs, Tensor]:
        placed = to_device(inputs, self.device, channels_last=self._order.channels_last)
        return placed, to_device(targets, self.device)

    @contextmanager
    def _scoring(self, precision: Precision = "full") -> Iterator[None]:
        with scoring_mode(self._subject.model, self.device), rounding(self.device, precision):
            yield

    def _norms(
        self, state: State, inputs: Inputs, targets: Tensor, sketcher: Sketcher | None = None
    ) -> dict[str, Tensor]:
        return self._at_checkpoint(state, inputs, targets, self._subject, sketcher).norms

    def _sketches(
        self, sketcher: Sketcher, state: State, inputs: Inputs, targets: Tensor, name: str | None
    ) -> tuple[Tensor, BatchSketch]:
        """The batch's, and an empty one of one example; of one parameter, if named."""
        chosen = sketcher if name is None else sketcher.of_one(name)
        sketch = self._at_checkpoint(state, inputs, targets, self._subject, chosen).seen.sketch
        assert sketch is not None
        return sketch, self._start(chosen, self._plans[0], state, 1)

    def _at_checkpoint(
        self,
        state: State,
        inputs: Inputs,
        targets: Tensor,
        subject: Subject,
        sketcher: Sketcher | None = None,
    ) -> "_AtCheckpoint":
        for plan in self._plans:
            done = self._by_plan(plan, state, inputs, targets, subject, sketcher)
            if done is not None:
                if plan is not self._plans[0] and plan.taps.ruled:
                    self._plans.remove(plan)
                    self._plans.insert(0, plan)
                return done
        with rounding(self.device, "full"):
            plan = make_plan(
                self._subject, self._trainable, self._layers, self._states, inputs, targets
            )
        done = self._by_plan(plan, state, inputs, targets, subject, sketcher)
        if done is None:  # the full batch is unlike three of its examples
            plan = plan.without_rules()
            done = self._by_plan(plan, state, inputs, targets, subject, sketcher)
            assert done is not None
            self._plans.append(plan)  # it fits everything, so it is tried last
        else:
            self._plans.insert(0, plan)
        self._coverage = self._account()
        return done

    def _by_plan(
        self,
        plan: Plan,
        state: State,
        inputs: Inputs,
        targets: Tensor,
        subject: Subject,
        sketcher: Sketcher | None,
    ) -> "_AtCheckpoint | None":
        began = perf_counter()
        sketch = None if sketcher is None else self._start(sketcher, plan, state, len(targets))
        done = ghost_pass(subject, plan.taps, state, inputs, targets, sketch)
        if done is None:
            return None
        norms, by_rule = done.norms, perf_counter()
        formed = None if sketch is None else sketch.add_gradients
        if plan.by_vmap:
            norms |= slow_path.by_vmap(subject, state, plan.by_vmap, inputs, targets, formed)
        if plan.one_by_one:
            norms |= slow_path.one_by_one(subject, state, plan.one_by_one, inputs, targets, formed)
        if plan.by_vmap or plan.one_by_one:
            self._slow_s += perf_counter() - by_rule
        self._spent_s += perf_counter() - began
        last = [norms[name] for name in plan.last_layer if name in norms]
        complete = all(n in norms or n not in plan.selected for n in plan.last_layer)
        seen = Seen(
            total=_sum(list(norms.values()), done.loss),
            last_layer=_sum(last, done.loss)
            if complete and last
            else torch.full_like(done.loss, torch.nan),
            loss=done.loss,
            outputs=done.outputs,
            sketch=None if sketch is None else sketch.total(),
        )
        return _AtCheckpoint(norms, seen)

    def _start(self, sketcher: Sketcher, plan: Plan, state: State, n: int) -> BatchSketch:
        slots = self._subject.slots
        chosen = select(sketcher.spec.layers, self._trainable, plan.last_layer, slots.types)
        parameters = slots.parameters
        shapes = {name: parameters[name].shape for name in chosen if name in plan.selected}
        if not shapes:
            raise UnknownLayer("None of the layers to sketch is among the layers to score.")
        return sketcher.start(shapes, n, state[next(iter(shapes))].dtype)


class _AtCheckpoint(NamedTuple):
    norms: dict[str, Tensor]  # by parameter, (B,) each
    seen: Seen


def _sum(norms: list[Tensor], like: Tensor) -> Tensor:
    """Sum in float64, (B,)."""
    if not norms:
        return torch.zeros(like.shape, dtype=torch.float64, device=like.device)
    return torch.stack(norms).sum(0, dtype=torch.float64)
