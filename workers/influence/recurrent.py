"""nn.LSTM, nn.GRU, nn.RNN and their cells, step by step, as the two linear layers that they are.

torch runs a whole recurrence in one call that no rule sees. Here the input's projection is one
linear layer over all steps, and the state's is joined over the steps: its operand is the states
before each step, and its output's gradient is that of the step's gates.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

State = tuple[Tensor, ...]


class Watch(Protocol):
    """What the unrolled layers need of the capture."""

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """F.linear, watched."""

    def attached(self, output: Tensor) -> Tensor:
        """The output as part of the graph, so that its gradient can be seen."""

    def linear_by_steps(
        self, x: Tensor, weight: Tensor, bias: Tensor | None, output: Tensor
    ) -> None:
        """Says that x went through F.linear, and that the gradient of its output is `output`'s."""


@dataclass(frozen=True)
class Weights:
    """Of one layer and direction."""

    w_input: Tensor
    w_state: Tensor
    b_input: Tensor | None
    b_state: Tensor | None
    w_projection: Tensor | None


def unrolled(watch: Watch, func: Callable[..., Any], args: Sequence[Any]) -> Any:
    """What func(*args) returns, up to rounding; None: a call that is not unrolled here.

    Args:
        func: torch.lstm, torch.gru, torch.rnn_tanh or torch.rnn_relu.
        args: (input, initial state, weights, has biases, layers, dropout, training,
            bidirectional, batch first).
    """
    if len(args) != 9 or not isinstance(args[2], list | tuple) or isinstance(args[3], list | tuple):
        return None  # a packed sequence
    x, initial, flat, has_biases, layers, dropout, training, both_ways, batch_first = args
    if training and dropout:
        return None
    time = 1 if batch_first else 0
    states = tuple(initial) if func is torch.lstm else (initial,)
    directions = 2 if both_ways else 1
    each = len(flat) // (layers * directions)
    last: list[State] = []
    for layer in range(layers):
        outputs = []
        for direction in range(directions):
            at = layer * directions + direction
            weights = _weights(flat[at * each : (at + 1) * each], has_biases)
            start = tuple(s[at] for s in states)
            y, end = _direction(watch, func, x, start, weights, time, backwards=bool(direction))
            outputs.append(y)
            last.append(end)
        x = torch.cat(outputs, -1) if directions > 1 else outputs[0]
    return x, *(torch.stack(part) for part in zip(*last, strict=True))


def _weights(flat: Sequence[Tensor], has_biases: bool) -> Weights:
    b_input, b_state = (flat[2], flat[3]) if has_biases else (None, None)
    rest = flat[4:] if has_biases else flat[2:]
    return Weights(flat[0], flat[1], b_input, b_state, rest[0] if rest else None)


def _direction(
    watch: Watch,
    func: Callable[..., Any],
    x: Tensor,
    state: State,
    weights: Weights,
    time: int,
    *,
    backwards: bool,
) -> tuple[Tensor, State]:
    w = weights
    gates = watch.attached(watch.linear(x, w.w_input, w.b_input))
    # A GRU's new gate scales the state's part, so that part has a gradient of its own.
    from_state = watch.attached(torch.zeros_like(gates)) if func is torch.gru else gates
    by_step, extra = gates.unbind(time), from_state.unbind(time)
    n = len(by_step)
    projected = None
    if w.w_projection is not None:
        shape = (*x.shape[:2], w.w_projection.shape[0])
        projected = watch.attached(x.new_zeros(shape, dtype=gates.dtype))
    step = _STEPS[func]
    before: list[Tensor] = [state[0]] * n
    hidden: list[Tensor] = [state[0]] * n
    outputs: list[Tensor] = [state[0]] * n
    w_state = w.w_state.mT
    for t in reversed(range(n)) if backwards else range(n):
        before[t] = state[0]
        linear = (
            state[0] @ w_state if w.b_state is None else torch.addmm(w.b_state, state[0], w_state)
        )
        state = step(by_step[t], linear + extra[t] if func is torch.gru else linear, state)
        if w.w_projection is not None and projected is not None:
            hidden[t] = state[0]
            short = state[0] @ w.w_projection.mT + projected.select(time, t)
            state = (short, *state[1:])
        outputs[t] = state[0]
    watch.linear_by_steps(torch.stack(before, time), w.w_state, w.b_state, from_state)
    if w.w_projection is not None and projected is not None:
        watch.linear_by_steps(torch.stack(hidden, time), w.w_projection, None, projected)
    return torch.stack(outputs, time), state


def cell(watch: Watch, func: Callable[..., Any], args: Sequence[Any]) -> Any:
    """What torch.lstm_cell, gru_cell, rnn_tanh_cell or rnn_relu_cell return, up to rounding."""
    x, state, w_input, w_state, *biases = args
    b_input, b_state = biases or (None, None)
    states = tuple(state) if func is torch.lstm_cell else (state,)
    gates = watch.linear(x, w_input, b_input)
    after = _STEPS[func](gates, watch.linear(states[0], w_state, b_state), states)
    return after if func is torch.lstm_cell else after[0]


def _lstm(from_input: Tensor, from_state: Tensor, state: State) -> State:
    i, f, g, o = (from_input + from_state).chunk(4, -1)
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _gru(from_input: Tensor, from_state: Tensor, state: State) -> State:
    r, z, n = from_input.chunk(3, -1)
    r_state, z_state, n_state = from_state.chunk(3, -1)
    new = (n + (r + r_state).sigmoid() * n_state).tanh()
    return (new + (z + z_state).sigmoid() * (state[0] - new),)


def _rnn_tanh(from_input: Tensor, from_state: Tensor, state: State) -> State:  # noqa: ARG001
    return ((from_input + from_state).tanh(),)


def _rnn_relu(from_input: Tensor, from_state: Tensor, state: State) -> State:  # noqa: ARG001
    return ((from_input + from_state).relu(),)


_STEPS: dict[Callable[..., Any], Callable[[Tensor, Tensor, State], State]] = {
    torch.lstm: _lstm,
    torch.gru: _gru,
    torch.rnn_tanh: _rnn_tanh,
    torch.rnn_relu: _rnn_relu,
    torch.lstm_cell: _lstm,
    torch.gru_cell: _gru,
    torch.rnn_tanh_cell: _rnn_tanh,
    torch.rnn_relu_cell: _rnn_relu,
}
LAYERS = frozenset({torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu})
CELLS = frozenset(_STEPS) - LAYERS
