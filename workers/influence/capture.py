"""Watches a forward pass for operations on trainable parameters, and taps their outputs.

At the level of functions, keyed by parameter: packed attention projections, tied weights and
functional calls are seen, which hooks on modules miss.
"""

import types
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from workers.influence import recurrent
from workers.influence.ancestry import Ancestry, Seen
from workers.influence.errors import OperandModified
from workers.influence.rules import RULES, Call, Rule

# Uses of a parameter that no gradient flows through.
_WITHOUT_GRADIENT = {
    Tensor.detach,
    vars(torch._C.TensorBase)["data"].__get__,
    vars(torch._C.TensorBase)["grad"].__get__,
    torch.zeros_like,
    torch.ones_like,
    torch.empty_like,
    torch.Tensor.new_zeros,
    torch.Tensor.new_ones,
    torch.Tensor.new_empty,
}
# Of their other operand only the shape or type counts.
_OF_SHAPE = {Tensor.to, Tensor.type_as, Tensor.expand_as, Tensor.view_as, Tensor.reshape_as}
_OVERWRITING = {
    "__setitem__",
    *(f"__i{name}__" for name in ("add", "sub", "mul", "truediv", "pow")),
}


# An event by what it is and which of its kind: the same in every pass, whatever else is watched.
EventKey = tuple[str, tuple[str, ...], int]


@dataclass(frozen=True)
class Event:
    """One use of trainable parameters: what was called, on which, and whether a rule can do it.

    derives: not a use, but a function of parameters alone, whose result stands for them.
    derivable: a use by rule that could have been taken for such a function.
    nth: how many calls of this operation on these parameters came before.
    """

    operation: str
    names: tuple[tuple[str, str], ...]  # (role, parameter)
    has_rule: bool
    derives: bool = False
    derivable: bool = False
    nth: int = 0

    @cached_property
    def key(self) -> EventKey:
        return self.operation, tuple(sorted(name for _, name in self.names)), self.nth

    @cached_property
    def described(self) -> tuple[str, tuple[tuple[str, str], ...], bool, bool, bool]:
        """All but how many came before."""
        return self.operation, self.names, self.has_rule, self.derives, self.derivable


# (event's index, rule, call, gradient by the call's output)
OnGradient = Callable[[int, Rule, Call, Tensor], None]


class _Attach(torch.autograd.Function):
    """Makes a fresh tensor part of the graph without a copy: the weights do not require a gradient.

    Marked as modified in place rather than returned as a view: in-place activations may follow.
    """

    @staticmethod
    def forward(ctx: Any, fresh: Tensor, anchor: Tensor) -> Tensor:  # noqa: ARG004
        ctx.mark_dirty(fresh)
        return fresh

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> tuple[None, None]:  # noqa: ARG004
        return None, None


class _Apart(torch.autograd.Function):
    """The same memory, but no view to autograd: an in-place activation would undo a view's hook."""

    @staticmethod
    def forward(ctx: FunctionCtx, view: Tensor) -> Tensor:  # noqa: ARG004
        return view.detach()

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> Tensor:  # noqa: ARG004
        return grads[0]


class Capture(TorchFunctionMode):
    """Records `events`, in order, while it is entered.

    Args:
        names: parameter by the id of the tensor that stands for it.
        constants: the model's other tensors, which do not change with the batch.
        wanted: indices of events whose output is tapped; None: every event that has a rule.
        derive: uses by rule that are to be taken for functions of parameters alone.
        expected: the events of an earlier pass, made anew only from where this one differs.
        on_gradient: called in the backward pass for each tapped event.
        keep: keep what was captured after its gradient came, for a second backward pass.
    """

    def __init__(
        self,
        names: Mapping[int, str],
        *,
        constants: Iterable[Tensor] = (),
        wanted: frozenset[int] | None = frozenset(),
        derive: frozenset[EventKey] = frozenset(),
        expected: Sequence[Event] = (),
        on_gradient: OnGradient | None = None,
        keep: bool = False,
    ) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.ancestry = Ancestry(names, constants)
        self._wanted = wanted
        self._derive = derive
        self._expected = expected
        self._on_gradient = on_gradient
        self._keep = keep
        self.calls: dict[int, Call] = {}
        self._anchor: Tensor | None = None
        self._counts: Counter[tuple[str, tuple[str, ...]]] = Counter()

    def close(self) -> None:
        """Lets go of what was captured, without waiting for the collector of cycles."""
        self.calls.clear()
        self._on_gradient = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is functional.multi_head_attention_forward:
            with self:
                return _attention_in_the_open(*args, **kwargs)
        seen = self.ancestry.look(args, kwargs)
        rule = RULES.get(func)
        if seen.parts:
            return self._use(seen, rule, func, args, kwargs)
        if rule is not None and rule.refuses:
            rule.bind(*args, **kwargs)
        if not seen.constant and args and _in_place(func, kwargs):
            self.ancestry.forget(args[0])
        result = func(*args, **kwargs)
        if seen.constant:
            self.ancestry.add_constants(result)
        return result

    def _use(
        self, seen: Seen, rule: Rule | None, func: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        if func in _WITHOUT_GRADIENT:
            result = func(*args, **kwargs)
            self.ancestry.add_constants(result)
            return result
        if func in recurrent.LAYERS or func in recurrent.CELLS:
            result = self._recurrence(seen, func, args)
            if result is not None:
                return result
        if rule is not None and not (rule.needs_data and seen.constant):
            call = rule.bind_knowing(self._is_parameter, *args, **kwargs)
            count, named = (0, ()) if call is None else self._roles(call)
            if call is not None and count == seen.parts:
                event = self._event(func, named, has_rule=True, derivable=seen.constant)
                if event.key not in self._derive:
                    return self._ruled(event, rule, call, func(*args, **kwargs))
        roles = tuple(("", name) for name in seen.names)
        in_place = _in_place(func, kwargs)
        if (seen.constant or func in _OF_SHAPE) and not in_place:
            result, found = self.ancestry.derive(func, args, kwargs)
            if found:
                self._record(self._event(func, roles, derives=True))
            return result
        result = func(*args, **kwargs)
        if in_place or _has_tensor(result):
            self._record(self._event(func, roles))
        if in_place:
            self.ancestry.forget(args[0])
        return result

    def _event(
        self,
        func: Callable[..., Any],
        roles: tuple[tuple[str, str], ...],
        *,
        has_rule: bool = False,
        derives: bool = False,
        derivable: bool = False,
    ) -> Event:
        operation, at = _name_of(func), len(self.events)
        if at < len(self._expected) and (at == 0 or self.events[-1] is self._expected[at - 1]):
            known = self._expected[at]
            if (operation, roles, has_rule, derives, derivable) == known.described:
                return known
        kind = operation, tuple(sorted(name for _, name in roles))
        return Event(operation, roles, has_rule, derives, derivable, self._counts[kind])

    def _record(self, event: Event) -> int:
        self._counts[event.key[:2]] += 1
        self.events.append(event)
        return len(self.events) - 1

    def _is_parameter(self, tensor: Tensor) -> bool:
        return bool(self.ancestry.names_of(tensor))

    def _roles(self, call: Call) -> tuple[int, tuple[tuple[str, str], ...]]:
        """How many of the call's roles are or derive from parameters, and which."""
        named = [(role, self.ancestry.names_of(t)) for role, t in call.roles.items()]
        return sum(map(bool, (n for _, n in named))), tuple((r, n) for r, ns in named for n in ns)

    def _ruled(self, event: Event, rule: Rule, call: Call, output: Tensor) -> Tensor:
        index = self._record(event)
        if self._taps(index):
            output = self.attached(output)
            self._tap(index, rule, call, output)
        return output

    def _taps(self, index: int) -> bool:
        return (self._wanted is None or index in self._wanted) and torch.is_grad_enabled()

    def attached(self, output: Tensor) -> Tensor:
        """The output as a part of the graph, without a copy, and no view."""
        if not output.requires_grad:
            if self._anchor is None:
                self._anchor = torch.zeros((), device=output.device, requires_grad=True)
            fresh = output.detach() if output._is_view() else output
            return _Attach.apply(fresh, self._anchor)
        return _Apart.apply(output) if output._is_view() else output

    def _tap(self, index: int, rule: Rule, call: Call, output: Tensor) -> None:
        self.calls[index] = call
        version = call.operand._version

        def hook(d: Tensor) -> None:
            held = self.calls[index] if self._keep else self.calls.pop(index)
            if held.operand._version != version:
                raise OperandModified(
                    f"The input of {self.events[index]} was modified in place after its use; "
                    "autograd could not train this layer either."
                )
            assert self._on_gradient is not None
            self._on_gradient(index, rule, held, d)

        output.register_hook(hook)

    def _recurrence(self, seen: Seen, func: Callable[..., Any], args: Any) -> Any:
        layer = func in recurrent.LAYERS
        weights = (args[2] if isinstance(args[2], list | tuple) else ()) if layer else args[2:]
        if self.ancestry.look(tuple(weights), {}).parts != seen.parts:
            return None  # a parameter is the input or the initial state
        return recurrent.unrolled(self, func, args) if layer else recurrent.cell(self, func, args)

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """F.linear, watched."""
        return self.__torch_function__(functional.linear, (), (x, weight, bias))

    def linear_by_steps(
        self, x: Tensor, weight: Tensor, bias: Tensor | None, output: Tensor
    ) -> None:
        """Says that x went through F.linear, and that the gradient of its output is `output`'s."""
        rule = RULES[functional.linear]
        call = rule.bind(x.detach(), weight, bias)
        count, named = (0, ()) if call is None else self._roles(call)
        if call is None or not count:
            return
        index = self._record(self._event(functional.linear, named, has_rule=True))
        if self._taps(index):
            self._tap(index, rule, call, output)


def _has_tensor(result: Any) -> bool:
    if isinstance(result, list | tuple):
        return any(_has_tensor(r) for r in result)
    return isinstance(result, Tensor)


def _in_place(func: Callable[..., Any], kwargs: Mapping[str, Any]) -> bool:
    name = _name_of(func)
    own = name.endswith("_") and not name.endswith("__")
    return own or name in _OVERWRITING or "out" in kwargs


def _name_of(func: Callable[..., Any]) -> str:
    return getattr(func, "__name__", None) or repr(func)


def _without_dispatch(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, except that a mode does not intercept it as a whole.

    Its inner calls are intercepted instead, so that the projections inside are seen.
    """
    assert isinstance(function, types.FunctionType)
    world = {**function.__globals__, "has_torch_function": lambda _: False}
    clone = types.FunctionType(
        function.__code__, world, function.__name__, function.__defaults__, function.__closure__
    )
    clone.__kwdefaults__ = function.__kwdefaults__
    return clone


_attention_in_the_open = _without_dispatch(functional.multi_head_attention_forward)
