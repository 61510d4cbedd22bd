from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from app.runs.models import CheckpointStatus, Loss
from app.runs.preprocessing import Preprocessing
from app.schemas import FailureOut, In, Name, Out, Uri

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class ModelIn(In):
    """The architecture that the checkpoints are weights of."""

    name: Name = Field(examples=["small_cnn"])
    args: dict[str, Any] = Field(
        default_factory=dict, examples=[{"in_channels": 1, "classes": 10, "image_size": 8}]
    )


class RunIn(In):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "digits, small CNN",
                    "dataset_id": "6f1c4f0e-6d3b-4c56-9d8e-3d6a6f6a0d55",
                    "model": {
                        "name": "small_cnn",
                        "args": {"in_channels": 1, "classes": 10, "image_size": 8},
                    },
                    "preprocessing": {"scale": 0.0625},
                    "loss": "cross_entropy",
                }
            ]
        }
    )

    name: Name
    dataset_id: UUID
    model: ModelIn
    preprocessing: Preprocessing = Field(
        default_factory=lambda: Preprocessing.model_validate({}),
        description="How rows became the model's input in training; it must be the same here.",
    )
    loss: Loss | None = Field(
        None, description="Cross-entropy for classification, squared error for regression."
    )


class RunOut(Out):
    id: UUID
    dataset_id: UUID
    name: str
    model: dict[str, Any]
    preprocessing: dict[str, Any]
    loss: Loss
    created_at: datetime


class CheckpointIn(In):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"uri": "file:///data/step-100.safetensors", "step": 100, "eta": 0.05}]
        }
    )

    uri: Uri = Field(description="A .safetensors file, or a .pt file of plain tensors.")
    step: int = Field(ge=0, le=2**62, description="Optimiser steps done when it was saved.")
    eta: float = Field(
        ge=0, allow_inf_nan=False, description="The learning rate in force at this step."
    )
    sha256: Sha256 | None = Field(None, description="If given, the file must have this hash.")


class CheckpointOut(Out):
    id: UUID
    run_id: UUID
    uri: str
    step: int
    eta: float
    sha256: str | None
    status: CheckpointStatus
    failure: FailureOut | None
    created_at: datetime
