"""How many outputs a model has: `classes` in a classification, `out_features` anywhere."""

from typing import Self

from pydantic import Field, model_validator

from workers.models.registry import Args


class OutputArgs(Args):
    classes: int | None = Field(
        None, ge=1, description="Outputs of a classification: the number of classes."
    )
    out_features: int | None = Field(
        None, ge=1, description="The same by another name; 1 for a regression."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.classes is None) == (self.out_features is None):
            raise ValueError("give either classes or out_features")
        return self

    @property
    def outputs(self) -> int:
        return self.classes or self.out_features or 0
