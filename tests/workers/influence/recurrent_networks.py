"""Recurrent networks for the tests: whole layers, packed sequences, and cells step by step."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Recurrent(nn.Module):
    """A recurrent layer and a head on its last step; `learned` is the initial state's parameter."""

    def __init__(
        self, kind: type[nn.RNNBase], *, packed: bool = False, learned: bool = False, **options: Any
    ) -> None:
        super().__init__()
        options.setdefault("batch_first", True)
        self.recurrent = kind(4, 5, **options)
        self.packed = packed
        self.learned = nn.Parameter(torch.randn(1, 1, 5)) if learned else None
        width = options.get("proj_size") or 5
        self.head = nn.Linear(2 * width if options.get("bidirectional") else width, 3)

    def forward(self, x: Tensor) -> Tensor:
        first = self.recurrent.batch_first
        x = x if first else x.transpose(0, 1)
        if self.packed:
            lengths = torch.full((len(x),), x.shape[1])
            x = pack_padded_sequence(x, lengths, batch_first=first)
        start = (self.learned.expand(-1, len(x), -1),) if self.learned is not None else ()
        y, state = self.recurrent(x, *start)
        if self.packed:
            y, _ = pad_packed_sequence(y, batch_first=first)
        hidden = state[0] if isinstance(state, tuple) else state
        steps = y[:, -1] if first else y[-1]
        return (
            self.head(steps + y.mean(1 if first else 0)) * (1 + hidden[0].square().sum(1))[:, None]
        )


class Cells(nn.Module):
    """A cell called for every step."""

    def __init__(self, kind: type[nn.RNNCellBase]) -> None:
        super().__init__()
        self.cell = kind(4, 5)
        self.head = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        state: Any = None
        for step in x.unbind(1):
            state = self.cell(step, state)
        return self.head(state[0] if isinstance(state, tuple) else state)
