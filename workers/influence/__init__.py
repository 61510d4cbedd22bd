"""Exact per-example self-influence of a model's training data, no slower than a training step.

    from workers.influence import self_influence

    result = self_influence(model, batches, loss="cross_entropy", checkpoints=[(state, eta), ...])
    suspects = result.self_influence.argsort()[::-1]

Imports nothing but torch, numpy and the standard library. docs/engine.md tells the rest.
"""

from workers.influence.arithmetic import Precision, PrecisionError
from workers.influence.auto_layers import LayerChoice, choose_layers
from workers.influence.coverage import Coverage, Entry, Treatment
from workers.influence.errors import (
    BatchDependence,
    CheckpointMismatch,
    InfluenceError,
    LossNotPerExample,
    OperandModified,
    SelfCheckFailed,
    ShapeMismatch,
    UnknownLayer,
    UnsupportedModel,
)
from workers.influence.one_call import self_influence
from workers.influence.pairwise import pairwise_influence
from workers.influence.result import CheckpointScores, SelfInfluence, combine
from workers.influence.scorer import SelfInfluenceScorer
from workers.influence.sketches import SketchSpec, sum_of_sketches
from workers.influence.subject import choose_device

# Raised by a change after which results differ beyond rounding: kept ones are then not used again.
REVISION = 1

__all__ = [
    "REVISION",
    "BatchDependence",
    "CheckpointMismatch",
    "CheckpointScores",
    "Coverage",
    "Entry",
    "InfluenceError",
    "LayerChoice",
    "LossNotPerExample",
    "OperandModified",
    "Precision",
    "PrecisionError",
    "SelfCheckFailed",
    "SelfInfluence",
    "SelfInfluenceScorer",
    "ShapeMismatch",
    "SketchSpec",
    "Treatment",
    "UnknownLayer",
    "UnsupportedModel",
    "choose_device",
    "choose_layers",
    "combine",
    "pairwise_influence",
    "self_influence",
    "sum_of_sketches",
]
