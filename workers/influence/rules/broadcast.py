"""Parameters that are broadcast over the batch: x + p, x * p, p.expand(B, ...).

The gradient is that of the result, times the other operand, summed over what p was broadcast over.
"""

# Arguments are named as the operation names them, used or not.
# ruff: noqa: A002, ARG002

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from workers.influence.rules.registry import Call, Rule, register


@dataclass(frozen=True)
class Spread:
    """Of a parameter over a result: lead and features are its sizes there, 1 where broadcast."""

    lead: tuple[int, ...]
    features: tuple[int, ...]
    shape: tuple[int, ...]


class Broadcast(Rule):
    """Subclasses give the factor of each operand's gradient."""

    operations: ClassVar[tuple[Callable[..., Any], ...]] = ()

    def gradient(self, role: str, a: Tensor, d: Tensor, options: Spread) -> Tensor:
        """a, d: (B, T, ...), of the result's shape."""
        n = len(d)
        product = (d * a).reshape(n, -1, math.prod(options.lead), *d.shape[2:]).sum(1)
        over = [2 + i for i, size in enumerate(options.features) if size == 1]
        return (product.sum(over) if over else product).reshape(n, *options.shape)


def _over(parameter: Tensor, shape: torch.Size, factor: Tensor) -> Call | None:
    """The call of a parameter broadcast to `shape`; None where no batch can be among its span."""
    sizes = (1,) * (len(shape) - parameter.ndim) + tuple(parameter.shape)
    leading = next((i for i, size in enumerate(sizes) if size != 1), len(sizes))
    if leading == 0 and len(sizes) > 1 and sizes[1] == 1:
        leading = 2  # (T, 1, ...), for a batch that comes second
    if leading == 0:
        return None
    spread = Spread(sizes[:leading], sizes[leading:], tuple(parameter.shape))
    axes = frozenset(i for i, size in enumerate(spread.lead) if size == 1)
    return Call(factor.detach().expand(shape), {"weight": parameter}, leading, spread, axes)


class Arithmetic(Broadcast):
    """x ∘ p or p ∘ x; `factor` is the derivative of the result by p."""

    needs_data = True

    def bind(self, *args: Any, **kwargs: Any) -> Call | None:
        raise NotImplementedError  # which operand is the parameter must be known: see bind_knowing

    def bind_knowing(
        self, is_parameter: Callable[[Tensor], bool], input: Any, other: Any, **options: Any
    ) -> Call | None:
        if not (isinstance(input, Tensor) and isinstance(other, Tensor)):
            return None
        if options.keys() - {"alpha"} or options.get("alpha", 1) != 1:
            return None
        first = is_parameter(input)
        parameter, x = (input, other) if first else (other, input)
        if not (parameter.is_floating_point() and not x.is_complex()):
            return None
        shape = torch.broadcast_shapes(input.shape, other.shape)
        with torch.no_grad():
            return _over(parameter, shape, self.factor(x.detach(), parameter, first=first))

    def factor(self, x: Tensor, parameter: Tensor, *, first: bool) -> Tensor:
        """Derivative of the result by the parameter, which is the first operand or the second."""
        raise NotImplementedError


class Add(Arithmetic):
    operations = (torch.add, Tensor.add, Tensor.add_, Tensor.__iadd__)

    def factor(self, x: Tensor, parameter: Tensor, *, first: bool) -> Tensor:
        return parameter.new_ones(())


class Sub(Arithmetic):
    operations = (torch.sub, Tensor.sub, Tensor.sub_, Tensor.__isub__)

    def factor(self, x: Tensor, parameter: Tensor, *, first: bool) -> Tensor:
        return parameter.new_full((), 1 if first else -1)


class Mul(Arithmetic):
    operations = (torch.mul, Tensor.mul)

    def factor(self, x: Tensor, parameter: Tensor, *, first: bool) -> Tensor:
        return x


class Div(Arithmetic):
    operations = (torch.div, Tensor.div, torch.true_divide)

    def factor(self, x: Tensor, parameter: Tensor, *, first: bool) -> Tensor:
        return x.reciprocal() if first else -x / parameter.square()


class Expand(Broadcast):
    """A parameter copied for every example, as a class token is."""

    operations = (Tensor.expand, Tensor.expand_as, torch.broadcast_to, Tensor.broadcast_to)

    def bind(self, input: Tensor, *sizes: Any, **kwargs: Any) -> Call | None:
        if not input.is_floating_point() or kwargs:
            return None
        (size,) = sizes if len(sizes) == 1 else (sizes,)
        shape = size.shape if isinstance(size, Tensor) else input.expand(size).shape
        return _over(input, shape, input.new_ones(()))


class Repeat(Broadcast):
    operations = (Tensor.repeat,)

    def bind(self, input: Tensor, *repeats: Any) -> Call | None:
        if not input.is_floating_point():
            return None
        times = repeats[0] if isinstance(repeats[0], list | tuple) else repeats
        sizes = (1,) * (len(times) - input.ndim) + tuple(input.shape)
        if any(size > 1 and time > 1 for size, time in zip(sizes, times, strict=True)):
            return None
        shape = torch.Size(size * time for size, time in zip(sizes, times, strict=True))
        return _over(input, shape, input.new_ones(()))


for rule in (Add(), Sub(), Mul(), Div(), Expand(), Repeat()):
    register(rule)
