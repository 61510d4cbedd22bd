"""A small convolutional network, without normalisation and dropout."""

from collections import OrderedDict
from typing import Annotated

from pydantic import Field, field_validator
from torch import nn

from workers.models.outputs import OutputArgs
from workers.models.registry import register

Side = Annotated[int, Field(ge=4)]


class SmallCnnArgs(OutputArgs):
    in_channels: int = Field(ge=1, description="1 for grey images, 3 for colour.")
    image_size: Side | list[Side] = Field(description="Side of a square image, or [H, W].")
    width: int = Field(16, ge=1, description="Channels of the first layer; the second has twice.")
    hidden: int = Field(64, ge=1, description="Width of the layer before the last.")

    @field_validator("image_size")
    @classmethod
    def _two_sides(cls, value: int | list[int]) -> int | list[int]:
        if isinstance(value, list) and len(value) != 2:
            raise ValueError("give one side, or height and width")
        return value


@register("small_cnn", "Two 3x3 convolutions with pooling, then two linear layers.", SmallCnnArgs)
def build_small_cnn(args: SmallCnnArgs) -> nn.Module:
    """(B, in_channels, H, W) → (B, outputs)."""
    size = args.image_size
    height, width = (size, size) if isinstance(size, int) else size
    flat = 2 * args.width * (height // 4) * (width // 4)
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(args.in_channels, args.width, 3, padding=1),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(args.width, 2 * args.width, 3, padding=1),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            hidden=nn.Linear(flat, args.hidden),
            relu3=nn.ReLU(),
            head=nn.Linear(args.hidden, args.outputs),
        )
    )
