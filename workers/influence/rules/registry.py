"""What a rule is, and the registry: keyed by operation, so that a layer's class never matters.

A rule sees one call of an operation such as `F.linear` that was given a trainable parameter. Uses
of one parameter by several calls, or several modules, are joined before the norm is taken.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from workers.influence.sketches import Into

# About this many floats in one intermediate: what a core's cache holds.
CHUNK_FLOATS = 1 << 20
# A norm is added up in one go over at most so many numbers, and pays from so many on.
_RUN, _SHORTEST_RUN = 4096, 64
_LOW = (torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Call:
    """What a rule keeps of one call.

    operand: what the gradient of the parameters is made of together with the output's: a layer's
        input, or the indices of an embedding.
    roles: the call's parameters by their part in it, such as weight and bias.
    leading: how many dimensions of operand and output come before the features'; the examples are
        in one of them.
    options: what else the rule needs, such as a stride. Two uses of a parameter are joined along
        positions only if their options are equal.
    axes: which of the leading dimensions can hold the examples; None: any.
    """

    operand: Tensor
    roles: dict[str, Tensor]
    leading: int
    options: Hashable = None
    axes: frozenset[int] | None = None


class Rule(ABC):
    """Per-example gradients of one operation's parameters, from its operand and output gradient.

    operations: whose calls the rule is for.
    refuses: `bind` also sees calls without a parameter, to refuse what cannot be scored.
    needs_data: calls on parameters and constants alone are not the rule's: their result is a
        weight, derived from parameters.
    """

    operations: ClassVar[tuple[Callable[..., Any], ...]]
    refuses: ClassVar[bool] = False
    needs_data: ClassVar[bool] = False

    @abstractmethod
    def bind(self, *args: Any, **kwargs: Any) -> Call | None:
        """Reads one call's arguments. None: a call of this operation that the rule cannot do."""

    def bind_knowing(
        self,
        is_parameter: Callable[[Tensor], bool],  # noqa: ARG002
        *args: Any,
        **kwargs: Any,
    ) -> Call | None:
        """`bind`, for a rule that must know which operand is the parameter."""
        return self.bind(*args, **kwargs)

    @abstractmethod
    def gradient(self, role: str, a: Tensor, d: Tensor, options: Any) -> Tensor:
        """Each example's gradient of the parameter in this role.

        Args:
            a: operand, examples and positions first, (B, T, ...).
            d: gradient of the summed loss by the output, (B, T, ...).
        Returns:
            (B, *shape of the parameter).
        """

    def sq_norm(self, role: str, a: Tensor, d: Tensor, options: Any) -> Tensor:
        """|gradient|², (B,). A rule overrides this where there is a short cut."""
        return in_chunks(
            len(d), d[0].numel(), lambda s: squares(self.gradient(role, a[s], d[s], options))
        )

    def sq_norms(
        self, roles: Sequence[str], a: Tensor, d: Tensor, options: Any
    ) -> dict[str, Tensor]:
        """`sq_norm` of several parameters of one call, which may share work."""
        return {role: self.sq_norm(role, a, d, options) for role in roles}

    def sketch(self, role: str, a: Tensor, d: Tensor, options: Any, into: Into) -> Tensor:
        """Adds each example's gradient to its sketch, and returns `sq_norm`, (B,).

        Both in one, as the gradient is formed once for both. A rule overrides this where a map of
        `into` has a short cut; it must add what `into.add(gradient)` would.
        """

        def part(cut: slice) -> Tensor:
            gradient = self.gradient(role, a[cut], d[cut], options)
            into.add(gradient, cut)
            return squares(gradient)

        return in_chunks(len(d), max(d[0].numel(), into.map.shape.numel()), part)

    def can_join(self, a: Tensor, other: Tensor) -> bool:
        """Whether two uses' operands, (B, T, ...) each, may be concatenated along T."""
        return a.shape[2:] == other.shape[2:]


RULES: dict[Callable[..., Any], Rule] = {}


def register(rule: Rule) -> Rule:
    """Makes the engine use this rule for its operations from now on."""
    for operation in rule.operations:
        RULES[operation] = rule
    return rule


def squares(x: Tensor) -> Tensor:
    """Sum of squares of each example: (B, ...) → (B,).

    By norms of runs of numbers: it makes no copy of x, and adds up few numbers at a time.
    """
    if x.ndim == 1:
        return x.square()
    if x.dtype in _LOW:
        x = x.float()
    rows = x if x.ndim == 2 else x.flatten(1)
    if rows.shape[1] <= _RUN:
        return torch.linalg.vector_norm(rows, dim=1).square()
    run = min(_RUN, rows.shape[1] & -rows.shape[1])  # the largest power of two that divides
    if run < _SHORTEST_RUN:
        return rows.square().sum(1)
    return torch.linalg.vector_norm(rows.unflatten(1, (-1, run)), dim=2).square().sum(1)


def chunks(n_examples: int, floats_each: int) -> list[slice]:
    """Runs of examples whose intermediates, `floats_each` per example, stay in the cache."""
    step = max(1, CHUNK_FLOATS // max(1, floats_each))
    return [slice(start, start + step) for start in range(0, n_examples, step)]


def in_chunks(n_examples: int, floats_each: int, part: Callable[[slice], Tensor]) -> Tensor:
    """part(slice) for every chunk of examples, joined: (B,)."""
    parts = [part(s) for s in chunks(n_examples, floats_each)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)
