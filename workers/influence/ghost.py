"""One forward and one backward pass that give every ruled parameter's norm, as a plan says."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from workers.influence.capture import Capture, Event, EventKey
from workers.influence.joining import Use, joined_sq_norms
from workers.influence.layout import Layout
from workers.influence.losses import per_example
from workers.influence.rules import Call, Rule
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
    subject: Subject, taps: Taps, state: State, inputs: Inputs, targets: Tensor
) -> GhostPass | None:
    """Outputs, losses (B,) and squared norms {parameter: (B,)} of the ruled parameters.

    None where the forward pass used parameters in another way than the plan saw.
    """
    n = len(targets)
    norms: dict[str, Tensor] = {}
    pending: defaultdict[str, list[Use]] = defaultdict(list)
    misfit = False

    def on_gradient(index: int, rule: Rule, call: Call, d: Tensor) -> None:
        nonlocal misfit
        layout = taps.layouts[index]
        lead = call.operand.shape[: call.leading]
        if d.shape[: call.leading] != lead or not layout.fits(lead, n):
            misfit = True
            return
        a, d = call.operand.detach(), d.detach()
        if a.is_floating_point() and a.dtype != d.dtype:
            a = a.to(d.dtype)  # autocast
        a = layout.examples_first(a, n, call.leading)
        d = layout.examples_first(d, n, call.leading)
        alone: dict[str, str] = {}
        waiting: dict[str, Use] = {}
        for role, name in taps.events[index].names:
            if name not in taps.ruled:
                continue
            source = watch.ancestry.derived(call.roles[role])
            if name in taps.shared or (source is not None and not source.isometric):
                use = waiting.setdefault(role, Use(rule, role, a, d, call.options, source))
                pending[name].append(use)
            else:
                alone[role] = name
        for role, norm in rule.sq_norms(tuple(alone), a, d, call.options).items():
            norms[alone[role]] = norm

    names = {id(state[name]): name for name in taps.names}
    watch = Capture(
        names,
        constants=state.values(),
        wanted=frozenset(taps.layouts),
        derive=taps.derive,
        on_gradient=on_gradient,
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
        watch.calls.clear()
    if misfit:
        return None
    with torch.no_grad():
        joined, formed = joined_sq_norms(pending)
        norms |= joined
        for name in taps.ruled - norms.keys():  # no gradient reached it in this batch
            norms[name] = loss.new_zeros(n)
    detached = outputs.detach() if isinstance(outputs, Tensor) else outputs
    return GhostPass(detached, loss.detach(), norms, formed)
