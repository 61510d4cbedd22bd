"""A multi-layer perceptron."""

from collections import OrderedDict
from itertools import pairwise
from typing import Annotated

from pydantic import Field
from torch import nn

from workers.models.outputs import OutputArgs
from workers.models.registry import register

Width = Annotated[int, Field(ge=1)]


class MlpArgs(OutputArgs):
    in_features: int = Field(ge=1, description="Numbers in an example, all dimensions together.")
    hidden: list[Width] = Field(description="Widths of the hidden layers, such as [384].")


@register("mlp", "Linear layers with ReLU between them, over the flattened example.", MlpArgs)
def build_mlp(args: MlpArgs) -> nn.Module:
    """(B, ...) → (B, outputs). Layers are called `hidden0`, `hidden1`, ... and `head`."""
    widths = [args.in_features, *args.hidden]
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
        layers[f"hidden{i}"] = nn.Linear(fan_in, fan_out)
        layers[f"relu{i}"] = nn.ReLU()
    layers["head"] = nn.Linear(widths[-1], args.outputs)
    return nn.Sequential(layers)
