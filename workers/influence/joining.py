"""The norm of a parameter with several uses: first the sum of their gradients, then the norm."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from workers.influence.ancestry import Derived
from workers.influence.rules import Rule
from workers.influence.rules.registry import chunks, in_chunks, squares
from workers.influence.rules.tied import INNER
from workers.influence.sketches import BatchSketch


@dataclass(frozen=True)
class Use:
    """One part of one call, examples first: a and d are (B, T, ...).

    source: the derived tensor in this role; None: the parameter itself.
    """

    rule: Rule
    role: str
    a: Tensor
    d: Tensor
    options: Any
    source: Derived | None = None

    @property
    def keeps_norm(self) -> bool:
        """Whether the rule's norm is the parameter's."""
        return self.source is None or self.source.isometric

    def gradient(self, cut: slice) -> Tensor:
        """Of what is in this role, (len(cut), ...)."""
        return self.rule.gradient(self.role, self.a[cut], self.d[cut], self.options)

    def sq_norm(self) -> Tensor:
        return self.rule.sq_norm(self.role, self.a, self.d, self.options)


def can_join(one: Use, other: Use) -> bool:
    """Whether two uses are one use with more positions."""
    return (
        one.rule is other.rule
        and one.role == other.role
        and one.options == other.options
        and (one.source and one.source.key) == (other.source and other.source.key)
        and one.rule.can_join(one.a, other.a)
    )


def joined_sq_norms(pending: Mapping[str, list[Use]]) -> tuple[dict[str, Tensor], set[str]]:
    """|sum of the uses' gradients|² of each parameter, (B,), and whose gradients were formed."""
    together: defaultdict[tuple[int, ...], list[str]] = defaultdict(list)
    for name, uses in pending.items():
        together[tuple(id(use) for use in uses)].append(name)
    norms: dict[str, Tensor] = {}
    formed: set[str] = set()
    for names in together.values():
        joined = _joined(pending[names[0]])
        short = _without_gradients(joined) if len(names) == 1 else None
        if short is not None:
            norms[names[0]] = short
        else:
            norms |= _by_gradients(names, joined)
            formed |= set(names)
    return norms, formed


def sketch_derived(sketch: BatchSketch, pending: Mapping[str, list[Use]]) -> None:
    """Adds the uses by way of derived tensors, which no rule can sketch, to a batch's sketch."""
    names = {name for name in pending if name in sketch.maps}
    uses = {id(use): use for name in names for use in pending[name] if use.source is not None}
    for use in uses.values():
        assert use.source is not None
        floats = use.source.value.numel() + sum(leaf.numel() for leaf in use.source.leaves.values())
        for cut in chunks(len(use.d), floats):
            pulled = use.source.pull(use.gradient(cut))
            sketch.add_gradients({name: pulled[name] for name in names & pulled.keys()}, cut)


def _joined(uses: list[Use]) -> list[Use]:
    groups: list[list[Use]] = []
    for use in uses:
        group = next((g for g in groups if can_join(g[0], use)), None)
        if group is None:
            groups.append([use])
        else:
            group.append(use)
    return [
        replace(g[0], a=torch.cat([u.a for u in g], 1), d=torch.cat([u.d for u in g], 1))
        if len(g) > 1
        else g[0]
        for g in groups
    ]


def _without_gradients(uses: list[Use]) -> Tensor | None:
    """By the rules' norms and what is known of pairs of uses, if that is enough."""
    if not all(use.keeps_norm for use in uses):
        return None
    between: list[Tensor] = []
    if not _disjoint(uses):
        for one, other in combinations(uses, 2):
            inner = _inner(one, other)
            if inner is None:
                return None
            between.append(2 * inner)
    norms = torch.stack([use.sq_norm() for use in uses] + between).sum(0)
    return norms.clamp_min(0)


def _inner(one: Use, other: Use) -> Tensor | None:
    """<gradient by one use, gradient by the other> of each example, (B,)."""
    if one.source is not None or other.source is not None:
        return None
    for first, second in ((one, other), (other, one)):
        rule = INNER.get((type(first.rule), first.role, type(second.rule), second.role))
        if rule is not None:
            return rule(first.a, first.d, first.options, second.a, second.d)
    return None


def _disjoint(uses: list[Use]) -> bool:
    """Whether the uses are of different parts of the parameter: their inner products are 0."""
    if len(uses) == 1:
        return True
    masks: list[Tensor] = []
    for use in uses:
        if use.source is None:
            return False
        masks += use.source.pull(torch.ones_like(use.source.value)[None]).values()
    return bool((torch.stack(masks).sum(0) <= 1).all())


def _by_gradients(names: list[str], uses: list[Use]) -> dict[str, Tensor]:
    first = _gradients(names, uses, slice(0, 1))
    floats = sum(g.numel() for g in first.values())
    floats += sum(u.source.value.numel() for u in uses if u.source is not None)

    def part(cut: slice) -> Tensor:
        grads = _gradients(names, uses, cut)
        return torch.stack([squares(grads[name]) for name in names], 1)

    found = in_chunks(len(uses[0].d), floats, part)
    return dict(zip(names, found.unbind(1), strict=True))


def _gradients(names: list[str], uses: list[Use], cut: slice) -> dict[str, Tensor]:
    """The sum of the uses' gradients of each parameter, formed."""
    total: dict[str, Tensor] = {}
    for use in uses:
        own = use.gradient(cut)
        pulled = dict.fromkeys(names, own) if use.source is None else use.source.pull(own)
        for name in names:
            total[name] = total[name] + pulled[name] if name in total else pulled[name]
    return total
