"""Rules by operation. Importing this package registers all of them; one small file per kind."""

from workers.influence.rules import (
    batch_norm,
    broadcast,
    conv,
    conv_transpose,
    einsum,
    embedding,
    embedding_bag,
    group_norm,
    instance_norm,
    layer_norm,
    linear,
    matmul,
    prelu,
)
from workers.influence.rules.registry import RULES, Call, Rule, register

__all__ = [
    "RULES",
    "Call",
    "Rule",
    "batch_norm",
    "broadcast",
    "conv",
    "conv_transpose",
    "einsum",
    "embedding",
    "embedding_bag",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "linear",
    "matmul",
    "prelu",
    "register",
]
