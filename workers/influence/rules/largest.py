"""The largest of each bag: each dimension's gradient goes to the row that was the largest there."""

# Arguments are named as the operation names them, used or not.
# ruff: noqa: ARG002

from typing import Any

import torch
from torch import Tensor

from workers.influence.rules.registry import Call, Rule, squares
from workers.influence.sketches import Into, OuterMap

_MODE = 2  # torch's number for "max"


class LargestOfBag(Rule):
    """EmbeddingBag by max, which EmbeddingBag hands on here. a: (B, T, E) rows; -1: no token."""

    operations = ()

    def bind(
        self,
        input: Tensor,  # noqa: A002
        weight: Tensor,
        offsets: Tensor,
        include_last_offset: bool,
        padding_idx: int | None,
    ) -> Call:
        """All bags' tokens one after another, and where each bag begins."""
        with torch.no_grad():  # torch's own choice among equals, which autograd follows
            _, _, sizes, rows = torch.embedding_bag(
                weight, input, offsets, False, _MODE, False, None, include_last_offset, padding_idx
            )
        rows = rows.masked_fill(sizes[: len(rows), None] == 0, -1)
        return Call(rows, {"weight": weight}, leading=1, options=(len(weight), "largest"))

    def gradient(self, role: str, a: Tensor, d: Tensor, options: Any) -> Tensor:
        rows, d = _present(a, d)
        return d.new_zeros(len(d), options[0], d.shape[2]).scatter_add_(1, rows, d)

    def sq_norm(self, role: str, a: Tensor, d: Tensor, options: Any) -> Tensor:
        rows, d = _present(a, d)
        n, bags, width = d.shape
        if bags == 1:
            return squares(d)
        example = torch.arange(n, device=d.device)[:, None, None]
        number = (example * options[0] + rows) * width + torch.arange(width, device=d.device)
        seen, place = torch.unique(number, return_inverse=True)
        sums = d.new_zeros(len(seen)).index_add_(0, place.flatten(), d.flatten())
        return d.new_zeros(n).index_add_(0, seen // (options[0] * width), sums.square())

    def sketch(self, role: str, a: Tensor, d: Tensor, options: Any, into: Into) -> Tensor:
        if not isinstance(into.map, OuterMap):
            return super().sketch(role, a, d, options, into)
        into.map.add_rows(into.sums, *_present(a, d))
        return self.sq_norm(role, a, d, options)


def _present(a: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and gradients, where a bag without a token has gradient 0 in row 0."""
    return a.long().clamp(min=0), d.masked_fill(a < 0, 0)
