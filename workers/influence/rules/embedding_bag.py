"""EmbeddingBag, by sum or mean: an embedding whose every token has its share of its bag's gradient.

Bags of unequal sizes, given by offsets, are filled up to the longest with tokens of share 0. By max
it is another rule: see `largest`.
"""

# Arguments are named as the operation names them, used or not.
# ruff: noqa: A002, ARG002

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from workers.influence.errors import UnsupportedModel
from workers.influence.rules.embedding import MAX_NORM, Embedding
from workers.influence.rules.largest import LargestOfBag
from workers.influence.rules.registry import Call, Rule, register
from workers.influence.sketches import Into


class EmbeddingBag(Rule):
    operations = (functional.embedding_bag,)
    refuses = True

    def bind(
        self,
        input: Tensor,
        weight: Tensor,
        offsets: Tensor | None = None,
        max_norm: float | None = None,
        norm_type: float = 2,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        per_sample_weights: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Call | None:
        if max_norm is not None:
            raise UnsupportedModel(MAX_NORM)
        if scale_grad_by_freq:
            return None
        if mode == "max":
            if input.ndim == 2:
                offsets = torch.arange(0, input.numel(), input.shape[1], device=input.device)
                include_last_offset = False
            if offsets is None:
                return None
            tokens = input.flatten()
            return _LARGEST.bind(tokens, weight, offsets, include_last_offset, padding_idx)
        ids, counted = input.long(), torch.ones_like(input, dtype=torch.bool)
        if input.ndim == 1:
            if offsets is None:
                return None
            at, counted = _places(offsets, len(input), include_last_offset)
            ids = ids[at]
        rows = weight.shape[0]
        if padding_idx is not None:
            counted = counted & (ids != padding_idx % rows)
        share = counted.double()
        if per_sample_weights is not None:
            own = per_sample_weights.detach().double()
            share = share * (own if input.ndim > 1 else own[at])
        elif mode == "mean":
            share = share / counted.sum(1, keepdim=True).clamp(min=1)
        # One operand for both: the share's bits as an integer, which no precision touches.
        operand = torch.stack([ids, share.view(torch.int64)], -1)
        return Call(operand, {"weight": weight}, leading=1, options=(rows, None))

    def gradient(self, role: str, a: Tensor, d: Tensor, options: Any) -> Tensor:
        rule, a, d = _way(a, d, options)
        return rule.gradient(role, a, d, options)

    def sq_norm(self, role: str, a: Tensor, d: Tensor, options: Any) -> Tensor:
        rule, a, d = _way(a, d, options)
        return rule.sq_norm(role, a, d, options)

    def sketch(self, role: str, a: Tensor, d: Tensor, options: Any, into: Into) -> Tensor:
        rule, a, d = _way(a, d, options)
        return rule.sketch(role, a, d, options, into)


def _way(a: Tensor, d: Tensor, options: Any) -> tuple[Rule, Tensor, Tensor]:
    """The rule that a call is for. d: (B, T, E); a of sums: (B, T, L, 2) of row and share."""
    return (_EMBEDDING, *_tokens(a, d)) if options[1] is None else (_LARGEST, a, d)


def _tokens(a: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and gradients of every token: (B, T * L), (B, T * L, E)."""
    share = a[..., 1].contiguous().view(torch.float64).to(d.dtype)
    return a[..., 0].flatten(1), (share[..., None] * d[:, :, None]).flatten(1, 2)


def _places(offsets: Tensor, n_tokens: int, include_last: bool) -> tuple[Tensor, Tensor]:
    """Where each bag's tokens are in the input, and which of these are the bag's: (bags, L)."""
    ends = offsets.long()
    if not include_last:
        ends = torch.cat([ends, ends.new_tensor([n_tokens])])
    starts, sizes = ends[:-1], ends.diff()
    longest = int(sizes.max()) if len(sizes) else 0
    step = torch.arange(longest, device=offsets.device)
    inside = step < sizes[:, None]
    return torch.where(inside, starts[:, None] + step, 0), inside


_EMBEDDING, _LARGEST = Embedding(), LargestOfBag()
register(EmbeddingBag())
