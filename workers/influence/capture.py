"""Watches a forward pass for operations on trainable parameters, and taps their outputs.

At the level of functions, keyed by parameter: packed attention projections, tied weights and
functional calls are seen, which hooks on modules miss.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional
from torch.overrides import TorchFunctionMode

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


@dataclass(frozen=True)
class Event:
    """One use of trainable parameters: what was called, on which, and whether a rule can do it."""

    operation: str
    names: tuple[tuple[str, str], ...]  # (role, parameter)
    has_rule: bool


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
        wanted: indices of events whose output is tapped; None: every event that has a rule.
        on_gradient: called in the backward pass for each tapped event.
        keep: keep what was captured after its gradient came, for a second backward pass.
    """

    def __init__(
        self,
        names: Mapping[int, str],
        *,
        wanted: frozenset[int] | None = frozenset(),
        on_gradient: OnGradient | None = None,
        keep: bool = False,
    ) -> None:
        super().__init__()
        self.events: list[Event] = []
        self._names = names
        self._wanted = wanted
        self._on_gradient = on_gradient
        self._keep = keep
        self.calls: dict[int, Call] = {}
        self._anchor: Tensor | None = None

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
        rule = RULES.get(func)
        if rule is not None:
            return self._ruled(rule, func, args, kwargs)
        used = self._used(args, kwargs)
        result = func(*args, **kwargs)
        if used and func not in _WITHOUT_GRADIENT and _has_tensor(result):
            roles = tuple(("", name) for name in used)
            self.events.append(Event(_name_of(func), roles, has_rule=False))
        return result

    def _ruled(self, rule: Rule, func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        call = rule.bind(*args, **kwargs)
        used = self._used(args, kwargs)
        if not used:
            return func(*args, **kwargs)
        names = self._names
        index = len(self.events)
        roles = (
            ()
            if call is None
            else tuple((r, names[id(t)]) for r, t in call.roles.items() if id(t) in names)
        )
        # A parameter that comes in another part of the call, say as its input, is not the rule's.
        if call is None or len(roles) != len(used):
            self.events.append(Event(_name_of(func), tuple(("", n) for n in used), has_rule=False))
            return func(*args, **kwargs)
        self.events.append(Event(_name_of(func), roles, has_rule=True))
        output = func(*args, **kwargs)
        if (self._wanted is None or index in self._wanted) and torch.is_grad_enabled():
            output = self._tap(index, rule, call, output)
        return output

    def _tap(self, index: int, rule: Rule, call: Call, output: Tensor) -> Tensor:
        if not output.requires_grad:
            if self._anchor is None:
                self._anchor = torch.zeros((), device=output.device, requires_grad=True)
            output = _Attach.apply(output, self._anchor)
        elif output._is_view():
            output = _Apart.apply(output)
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
        return output

    def _used(self, args: Any, kwargs: Any) -> list[str]:
        names = self._names
        used = []
        for arg in (*args, *kwargs.values()) if kwargs else args:
            if isinstance(arg, list | tuple):
                used += [names[id(a)] for a in arg if id(a) in names]
            elif id(arg) in names:
                used.append(names[id(arg)])
        return used


def _has_tensor(result: Any) -> bool:
    if isinstance(result, list | tuple):
        return any(_has_tensor(r) for r in result)
    return isinstance(result, Tensor)


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
