"""The model while it is scored: in eval mode and without fused paths, and itself again after."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def scoring_mode(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Puts every module in eval mode and turns off what hides layers; puts all of it back.

    Fused attention runs a whole encoder layer in one call that no rule sees. cuDNN's recurrent
    layers have no backward in eval mode.
    """
    training = [(module, module.training) for module in model.modules()]
    fused = torch.backends.mha.get_fastpath_enabled()
    computed = [
        (module, {k: v for k, v in vars(module).items() if isinstance(v, Tensor)})
        for module in model.modules()
    ]  # weight_norm in its older form leaves the weights of the last pass there
    recurrent = [m for m in model.modules() if isinstance(m, nn.RNNBase)]
    without_cudnn = device.type == "cuda" and bool(recurrent)
    cudnn = torch.backends.cudnn.enabled
    try:
        for module, _ in training:
            module.training = False  # eval() may be overridden to keep a part in train mode
        torch.backends.mha.set_fastpath_enabled(False)
        if without_cudnn:
            torch.backends.cudnn.enabled = False
        with torch.enable_grad():
            yield
    finally:
        for module, was in training:
            module.training = was
        torch.backends.mha.set_fastpath_enabled(fused)
        if without_cudnn:
            torch.backends.cudnn.enabled = cudnn
        for module, tensors in computed:
            vars(module).update(tensors)
        for module in recurrent:
            module._init_flat_weights()  # it caches references to the weights it last saw
