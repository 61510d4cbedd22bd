"""Simple word-embedding models: Shen et al. 2018, "Baseline needs more love"."""

from collections import OrderedDict
from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from workers.models.mlp import Width
from workers.models.outputs import OutputArgs
from workers.models.registry import register


class SwemArgs(OutputArgs):
    vocabulary_size: int = Field(
        ge=3, description="Ids there are, with padding (0) and unknown words (1): tokenizer.size."
    )
    dim: int = Field(ge=1, description="Length of a word's vector.")
    hidden: Width | list[Width] = Field(
        default_factory=list, description="Widths of hidden layers; [] for none."
    )
    pooling: Literal["mean", "mean_max"] = Field(
        "mean", description="The mean over a text's words, or that and the maximum."
    )


class Swem(nn.Module):
    """Word vectors, pooled over the words that are not padding, then an MLP.

    However much padding stands behind a text, its output is the same.
    """

    def __init__(self, args: SwemArgs) -> None:
        super().__init__()
        self.embedding = nn.Embedding(args.vocabulary_size, args.dim, padding_idx=0)
        self.with_max = args.pooling == "mean_max"
        hidden = [args.hidden] if isinstance(args.hidden, int) else args.hidden
        widths = [args.dim * (2 if self.with_max else 1), *hidden]
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
            layers[f"hidden{i}"] = nn.Linear(fan_in, fan_out)
            layers[f"relu{i}"] = nn.ReLU()
        layers["head"] = nn.Linear(widths[-1], args.outputs)
        self.mlp = nn.Sequential(layers)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) int64 → (B, outputs)."""
        is_word = (ids != 0).unsqueeze(-1)
        vectors = self.embedding(ids)
        counts = is_word.sum(1).clamp_min(1)
        pooled = torch.where(is_word, vectors, 0.0).sum(1) / counts
        if self.with_max:
            highest = vectors.masked_fill(~is_word, -torch.inf).amax(1)
            # A text without words has no maximum: it gets zeros, as its mean is.
            highest = torch.where(is_word.any(1), highest, 0.0)
            pooled = torch.cat([pooled, highest], 1)
        return self.mlp(pooled)


@register("swem", "Pooled word vectors and an MLP, for texts (Shen et al. 2018).", SwemArgs)
def build_swem(args: SwemArgs) -> nn.Module:
    """(B, T) int64 → (B, outputs)."""
    return Swem(args)
