"""ResNets for images of natural size: a stem of stride 4, basic or bottleneck blocks.

Source: He et al. 2016, "Deep residual learning for image recognition".
"""

from torch import Tensor, nn


def conv_norm(fan_in: int, fan_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(fan_in, fan_out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(fan_out))


class Block(nn.Module):
    """A bottleneck is four times as wide outside as inside."""

    def __init__(self, fan_in: int, width: int, stride: int, *, bottleneck: bool) -> None:
        super().__init__()
        out = 4 * width if bottleneck else width
        first = conv_norm(fan_in, width, 1 if bottleneck else 3, 1 if bottleneck else stride)
        layers: list[nn.Module] = [first, nn.ReLU(inplace=True)]
        if bottleneck:
            layers += [conv_norm(width, width, 3, stride), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers, conv_norm(width, out, 1 if bottleneck else 3))
        same = stride == 1 and fan_in == out
        self.shortcut = nn.Identity() if same else conv_norm(fan_in, out, 1, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        y += self.shortcut(x)
        return self.relu(y)


def resnet(*, bottleneck: bool, width: int, depths: tuple[int, ...], classes: int) -> nn.Module:
    layers: list[nn.Module] = [
        conv_norm(3, width, 7, 2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    ]
    fan_in = width
    for stage, depth in enumerate(depths):
        inside = width * 2**stage
        for block in range(depth):
            stride = 2 if stage and not block else 1
            layers.append(Block(fan_in, inside, stride, bottleneck=bottleneck))
            fan_in = 4 * inside if bottleneck else inside
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(fan_in, classes))
