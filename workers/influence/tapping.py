"""Which uses of parameters can go by rule, and where the examples lie in each.

Found by watching passes over a few examples; `plan` then compares what comes of it with autograd.
"""

from collections import defaultdict
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from workers.influence.capture import Capture, Event, EventKey
from workers.influence.ghost import Taps
from workers.influence.layout import Layout, find_layouts, probe_weights
from workers.influence.losses import per_example
from workers.influence.rules import Call, Rule
from workers.influence.subject import Inputs, Subject, take
from workers.influence.weights import State

N_PROBE = 3
# Where three examples leave several layouts possible, more may not.
_MORE_EXAMPLES = (4, 5)


def find_taps(
    subject: Subject,
    state: State,
    selected: tuple[str, ...],
    inputs: Inputs,
    targets: Tensor,
    derive: frozenset[EventKey] = frozenset(),
) -> tuple[Taps, dict[str, str]]:
    """Taps of every parameter whose uses have rules and layouts; reasons against the others.

    A use of parameters and constants that does not show the examples may be one for the whole
    batch, as position embeddings are: it is then taken for a function of parameters alone.
    """
    events, fitting = _fitting(subject, state, selected, inputs, targets, derive)
    layouts: dict[int, Layout] = {}
    reasons: dict[str, str] = {}
    uses: defaultdict[str, list[int]] = defaultdict(list)
    for_all: set[EventKey] = set()
    for index, event in enumerate(events):
        problem = None
        if event.derives:
            continue
        if not event.has_rule:
            problem = f"no rule for {event.operation}"
        elif index in fitting:  # otherwise no gradient flows through this use
            if len(fitting[index]) == 1:
                (layouts[index],) = fitting[index]
            elif event.derivable:
                for_all.add(event.key)
            else:
                problem = f"{event.operation} does not show which example is where"
        for _, name in event.names:
            uses[name].append(index)
            if problem is not None:
                reasons.setdefault(name, problem)
    if for_all:
        return find_taps(subject, state, selected, inputs, targets, derive | for_all)
    ruled = frozenset(name for name in uses if name not in reasons)
    for name in selected:
        if name not in uses:
            reasons[name] = "its use could not be seen"
    shared = frozenset(name for name in ruled if len(uses[name]) > 1)
    return trimmed(Taps(selected, events, layouts, ruled, shared, derive)), reasons


def _fitting(
    subject: Subject,
    state: State,
    selected: tuple[str, ...],
    inputs: Inputs,
    targets: Tensor,
    derive: frozenset[EventKey],
) -> tuple[tuple[Event, ...], dict[int, frozenset[Layout]]]:
    """The events, and for each that has a gradient the layouts that fit it."""
    seen = _two_passes(subject, state, selected, inputs, targets, derive)
    fitting = seen.fitting(N_PROBE)
    for n in _MORE_EXAMPLES:
        if all(len(layouts) <= 1 for layouts in fitting.values()):
            break
        index = torch.arange(n, device=targets.device) % N_PROBE
        more = _two_passes(subject, state, selected, take(inputs, index), targets[index], derive)
        if more.events != seen.events:
            break
        also = more.fitting(n)
        fitting = {i: layouts & also.get(i, frozenset()) for i, layouts in fitting.items()}
    return seen.events, fitting


class _TwoPasses(NamedTuple):
    """By event: gradients by its output, with all losses alike and weighted; how to read them."""

    events: tuple[Event, ...]
    plain: dict[int, Tensor]
    tagged: dict[int, Tensor]
    calls: dict[int, tuple[int, frozenset[int] | None]]

    def fitting(self, n_examples: int) -> dict[int, frozenset[Layout]]:
        return {
            index: find_layouts(plain, self.tagged[index], n_examples, *self.calls[index])
            for index, plain in self.plain.items()
        }


def _two_passes(
    subject: Subject,
    state: State,
    selected: tuple[str, ...],
    inputs: Inputs,
    targets: Tensor,
    derive: frozenset[EventKey],
) -> _TwoPasses:
    plain: dict[int, Tensor] = {}
    tagged: dict[int, Tensor] = {}
    calls: dict[int, tuple[int, frozenset[int] | None]] = {}
    sink = plain

    def on_gradient(index: int, rule: Rule, call: Call, d: Tensor) -> None:  # noqa: ARG001
        calls[index] = call.leading, call.axes
        sink[index] = d.detach().clone()

    watch = Capture(
        {id(state[name]): name for name in selected},
        constants=state.values(),
        wanted=None,
        derive=derive,
        on_gradient=on_gradient,
        keep=True,
    )
    try:
        with watch:
            outputs = subject.forward(state, inputs)
        loss = per_example(subject.loss, outputs, targets, len(targets))
        if loss.requires_grad:
            loss.sum().backward(retain_graph=True)
            sink = tagged
            (loss * loss.new_tensor(probe_weights(len(loss)))).sum().backward()
    finally:
        watch.calls.clear()
    return _TwoPasses(tuple(watch.events), plain, tagged, calls)


def unless_they_move(taps: Taps, other: Taps, reasons: dict[str, str]) -> Taps:
    """Without parameters whose layout depends on the examples' order, as in a model that sorts."""
    if taps.events != other.events:
        moved = set(taps.names)
    else:
        indices = taps.layouts.keys() | other.layouts.keys()
        differing = [i for i in indices if taps.layouts.get(i) != other.layouts.get(i)]
        moved = {name for i in differing for _, name in taps.events[i].names}
    for name in taps.ruled & moved:
        reasons[name] = "where the examples are depends on their values"
    return trimmed(replace(taps, ruled=taps.ruled - moved))


def trimmed(taps: Taps) -> Taps:
    """Without taps that no ruled parameter needs."""
    needed = {
        index: layout
        for index, layout in taps.layouts.items()
        if any(name in taps.ruled for _, name in taps.events[index].names)
    }
    return replace(taps, layouts=needed, shared=taps.shared & taps.ruled)
