"""What a pass costs, counted rather than timed: the same on every run."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

# Multiply-adds in the time that one number takes to be written by an operation that only moves
# or changes numbers, such as an activation or a norm: about a core's, and a GPU's, proportion.
_OPERATIONS_A_NUMBER = 16


class OperationCount(TorchDispatchMode):
    """Counts `operations` while it is entered: multiply-adds, and numbers written in their worth.

    Of everything that torch runs, backward passes and what rules do in them included.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        operation = func._overloadpacket
        if operation is torch.ops.aten.convolution:
            self.operations += _of_convolution(args[0], args[1], result, args[6])
        elif operation is torch.ops.aten.convolution_backward:
            # torch's own count of this one does not know groups, which rules use for examples.
            each = _of_convolution(args[1], args[2], args[0], args[7])
            self.operations += each * sum(args[10][:2])
        elif operation in flop_registry:
            self.operations += flop_registry[operation](*args, **kwargs, out_val=result) // 2
        elif not func.is_view:
            written = sum(x.numel() for x in tree_leaves(result) if isinstance(x, Tensor))
            self.operations += _OPERATIONS_A_NUMBER * written
        return result


def _of_convolution(x: Tensor, weight: Tensor, output: Tensor, transposed: bool) -> int:
    """Multiply-adds. Of a weight's axes all but the first meet each number, whatever the groups."""
    return (x if transposed else output).numel() * weight[0].numel()
