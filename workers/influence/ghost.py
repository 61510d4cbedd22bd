"""One forward and one backward pass that give every ruled parameter's norm, as a plan says."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from workers.influence.capture import Capture, Event
from workers.influence.layout import Layout
from workers.influence.losses import per_example
from workers.influence.rules import Call, Rule
from workers.influence.rules.registry import in_chunks, squares
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
    """

    names: tuple[str, ...]
    events: tuple[Event, ...]
    layouts: dict[int, Layout]
    ruled: frozenset[str]
    shared: frozenset[str]


@dataclass(frozen=True)
class Use:
    """One part of one call, examples first: a and d are (B, T, ...)."""

    rule: Rule
    role: str
    a: Tensor
    d: Tensor
    options: Any


@dataclass
class GhostPass:
    outputs: Any
    loss: Tensor
    norms: dict[str, Tensor] = field(default_factory=dict)


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
        ruled = {role: name for role, name in taps.events[index].names if name in taps.ruled}
        alone = {role: name for role, name in ruled.items() if name not in taps.shared}
        for role in ruled.keys() - alone.keys():
            pending[ruled[role]].append(Use(rule, role, a, d, call.options))
        found = {} if sketch is None else _sketch(sketch, ruled, rule, a, d, call.options)
        rest = tuple(role for role in alone if role not in found)
        if rest:
            found |= rule.sq_norms(rest, a, d, call.options)
        for role, name in alone.items():
            norms[name] = found[role]

    names = {id(state[name]): name for name in taps.names}
    watch = Capture(names, wanted=frozenset(taps.layouts), on_gradient=on_gradient)
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
        for name, uses in pending.items():
            norms[name] = joined_sq_norm(uses)
        for name in taps.ruled - norms.keys():  # no gradient reached it in this batch
            norms[name] = loss.new_zeros(n)
    detached = outputs.detach() if isinstance(outputs, Tensor) else outputs
    return GhostPass(detached, loss.detach(), norms)


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


def can_join(one: Use, other: Use) -> bool:
    """Whether two uses are one use with more positions."""
    return (
        one.rule is other.rule
        and one.role == other.role
        and one.options == other.options
        and one.rule.can_join(one.a, other.a)
    )


def joined_sq_norm(uses: list[Use]) -> Tensor:
    """|sum of the uses' gradients|² of each example, (B,): first the sum, then the norm."""
    groups: list[list[Use]] = []
    for use in uses:
        group = next((g for g in groups if can_join(g[0], use)), None)
        if group is None:
            groups.append([use])
        else:
            group.append(use)
    joined = [
        Use(
            g[0].rule,
            g[0].role,
            torch.cat([u.a for u in g], 1) if len(g) > 1 else g[0].a,
            torch.cat([u.d for u in g], 1) if len(g) > 1 else g[0].d,
            g[0].options,
        )
        for g in groups
    ]
    if len(joined) == 1:
        (use,) = joined
        return use.rule.sq_norm(use.role, use.a, use.d, use.options)
    shape = joined[0].rule.gradient(joined[0].role, *_of(joined[0], slice(0, 1)))[0].shape

    def part(cut: slice) -> Tensor:
        total = sum(u.rule.gradient(u.role, *_of(u, cut)) for u in joined)
        assert isinstance(total, Tensor)
        return squares(total)

    return in_chunks(len(joined[0].d), shape.numel(), part)


def _of(use: Use, cut: slice) -> tuple[Tensor, Tensor, Any]:
    return use.a[cut], use.d[cut], use.options
