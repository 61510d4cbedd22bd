"""How each parameter's norm is computed, decided by trying it on three examples of the data.

A parameter goes by rule only where (1) every use of it is one a rule can do, (2) the gradients at
those uses tell beyond doubt where the examples are, and (3) the norms by rule equal plain
autograd's on these examples. Whatever fails one of these takes the slow path, with the reason. So
doubt costs time, never exactness.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from workers.influence import slow_path
from workers.influence.capture import Capture, Event
from workers.influence.coverage import Treatment
from workers.influence.errors import BatchDependence
from workers.influence.ghost import Taps, ghost_pass
from workers.influence.layers import Layers, last_layer, select
from workers.influence.subject import Inputs, Subject, in_float64, take, tensors_of
from workers.influence.tapping import N_PROBE, find_taps, trimmed, unless_they_move
from workers.influence.weights import State


@dataclass(frozen=True)
class Plan:
    """`treatments` gives, for each selected parameter, how and a detail for people."""

    selected: tuple[str, ...]
    last_layer: tuple[str, ...]
    taps: Taps
    by_vmap: tuple[str, ...]
    one_by_one: tuple[str, ...]
    treatments: dict[str, tuple[Treatment, str]]

    def without_rules(self) -> "Plan":
        """For batches that use parameters in another way than their first examples do."""
        reason = (Treatment.ONE_BY_ONE, "its use depends on the data")
        return replace(
            self,
            taps=Taps((), (), {}, frozenset(), frozenset()),
            by_vmap=(),
            one_by_one=self.selected,
            treatments=dict.fromkeys(self.selected, reason),
        )


def make_plan(
    subject: Subject,
    trainable: dict[str, tuple[str, ...]],
    layers: Layers,
    states: Sequence[State],
    inputs: Inputs,
    targets: Tensor,
) -> Plan:
    """The plan for batches like this one.

    Raises:
        BatchDependence: an example's loss is not its own.
        LossNotPerExample: the loss does not give one value per example.
        UnknownLayer: `layers` fits nothing.
    """
    inputs, targets = _probe_examples(inputs, targets)
    state = _probe_state(subject, states, tuple(trainable), inputs, targets)
    state, inputs, targets = _without_rounding(subject, state, tuple(trainable), inputs, targets)
    last = last_layer(_trace(subject, state, tuple(trainable), inputs))
    selected = select(layers, trainable, last, subject.slots.types)
    truth = _truth(subject, state, selected, inputs, targets)

    taps, reasons = find_taps(subject, state, selected, inputs, targets)
    back = torch.arange(N_PROBE - 1, -1, -1, device=targets.device)
    other, _ = find_taps(subject, state, selected, take(inputs, back), targets[back])
    taps = unless_they_move(taps, other, reasons)
    no_gradient = frozenset(name for name in selected if name not in truth)
    taps, formed = _confirmed(subject, state, taps, truth, reasons, no_gradient, inputs, targets)

    slow = tuple(n for n in selected if n not in taps.ruled and n not in no_gradient)
    by_vmap = slow if slow and _vmap_agrees(subject, state, slow, truth, inputs, targets) else ()
    one_by_one = () if by_vmap else slow
    treatments = {}
    for name in selected:
        if name in no_gradient:
            treatments[name] = (Treatment.NO_GRADIENT, "the loss does not depend on it")
        elif name in taps.ruled:
            treatments[name] = _by_rule(taps, name, formed)
        else:
            how = Treatment.SLOW_PATH if by_vmap else Treatment.ONE_BY_ONE
            treatments[name] = (how, reasons.get(name, ""))
    return Plan(selected, last, taps, by_vmap, one_by_one, treatments)


def _by_rule(taps: Taps, name: str, formed: set[str]) -> tuple[Treatment, str]:
    events = [e for e in taps.events if name in (n for _, n in e.names)]
    uses = [e.operation for e in events if not e.derives]
    detail = uses[0] if len(uses) == 1 else f"{len(uses)} uses: {', '.join(sorted(set(uses)))}"
    through = dict.fromkeys(e.operation for e in events if e.derives)
    if through:
        detail += f", through {', '.join(through)}"
    return (Treatment.DIRECT if name in formed else Treatment.RULE), detail


def _probe_examples(inputs: Inputs, targets: Tensor) -> tuple[Inputs, Tensor]:
    """Three examples, finite ones if there are any; repeated if there are fewer."""
    usable = torch.ones(len(targets), dtype=torch.bool, device=targets.device)
    for part in (*tensors_of(inputs), targets):
        if part.is_floating_point():
            usable &= part.flatten(1).isfinite().all(1) if part.ndim > 1 else part.isfinite()
    where = usable.nonzero().flatten()
    if len(where) == 0:
        where = torch.arange(len(targets), device=targets.device)
    spread = torch.linspace(len(where) - 1, 0, N_PROBE, device=where.device).round().long()
    index = where[spread]
    return take(inputs, index), targets[index]


def _probe_state(
    subject: Subject,
    states: Sequence[State],
    names: tuple[str, ...],
    inputs: Inputs,
    targets: Tensor,
) -> State:
    """Weights near a checkpoint's, moved a little: a layer begun at zero would have no gradient."""
    generator = torch.Generator().manual_seed(0)
    state: State = {}
    for checkpoint in states:
        state = dict(checkpoint)
        for name in names:
            own = checkpoint[name]
            noise = torch.randn(own.shape, generator=generator, dtype=torch.float64).to(own)
            spread = own.std().item() if own.numel() > 1 else 0.0
            scale = spread if 1e-3 < spread < 1e3 else 0.1
            moved = own + 0.1 * scale * noise
            state[name] = torch.where(moved.isfinite(), moved, 0.1 * noise)
        with torch.no_grad():
            if bool(subject.losses(state, inputs, targets).isfinite().all()):
                break
    return state


def _without_rounding(
    subject: Subject, state: State, names: tuple[str, ...], inputs: Inputs, targets: Tensor
) -> tuple[State, Inputs, Tensor]:
    """The probe in float64, if the model uses its parameters there as it does in its own precision.

    A model that casts its weights may not; then the probe stays as it is.
    """
    wide = in_float64(subject, state, inputs, targets)
    if wide is None:
        return state, inputs, targets
    own_uses = _trace(subject, state, names, inputs)
    return (
        wide if _trace(subject, wide[0], names, wide[1]) == own_uses else (state, inputs, targets)
    )


def _trace(subject: Subject, state: State, names: tuple[str, ...], inputs: Inputs) -> list[Event]:
    watch = Capture({id(state[name]): name for name in names}, constants=state.values())
    with watch:  # with gradients, as what derives from parameters shows by them
        subject.forward(state, inputs)
    return watch.events


def _truth(
    subject: Subject, state: State, names: tuple[str, ...], inputs: Inputs, targets: Tensor
) -> dict[str, Tensor]:
    """Squared norms of each probe example, (3,), by plain autograd; absent: never any gradient.

    Raises:
        BatchDependence: an example's loss differs when it is alone.
    """
    with torch.no_grad():
        together = subject.losses(state, inputs, targets)
    norms: defaultdict[str, Tensor] = defaultdict(lambda: together.new_zeros(N_PROBE))
    for at in range(N_PROBE):
        alone, grads = subject.gradients(state, names, inputs, targets, at)
        tolerance = _rtol(together) * (1 + alone.abs())
        if bool(alone.isfinite()) and not bool((alone - together[at]).abs() <= tolerance):
            raise BatchDependence(
                f"The loss of an example is {alone.item():.6g} alone and "
                f"{together[at].item():.6g} beside others. It must depend on neither its batch "
                "nor chance: look for normalisation over the batch, attention across examples, "
                "a loss scaled by the batch's size, or dropout that eval() does not turn off."
            )
        for name, g in grads.items():
            if g is not None:
                norms[name][at] = g.square().sum()
    return dict(norms)


def _confirmed(
    subject: Subject,
    state: State,
    taps: Taps,
    truth: Mapping[str, Tensor],
    reasons: dict[str, str],
    no_gradient: frozenset[str],
    inputs: Inputs,
    targets: Tensor,
) -> tuple[Taps, set[str]]:
    """Without the parameters whose norms by rule are not plain autograd's; whose were formed."""
    taps = trimmed(replace(taps, ruled=taps.ruled - no_gradient))
    found = ghost_pass(subject, taps, state, inputs, targets)
    wrong = set()
    for name in taps.ruled:
        if found is None or not _agree(found.norms[name], truth[name], truth):
            wrong.add(name)
            reasons[name] = "the rule did not agree with autograd"
    formed = set() if found is None else found.formed
    return trimmed(replace(taps, ruled=taps.ruled - wrong)), formed


def _vmap_agrees(
    subject: Subject,
    state: State,
    names: tuple[str, ...],
    truth: Mapping[str, Tensor],
    inputs: Inputs,
    targets: Tensor,
) -> bool:
    try:
        found = slow_path.by_vmap(subject, state, names, inputs, targets)
    except slow_path.VMAP_FAILURES:
        return False
    return all(_agree(found[name], truth[name], truth) for name in names)


def _agree(found: Tensor, true: Tensor, truth: Mapping[str, Tensor]) -> bool:
    """Up to rounding, which is relative to the whole gradient for a part that should be zero."""
    rtol = _rtol(true)
    whole = torch.stack(list(truth.values())).sum(0)
    close = (found.double() - true.double()).abs() <= rtol * true + rtol**2 * whole
    return bool(close.all())


def _rtol(x: Tensor) -> float:
    """Far above rounding, far below any mistake in a formula."""
    return 1e-6 if x.dtype == torch.float64 else 1e-3 if x.dtype == torch.float32 else 5e-2
