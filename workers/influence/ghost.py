"""One forward and one backward pass that give every ruled parameter's norm, as a plan says."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from workers.influence.capture import Capture, Event, EventKey
from workers.influence.joining import Use, joined_sq_norms, sketch_derived
from workers.influence.layout import Layout
from workers.influence.losses import per_example
from workers.influence.rules import Call, Rule
from workers.influence.sketches import BatchSketch
from workers.influence.subject import Inputs, Subject
from workers.influence.weights import State


@dataclass(frozen=True)
class Taps:
    """What is captured, and how its uses are summed.

    events: the uses of selected parameters that the forward pass must repeat exactly.
    layouts: where the examples are, for each event that is tapped.
    ruled: parameters whose norm comes from here.
    shared: those of them that have several uses, to be joined before the norm.
    derive: calls that are taken for functions of parameters alone, not for uses.
    """

    names: tuple[str, ...]
    events: tuple[Event, ...]
    layouts: dict[int, Layout]
    ruled: frozenset[str]
    shared: frozenset[str]
    derive: frozenset[EventKey] = frozenset()


@dataclass
class GhostPass:
    """`formed` are the parameters whose gradients were formed, a few examples at a time."""

    outputs: Any
    loss: Tensor
    norms: dict[str, Tensor] = field(default_factory=dict)
    formed: set[str] = field(default_factory=set)


def ghost_pass(
    subject: Subject,
    taps: Taps,
    state: State,
    inputs: Inputs,
    targets: Tensor,
    sketch: BatchSketch | None = None,
) -> GhostPass | None:
    """Outputs, losses (B,) and squared norms {parameter: (B,)} of the ruled parameters.

    Args:
        sketch: the gradients of its parameters are added to it, use by use: it is linear.
    Returns:
        None where the forward pass used parameters in another way than the plan saw; what was added
        to the sketch is then of no use.
    """
    n = len(targets)
    names = {id(state[name]): name for name in taps.names}
    found = _Collected(taps, n, sketch)
    watch = Capture(
        names,
        constants=state.values(),
        wanted=frozenset(taps.layouts),
        derive=taps.derive,
        expected=taps.events,
        on_gradient=lambda *event: found.add(watch, *event),
    )
    try:
        with watch:
            outputs = subject.forward(state, inputs)
        if tuple(watch.events) != taps.events:
            return None
        loss = per_example(subject.loss, outputs, targets, n)
        if loss.requires_grad:
            loss.sum().backward()
    finally:
        watch.close()
    if found.misfit:
        return None
    with torch.no_grad():
        joined, formed = joined_sq_norms(found.pending)
        norms = found.norms | joined
        if sketch is not None:
            sketch_derived(sketch, found.pending)
        for name in taps.ruled - norms.keys():  # no gradient reached it in this batch
            norms[name] = loss.new_zeros(n)
    detached = outputs.detach() if isinstance(outputs, Tensor) else outputs
    return GhostPass(detached, loss.detach(), norms, formed)


@dataclass
class _Collected:
    """What the backward pass has given so far.

    norms: of parameters with one use.
    pending: uses to be joined, or taken back to the parameters they derive from, by parameter.
    misfit: a gradient was not of the form that the plan saw.
    """

    taps: Taps
    n: int
    sketch: BatchSketch | None
    norms: dict[str, Tensor] = field(default_factory=dict)
    pending: defaultdict[str, list[Use]] = field(default_factory=lambda: defaultdict(list))
    misfit: bool = False

    def add(self, watch: Capture, index: int, rule: Rule, call: Call, d: Tensor) -> None:
        """The gradient by one tapped call's output."""
        n, layout, lead = self.n, self.taps.layouts[index], call.operand.shape[: call.leading]
        if d.shape[: call.leading] != lead or not layout.fits(lead, n):
            self.misfit = True
            return
        a, d = call.operand.detach(), d.detach()
        if a.is_floating_point() and a.dtype != d.dtype:
            a = a.to(d.dtype)  # autocast
        if self.sketch is not None and d.dtype == torch.bfloat16:
            a, d = a.float() if a.is_floating_point() else a, d.float()
        a = layout.examples_first(a, n, call.leading)
        d = layout.examples_first(d, n, call.leading)
        alone: dict[str, str] = {}
        plain: dict[str, str] = {}
        waiting: dict[str, Use] = {}
        for role, name in self.taps.events[index].names:
            if name not in self.taps.ruled:
                continue
            source = watch.ancestry.derived(call.roles[role])
            if source is None:
                plain[role] = name
            if source is not None or name in self.taps.shared:
                use = waiting.setdefault(role, Use(rule, role, a, d, call.options, source))
                self.pending[name].append(use)
            else:
                alone[role] = name
        sketch = self.sketch
        found = {} if sketch is None else _sketch(sketch, plain, rule, a, d, call.options)
        rest = tuple(role for role in alone if role not in found)
        if rest:
            found |= rule.sq_norms(rest, a, d, call.options)
        for role, name in alone.items():
            self.norms[name] = found[role]


def _sketch(
    sketch: BatchSketch, roles: dict[str, str], rule: Rule, a: Tensor, d: Tensor, options: Any
) -> dict[str, Tensor]:
    """Adds the use of those parameters that are sketched, and gives this use's norms by role."""
    into = {role: sketch.into(name) for role, name in roles.items()}
    return {
        role: rule.sketch(role, a, d, options, target)
        for role, target in into.items()
        if target is not None
    }
