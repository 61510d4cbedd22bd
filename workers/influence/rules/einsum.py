"""einsum of data with a parameter, "bti,io->bto": a linear map, written in letters.

Letters that the parameter does not have are positions; they must come first in the output. The
gradient is an einsum too, of data and output's gradient.
"""

# Arguments are named as the operation names them, used or not.
# ruff: noqa: ARG002

from collections.abc import Callable
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

import torch
from torch import Tensor

from workers.influence.rules.linear import outer_sq_norm
from workers.influence.rules.registry import Call, Rule, register

# The example, and all its positions as one.
_EXAMPLE, _POSITION = "Y", "Z"
# What an ellipsis stands for; letters that equations seldom use.
_SPARE = "PQRSTUVWX"


@dataclass(frozen=True)
class Letters:
    """Of one call, without the positions': the data's, the parameter's and the output's."""

    data: str
    parameter: str
    output: str

    @property
    def is_linear(self) -> bool:
        """No letter is in all three: one matrix, not one for each of several heads."""
        return not set(self.data) & set(self.output)


class Einsum(Rule):
    operations = (torch.einsum,)
    needs_data = True

    def bind(self, *args: Any, **kwargs: Any) -> Call | None:
        raise NotImplementedError  # which operand is the parameter must be known: see bind_knowing

    def bind_knowing(
        self, is_parameter: Callable[[Tensor], bool], *args: Any, **kwargs: Any
    ) -> Call | None:
        equation, *operands = args
        if len(operands) == 1 and isinstance(operands[0], list | tuple):
            operands = list(operands[0])
        if not isinstance(equation, str) or len(operands) != 2 or "->" not in equation:
            return None
        given, output = equation.replace(" ", "").split("->")
        if given.count(",") != 1:
            return None
        sides = list(zip(given.split(","), operands, strict=True))
        if is_parameter(operands[0]):
            sides.reverse()
        (letters, x), (of_parameter, parameter) = sides
        letters, output = _without_ellipsis(letters, output, x.ndim)
        if not _is_plain(letters, of_parameter, output):
            return None
        sizes = dict(zip(letters, x.shape, strict=True))
        if any(
            sizes.get(each, n) != n for each, n in zip(of_parameter, parameter.shape, strict=True)
        ):
            return None  # a 1 that stands for more
        leading = len(set(letters) - set(of_parameter))
        positions, features = output[:leading], output[leading:]
        if not leading or set(positions) & set(of_parameter):
            return None
        of_data = "".join(each for each in letters if each not in positions)
        order = [letters.index(each) for each in positions + of_data]
        # The same map in other letters is the same, so that its uses may be joined.
        named = str.maketrans(of_parameter, ascii_lowercase[: len(of_parameter)])
        plain = [each.translate(named) for each in (of_data, of_parameter, features)]
        return Call(x.permute(order), {"weight": parameter}, leading, Letters(*plain))

    def gradient(self, role: str, a: Tensor, d: Tensor, options: Letters) -> Tensor:
        each = _EXAMPLE + _POSITION
        sides = f"{each}{options.data},{each}{options.output}"
        return torch.einsum(f"{sides}->{_EXAMPLE}{options.parameter}", a, d)

    def sq_norm(self, role: str, a: Tensor, d: Tensor, options: Letters) -> Tensor:
        if not options.is_linear:
            return super().sq_norm(role, a, d, options)
        return outer_sq_norm(*(x.reshape(*x.shape[:2], -1) for x in (a, d)))


def _without_ellipsis(letters: str, output: str, ndim: int) -> tuple[str, str]:
    """With a letter for each dimension that an ellipsis stands for."""
    spared = _SPARE[: max(0, ndim - len(letters.replace("...", "")))]
    return letters.replace("...", spared), output.replace("...", spared)


def _is_plain(data: str, parameter: str, output: str) -> bool:
    """Each letter once in a side and in at least two of them; none of them ours."""
    sides = [data, parameter, output]
    if any(len(set(side)) < len(side) or not side.isalpha() for side in sides if side):
        return False
    letters = set().union(*sides)
    return not letters & {_EXAMPLE, _POSITION} and all(
        sum(each in side for side in sides) > 1 for each in letters
    )


register(Einsum())
