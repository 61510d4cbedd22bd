"""Convolutions in one, two and three dimensions: stride, dilation, groups, any zero padding.

Other padding modes reach us as a padded input. Two exact ways, chosen by their cost:

- many positions: the whole batch's weight gradient as one convolution with groups = B * groups;
- few positions: the Gram matrix of the raw padded pixels, whose copies shifted along each axis in
  turn add up to the Gram matrix of the patches, against that of the output's gradient.
"""

# Arguments are named as the operation names them, used or not.
# ruff: noqa: A002

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from workers.influence.rules.registry import Call, Rule, chunks, in_chunks, register, squares
from workers.influence.sketches import Into, ProjectedMap

# Measured, in multiply-adds of the grouped convolution: one of a Gram matrix, which is a plain
# product of matrices; and one element of a shifted copy, which is bound by memory.
_GRAM_COST = 0.6
_SHIFT_COST = 4.5


@dataclass(frozen=True)
class ConvOptions:
    """Padding is (before, after) for each axis, as it may differ for even kernels and "same"."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int


class Conv(Rule):
    operations = (functional.conv1d, functional.conv2d, functional.conv3d)

    def bind(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Call | None:
        axes = weight.ndim - 2
        if input.ndim != weight.ndim:
            return None  # one example without a batch dimension
        kernel, stride, dilation = (
            weight.shape[2:],
            per_axis(stride, axes),
            per_axis(dilation, axes),
        )
        options = ConvOptions(
            tuple(kernel), stride, _padding(padding, kernel, dilation), dilation, groups
        )
        roles = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
        return Call(input, roles, leading=1, options=options)

    def gradient(self, role: str, a: Tensor, d: Tensor, options: ConvOptions) -> Tensor:
        """a: (B, T, C_in, ...), d: (B, T, C_out, ...); T > 1 where frames are merged with B."""
        if role == "bias":
            return d.flatten(3).sum((1, 3))
        n, t, c_in, *_ = a.shape
        c_out = d.shape[2]
        a, padding = _symmetric(a, options.padding)
        folded_a = a.transpose(0, 1).reshape(t, n * c_in, *a.shape[3:])
        folded_d = d.transpose(0, 1).reshape(t, n * c_out, *d.shape[3:])
        shape = (n * c_out, c_in // options.groups, *options.kernel)
        axes = len(options.kernel)
        _, weight, _ = torch.ops.aten.convolution_backward(
            folded_d,
            folded_a,
            folded_d.new_empty(1).expand(shape),  # only its shape is read
            None,
            options.stride,
            padding,
            options.dilation,
            False,
            [0] * axes,
            n * options.groups,
            [False, True, False],
        )
        return weight.view(n, c_out, *shape[1:])

    def sq_norm(self, role: str, a: Tensor, d: Tensor, options: ConvOptions) -> Tensor:
        if role == "bias":
            return squares(self.gradient(role, a, d, options))
        n, numel, pixels = len(a), _numel(a, d, options), _pixels(a, options)
        if _prefers_gram(a, d, options):
            return in_chunks(n, pixels**2, lambda s: _gram(a[s, 0], d[s, 0], options))
        return in_chunks(n, numel, lambda s: squares(self.gradient(role, a[s], d[s], options)))

    def sketch(self, role: str, a: Tensor, d: Tensor, options: ConvOptions, into: Into) -> Tensor:
        """Where the norm needs no gradient, neither does the sketch: P on patches is a convolution.

        sum_t Q d_t (P patch_t)', with P as the kernel of a convolution of the layer's own stride.
        """
        projection = into.map
        if (
            role == "bias"
            or not isinstance(projection, ProjectedMap)
            or not _prefers_gram(a, d, options)
        ):
            return super().sketch(role, a, d, options, into)
        rows = projection.rows.to(d.dtype)
        kernel = projection.columns.to(d.dtype).view(-1, a.shape[2], *options.kernel)
        for cut in chunks(len(a), _pixels(a, options) * (a.shape[2] + len(kernel))):
            padded, padding = _symmetric(a[cut, 0], options.padding)
            right = _convolve(padded, kernel, options, padding).flatten(2)
            left = rows @ d[cut, 0].flatten(2)
            projection.add_projected(into.sums, left @ right.mT, cut)
        return self.sq_norm(role, a, d, options)


def _numel(a: Tensor, d: Tensor, options: ConvOptions) -> int:
    return math.prod(options.kernel) * a.shape[2] * d.shape[2] // options.groups


def _pixels(a: Tensor, options: ConvOptions) -> int:
    return math.prod(
        size + sum(pad) for size, pad in zip(a.shape[3:], options.padding, strict=True)
    )


def _prefers_gram(a: Tensor, d: Tensor, options: ConvOptions) -> bool:
    if a.shape[1] != 1 or options.groups != 1:
        return False
    pixels, positions = _pixels(a, options), math.prod(d.shape[3:])
    gram = _GRAM_COST * (pixels**2 * a.shape[2] + positions**2 * d.shape[2])
    gram += _SHIFT_COST * sum(options.kernel) * pixels**2
    return gram < positions * _numel(a, d, options)


def _convolve(a: Tensor, kernel: Tensor, options: ConvOptions, padding: list[int]) -> Tensor:
    axes = len(options.kernel)
    return torch.convolution(
        a, kernel, None, options.stride, padding, options.dilation, False, [0] * axes, 1
    )


def _gram(a: Tensor, d: Tensor, options: ConvOptions) -> Tensor:
    """<patches patches', d d'> of each example: a (B, C_in, ...), d (B, C_out, ...) → (B,)."""
    pads = [p for pair in reversed(options.padding) for p in pair]
    if any(pads):
        a = functional.pad(a, pads)
    sides, outputs = a.shape[2:], d.shape[2:]
    a, d = a.flatten(2), d.flatten(2)
    gram = (a.mT @ a).view(len(a), *sides, *sides)
    for axis in reversed(range(len(sides))):
        one, other = 1 + axis, 1 + len(sides) + axis
        span = options.stride[axis] * (outputs[axis] - 1) + 1
        total: Tensor | None = None
        for tap in range(options.kernel[axis]):
            start = tap * options.dilation[axis]
            cut = slice(start, start + span, options.stride[axis])
            index: list[slice] = [slice(None)] * gram.ndim
            index[one] = index[other] = cut
            shifted = gram[tuple(index)]
            total = shifted.clone() if total is None else total.add_(shifted)
        assert total is not None
        gram = total
    positions = math.prod(outputs)
    both = (d.mT @ d).mul_(gram.reshape(len(d), positions, positions))
    return both.flatten(1).sum(1).clamp_min_(0)


def per_axis(value: Any, axes: int) -> tuple[int, ...]:
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * axes if len(values) == 1 else values


def _padding(
    padding: Any, kernel: torch.Size, dilation: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    if padding == "same":
        totals = [step * (size - 1) for size, step in zip(kernel, dilation, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    return tuple((p, p) for p in per_axis(padding, len(kernel)))


def _symmetric(a: Tensor, padding: tuple[tuple[int, int], ...]) -> tuple[Tensor, list[int]]:
    """The input and what is left to pad on both sides alike."""
    if all(before == after for before, after in padding):
        return a, [before for before, _ in padding]
    pads = [p for pair in reversed(padding) for p in pair]
    return functional.pad(a, pads), [0] * len(padding)


register(Conv())
