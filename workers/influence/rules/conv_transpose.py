"""Transposed convolutions in one, two and three dimensions: convolutions with a and d swapped.

y = conv_transpose(x, w) is the gradient of conv(·, w) by its input, so w's gradient is that of a
convolution whose input is d and whose output gradient is a.
"""

# Arguments are named as the operation names them, used or not.
# ruff: noqa: A002

from typing import Any

from torch import Tensor
from torch.nn import functional

from workers.influence.rules.conv import Conv, ConvOptions, per_axis
from workers.influence.rules.registry import Call, Rule, register
from workers.influence.sketches import Into


class ConvTranspose(Rule):
    operations = (
        functional.conv_transpose1d,
        functional.conv_transpose2d,
        functional.conv_transpose3d,
    )

    def bind(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Call | None:
        axes = weight.ndim - 2
        if input.ndim != weight.ndim:
            return None  # one example without a batch dimension
        # Output padding lengthens d at its end, where a convolution would then pad less.
        before, more = per_axis(padding, axes), per_axis(output_padding, axes)
        options = ConvOptions(
            tuple(weight.shape[2:]),
            per_axis(stride, axes),
            tuple((p, p - extra) for p, extra in zip(before, more, strict=True)),
            per_axis(dilation, axes),
            groups,
        )
        roles = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
        return Call(input, roles, leading=1, options=options)

    def gradient(self, role: str, a: Tensor, d: Tensor, options: ConvOptions) -> Tensor:
        """a: (B, T, C_in, ...), d: (B, T, C_out, ...); weight (C_in, C_out / groups, ...)."""
        return _CONV.gradient(role, *_as_convolution(role, a, d), options)

    def sq_norm(self, role: str, a: Tensor, d: Tensor, options: ConvOptions) -> Tensor:
        return _CONV.sq_norm(role, *_as_convolution(role, a, d), options)

    def sketch(self, role: str, a: Tensor, d: Tensor, options: ConvOptions, into: Into) -> Tensor:
        return _CONV.sketch(role, *_as_convolution(role, a, d), options, into)


def _as_convolution(role: str, a: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    return (a, d) if role == "bias" else (d, a)


_CONV = Conv()
register(ConvTranspose())
