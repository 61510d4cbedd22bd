"""Residual networks for small images.

ResNet-20 and -56: He et al. 2016, "Deep residual learning for image recognition", §4.2, with the
paper's own shortcut for CIFAR, option A: where a stage begins, the identity is subsampled and
padded with zero channels, without parameters. ResNet-9: Page 2018, "How to train your ResNet".

Activations are not in place, so that hooks see what each layer got.
"""

from collections import OrderedDict
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from workers.models.outputs import OutputArgs
from workers.models.registry import register

_GROUPS = 8


class ResNetArgs(OutputArgs):
    in_channels: int = Field(3, ge=1, description="1 for grey images, 3 for colour.")
    norm: Literal["batch", "group"] = Field(
        "batch", description="BatchNorm, or GroupNorm with 8 groups."
    )


class ResNet9Args(ResNetArgs):
    width: int = Field(
        64, ge=8, multiple_of=8, description="Channels of the first layer; the last has 8 times."
    )
    logit_scale: float = Field(0.125, gt=0, description="Factor of the outputs.")


def _norm(kind: str, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.GroupNorm(_GROUPS, channels)


def _conv(fan_in: int, fan_out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(fan_in, fan_out, 3, stride=stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut. (B, fan_in, H, W) → (B, fan_out, H/stride, W/stride)"""

    def __init__(self, fan_in: int, fan_out: int, stride: int, norm: str) -> None:
        super().__init__()
        self.conv1, self.norm1 = _conv(fan_in, fan_out, stride), _norm(norm, fan_out)
        self.conv2, self.norm2 = _conv(fan_out, fan_out), _norm(norm, fan_out)
        self.stride = stride
        self.added = fan_out - fan_in

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x[:, :, :: self.stride, :: self.stride]
        if self.added:
            before = self.added // 2
            shortcut = F.pad(shortcut, (0, 0, 0, 0, before, self.added - before))
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(y)) + shortcut)


class CifarResNet(nn.Module):
    """6 `blocks` + 2 layers: three stages of 16, 32, 64 channels, average pooling, `head`."""

    def __init__(self, blocks: int, in_channels: int, outputs: int, norm: str) -> None:
        super().__init__()
        self.conv, self.norm = _conv(in_channels, 16), _norm(norm, 16)
        stages = []
        fan_in = 16
        for stage, fan_out in enumerate((16, 32, 64)):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                stages.append(BasicBlock(fan_in, fan_out, stride, norm))
                fan_in = fan_out
        self.blocks = nn.Sequential(*stages)
        self.head = nn.Linear(64, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(torch.relu(self.norm(self.conv(x))))
        return self.head(x.mean((2, 3)))


def _conv_norm_relu(fan_in: int, fan_out: int, norm: str, *, pool: bool = False) -> nn.Sequential:
    layers = OrderedDict(conv=_conv(fan_in, fan_out), norm=_norm(norm, fan_out), relu=nn.ReLU())
    if pool:
        layers["pool"] = nn.MaxPool2d(2)
    return nn.Sequential(layers)


class Residual(nn.Module):
    """x + two convolutions of x."""

    def __init__(self, channels: int, norm: str) -> None:
        super().__init__()
        self.first = _conv_norm_relu(channels, channels, norm)
        self.second = _conv_norm_relu(channels, channels, norm)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


class ResNet9(nn.Module):
    """Eight convolutions and a linear layer. Sides of at least 8 pixels."""

    def __init__(self, args: ResNet9Args) -> None:
        super().__init__()
        w, norm = args.width, args.norm
        self.features = nn.Sequential(
            OrderedDict(
                prep=_conv_norm_relu(args.in_channels, w, norm),
                layer1=_conv_norm_relu(w, 2 * w, norm, pool=True),
                residual1=Residual(2 * w, norm),
                layer2=_conv_norm_relu(2 * w, 4 * w, norm, pool=True),
                layer3=_conv_norm_relu(4 * w, 8 * w, norm, pool=True),
                residual3=Residual(8 * w, norm),
            )
        )
        self.head = nn.Linear(8 * w, args.outputs, bias=False)
        self.logit_scale = args.logit_scale

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x).amax((2, 3))
        return self.head(x) * self.logit_scale


@register("resnet9", "The 9-layer residual network of Page (2018).", ResNet9Args)
def build_resnet9(args: ResNet9Args) -> nn.Module:
    """(B, in_channels, H, W) → (B, outputs)."""
    return ResNet9(args)


@register("resnet20", "The 20-layer CIFAR network of He et al. (2016), shortcuts A.", ResNetArgs)
def build_resnet20(args: ResNetArgs) -> nn.Module:
    """(B, in_channels, H, W) → (B, outputs)."""
    return CifarResNet(3, args.in_channels, args.outputs, args.norm)


@register("resnet56", "The 56-layer CIFAR network of He et al. (2016), shortcuts A.", ResNetArgs)
def build_resnet56(args: ResNetArgs) -> nn.Module:
    """(B, in_channels, H, W) → (B, outputs)."""
    return CifarResNet(9, args.in_channels, args.outputs, args.norm)
