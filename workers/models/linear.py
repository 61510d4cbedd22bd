"""Logistic or linear regression."""

from collections import OrderedDict

from pydantic import Field
from torch import nn

from workers.models.outputs import OutputArgs
from workers.models.registry import register


class LinearArgs(OutputArgs):
    in_features: int = Field(ge=1, description="Numbers in an example, all dimensions together.")


@register("linear", "One linear layer over the flattened example.", LinearArgs)
def build_linear(args: LinearArgs) -> nn.Module:
    """(B, ...) → (B, outputs). The layer is called `head`."""
    head = nn.Linear(args.in_features, args.outputs)
    return nn.Sequential(OrderedDict(flatten=nn.Flatten(), head=head))
