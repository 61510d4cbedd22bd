"""Registered checkpoints as state dicts: the right file, read safely, fitting the model."""

from __future__ import annotations

import torch
from torch import nn

from app.errors import Invalid
from app.runs.models import Checkpoint
from app.settings import settings
from app.uploads.places import find_registered
from workers.models.weights import check_fits, load_weights, weights_hash


class ChecksumDiffers(Invalid):
    title = "Checksum differs"
    code = "checksum-differs"


def load_checkpoint(checkpoint: Checkpoint, model: nn.Module) -> dict[str, torch.Tensor]:
    """The weights of a registered checkpoint.

    Raises:
        LocationNotAllowed, LocationNotFound: the file is gone, or its roots were taken away.
        ChecksumDiffers: it is another file than the one registered.
        ProblemError: it is unsafe, damaged, or does not fit the model.
    """
    location = find_registered(checkpoint.uri, settings().allowed_roots)
    if checkpoint.sha256 is not None:
        found = weights_hash(location)
        if found != checkpoint.sha256:
            raise ChecksumDiffers(
                f"The file of the checkpoint at step {checkpoint.step} has the SHA-256 {found}, "
                f"not {checkpoint.sha256}.",
                field="sha256",
                remedy="Put the registered file back, or register this one as a new checkpoint.",
            )
    state = load_weights(location)
    return check_fits(model, state)
