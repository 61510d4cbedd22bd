"""What the engine refuses, each with the remedy in its message."""


class InfluenceError(Exception):
    """Anything the engine refuses to compute. The message says what to change."""


class CheckpointMismatch(InfluenceError):
    """A checkpoint that does not fit the model, or whose eta is missing, negative or not finite."""


class LossNotPerExample(InfluenceError):
    """The loss did not give one value for each example."""


class BatchDependence(InfluenceError):
    """An example's loss depends on the other examples of its batch, or on chance.

    It then has no gradient of its own: batch normalisation by the batch's statistics, attention
    across examples, dropout that `eval()` does not turn off.
    """


class UnknownLayer(InfluenceError):
    """A name or pattern of `layers` that fits no parameter, or nothing left to score."""


class UnsupportedModel(InfluenceError):
    """A model that cannot be scored without changing it."""


class OperandModified(InfluenceError):
    """A layer's input was overwritten in place after the layer had used it."""


class ShapeMismatch(InfluenceError):
    """Inputs, targets, operands or gradients that disagree on the number of examples."""


class SelfCheckFailed(InfluenceError):
    """The engine's norms differ from plain autograd's: nothing it says may be trusted."""
