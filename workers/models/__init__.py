"""Builders of models by name, losses by name, and safe readers of weights."""

# Importing a family registers it.
from workers.models import linear, mlp, resnet, small_cnn, swem
from workers.models.losses import build_loss
from workers.models.registry import available_models, build_model, revision_of_model
from workers.models.weights import check_fits, load_weights, weights_hash

__all__ = [
    "available_models",
    "build_loss",
    "build_model",
    "check_fits",
    "linear",
    "load_weights",
    "mlp",
    "resnet",
    "revision_of_model",
    "small_cnn",
    "swem",
    "weights_hash",
]
