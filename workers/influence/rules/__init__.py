"""Rules by operation. Importing this package registers all of them; one small file per kind."""

from workers.influence.rules import batch_norm, conv, embedding, group_norm, layer_norm, linear
from workers.influence.rules.registry import RULES, Call, Rule, register

__all__ = [
    "RULES",
    "Call",
    "Rule",
    "batch_norm",
    "conv",
    "embedding",
    "group_norm",
    "layer_norm",
    "linear",
    "register",
]
