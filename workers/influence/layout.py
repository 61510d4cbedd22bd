"""Where the examples of a batch lie in a layer's input, found from gradients, never guessed.

The gradient of sum_i c_i loss_i by a layer's output is c_i times that of sum_i loss_i at every
position that belongs to example i. Two backward passes over a few examples, one with all c = 1 and
one with different c, therefore tell who owns each position. A shape alone cannot: the batch may
come second, as inside nn.TransformerEncoder, or be merged with positions, and may equal their
number. Positions that several examples share (a position embedding looked up once for the batch)
have no owner, and their layer no layout.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

_TOLERANCE = 1e-3


def probe_weights(n_examples: int) -> list[float]:
    """Powers of two scale floats exactly: without mixing the ratio is right to the last bit."""
    return [2.0**i for i in range(n_examples)]


@dataclass(frozen=True)
class Layout:
    """The dimension that holds the examples, and how positions are merged into it.

    alone: dimension `axis` is B long. outer: B * T, an example's positions side by side.
    inner: T * B, a position's examples side by side.
    """

    axis: int
    merged: Literal["alone", "outer", "inner"] = "alone"

    def examples_first(self, x: Tensor, n_examples: int, leading: int) -> Tensor:
        """(leading dimensions..., features...) → (B, T, features...), without a copy if possible.

        Args:
            x: a layer's input, or the gradient by its output.
            n_examples: B.
            leading: how many dimensions come before the features'.
        """
        if self.axis == 0 and self.merged == "alone" and leading <= 2:
            return x if leading == 2 else x.unsqueeze(1)
        features = x.shape[leading:]
        x = x.movedim(self.axis, 0)
        if self.merged == "inner":
            x = x.unflatten(0, (x.shape[0] // n_examples, n_examples)).transpose(0, 1)
        return x.reshape(n_examples, -1, *features)

    def fits(self, shape: torch.Size, n_examples: int) -> bool:
        """Whether a tensor of this shape can hold a batch of `n_examples` this way."""
        if self.axis >= len(shape):
            return False
        size = shape[self.axis]
        return size == n_examples if self.merged == "alone" else size % n_examples == 0


def find_layouts(
    plain: Tensor,
    tagged: Tensor,
    n_examples: int,
    leading: int,
    axes: frozenset[int] | None = None,
) -> frozenset[Layout]:
    """The layouts that agree with the owner of every position.

    There is none where examples share positions. There are several where only some positions have a
    gradient, such as the last of each sequence: another number of examples tells them apart.

    Args:
        plain: gradient of the summed loss of the probe's examples by a layer's output.
        tagged: the same with example i's loss weighted by probe_weights(n_examples)[i].
        leading: how many dimensions of both come before the features'.
        axes: the dimensions that may hold the examples; None: any.
    """
    if leading == 0:
        return frozenset()
    if leading == plain.ndim:
        plain, tagged = plain[..., None], tagged[..., None]
    owners = _owners(plain.flatten(leading), tagged.flatten(leading), n_examples)
    if owners is None:
        return frozenset()
    known = owners >= 0
    if not all(bool((owners == i).any()) for i in range(n_examples)):
        return frozenset()
    return frozenset(
        layout
        for layout in _candidates(owners.shape, n_examples)
        if (axes is None or layout.axis in axes)
        and bool((_owners_under(layout, owners, n_examples) == owners)[known].all())
    )


def _owners(plain: Tensor, tagged: Tensor, n: int) -> Tensor | None:
    """Index of the example that owns each position, -1 where there is no gradient; None: shared."""
    if plain.ndim > 1:
        plain, tagged = plain.double(), tagged.double()
    size = plain.square().sum(-1)
    present = size > 0
    owners = torch.full(size.shape, -1, dtype=torch.long, device=size.device)
    for i, weight in enumerate(probe_weights(n)):
        off = (tagged - weight * plain).square().sum(-1)
        owners[present & (off <= (_TOLERANCE * weight) ** 2 * size)] = i
    return None if bool((owners[present] < 0).any()) else owners


def _candidates(shape: torch.Size, n: int) -> list[Layout]:
    found: list[Layout] = []
    for axis, size in enumerate(shape):
        if size == n:
            found.append(Layout(axis))
        elif size and size % n == 0:
            found += [Layout(axis, "outer"), Layout(axis, "inner")]
    return found


def _owners_under(layout: Layout, owners: Tensor, n: int) -> Tensor:
    shape = owners.shape
    index = torch.arange(shape[layout.axis], device=owners.device)
    owner = index % n if layout.merged == "inner" else index // (shape[layout.axis] // n)
    view = [1] * len(shape)
    view[layout.axis] = -1
    return owner.view(view).expand(shape)
