"""Images and kernels channels first or channels last: whichever this model is quicker with.

Neither is quicker for all: on a CPU ResNet-9 gained a tenth by channels last, ResNet-56 nothing,
and with GroupNorm it lost a tenth. So the first batches are scored in turn in both, which costs
nothing, as each is scored once anyway.
"""

import torch
from torch import Tensor, nn

# Timed batches in each order, after one that is not timed: it makes the plan.
_ROUNDS = 2
# Channels last must be so much quicker.
_GAIN = 0.97


class MemoryOrder:
    """`channels_last` is the order to use for the next batch.

    Args:
        fixed: the order, if it is not to be tried.
    """

    def __init__(self, model: nn.Module, fixed: bool | None = None) -> None:
        self.channels_last = bool(fixed)
        convolves = any(isinstance(module, nn.Conv2d) for module in model.modules())
        self._settled = fixed is not None or not convolves
        self._warm = False
        self._times: dict[bool, list[float]] = {False: [], True: []}

    @property
    def settled(self) -> bool:
        return self._settled

    def took(self, seconds: float, results: int) -> None:
        """A batch, in the present order, took so long for so many results."""
        if self._settled or not results:
            return
        if not self._warm:
            self._warm = True
            return
        self._times[self.channels_last].append(seconds / results)
        first, last = self._times[False], self._times[True]
        self.channels_last = len(last) < len(first)
        if len(last) == _ROUNDS:
            self.channels_last = min(last) < _GAIN * min(first)
            self._settled = True


def in_order(tensor: Tensor, *, channels_last: bool) -> Tensor:
    """Images and kernels, (·, C, H, W), with the channels of one pixel side by side, or apart."""
    if tensor.ndim != 4 or not tensor.is_floating_point():
        return tensor
    return tensor.contiguous(
        memory_format=torch.channels_last if channels_last else torch.contiguous_format
    )
