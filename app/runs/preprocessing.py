"""How a training run turned examples into what its model takes. Free of torch.

The API checks a run's `preprocessing` with it; the workers' Preprocessor carries it out.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator

from app.errors import Invalid
from app.schemas import In

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Side = Annotated[int, Field(ge=1, le=8192)]

_FIELDS_OF_MODALITY = {
    "image": {"scale", "mean", "std", "resize", "channels"},
    "table": {"mean", "std"},
    "text": {"tokenizer", "padding"},
}
_TARGET_FIELDS = {"target_mean", "target_std"}


class PreprocessingInvalid(Invalid):
    title = "Preprocessing invalid"
    code = "preprocessing-invalid"


class Tokenizer(In):
    """The vocabulary tokenizer of `cleantrace.tokenizer`, as its `to_json` gives it."""

    vocabulary: list[str] = Field(
        min_length=1, description="Words; the word at index i has the id i + 2."
    )
    lowercase: bool = Field(True, description="Whether case is ignored.")
    max_length: int = Field(256, ge=1, le=65_536, description="Words of a text that count.")

    @field_validator("vocabulary")
    @classmethod
    def _distinct(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("the words of a vocabulary must differ from one another")
        return value


class Preprocessing(In):
    """Which fields apply depends on the dataset: the others must be left out.

    Images come out as (B, C, H, W) float32: `pixel * scale`, resized, converted to `channels`,
    then `(x - mean) / std` by channel. Tables as (B, n) float32, `(x - mean) / std` by column.
    Texts as (B, T) int64 ids. Regression targets as `(y - target_mean) / target_std`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"mean": [0.1307], "std": [0.3081]},
                {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "resize": [32, 32]},
                {"mean": [5.8, 3.0], "std": [0.8, 0.4], "target_mean": 152.1, "target_std": 77.0},
                {"tokenizer": {"vocabulary": ["the", "film", "good"], "max_length": 128}},
            ]
        }
    )

    scale: Positive | None = Field(
        None,
        description="Images: factor of every pixel. Left out: 1/255 for 8-bit, 1/65535 for "
        "16-bit pixels, 1 for floats.",
        examples=[0.00392156862745098],
    )
    mean: list[Finite] | None = Field(
        None,
        min_length=1,
        description="Subtracted: one value per channel (or one for all), or per table column.",
    )
    std: list[Positive] | None = Field(
        None,
        min_length=1,
        description="Divided by: one value per channel (or one for all), or per table column.",
    )
    resize: tuple[Side, Side] | None = Field(
        None, description="Images: height and width to resize to, bilinear with antialiasing."
    )
    channels: Literal[1, 3] | None = Field(
        None, description="Images: convert to grey (1) or colour (3). Left out: as they are."
    )
    tokenizer: Tokenizer | None = Field(None, description="Texts: how words become ids.")
    padding: Literal["longest", "max_length"] | None = Field(
        None,
        description="Texts: pad to the longest text of a batch (the default: right for models "
        "that ignore padding, as swem does), or always to the tokenizer's max_length.",
    )
    target_mean: Finite | None = Field(None, description="Regression: subtracted from targets.")
    target_std: Positive | None = Field(None, description="Regression: targets are divided by it.")

    def require_fit(self, *, modality: str | None, task: str | None) -> None:
        """Check that the fields given are those of the dataset's modality and task.

        What is None is not known yet, and not checked.

        Raises:
            PreprocessingInvalid: a field does not apply, or the tokenizer of a text is missing.
        """
        given = {name for name, value in self if value is not None}
        if task == "classification" and given & _TARGET_FIELDS:
            raise _misplaced(min(given & _TARGET_FIELDS), "a classification")
        if modality is None:
            return
        fit = _FIELDS_OF_MODALITY[modality] | _TARGET_FIELDS
        if given - fit:
            raise _misplaced(min(given - fit), f"a dataset of modality {modality}")
        if modality == "text" and self.tokenizer is None:
            raise PreprocessingInvalid(
                "A text dataset needs a tokenizer, and there is none.",
                field="preprocessing.tokenizer",
                remedy="Give the tokenizer the model was trained with: "
                "cleantrace.tokenizer.VocabularyTokenizer.to_json() writes it.",
            )


def validate_preprocessing(
    spec: Mapping[str, Any] | None, *, modality: str | None = None, task: str | None = None
) -> Preprocessing:
    """The checked form of a run's `preprocessing`; None means that nothing is to be done.

    Raises:
        PreprocessingInvalid: names the field (`preprocessing.std`) and the remedy.
    """
    try:
        preprocessing = Preprocessing.model_validate(dict(spec or {}))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(["preprocessing", *(str(part) for part in first["loc"])])
        raise PreprocessingInvalid(
            f"{name}: {str(first['msg']).removeprefix('Value error, ')}.",
            field=name,
            remedy=f"Known fields are {', '.join(Preprocessing.model_fields)}; see the API "
            "reference for their values.",
        ) from error
    preprocessing.require_fit(modality=modality, task=task)
    return preprocessing


def _misplaced(name: str, of: str) -> PreprocessingInvalid:
    return PreprocessingInvalid(
        f"{name} does not apply to {of}.",
        field=f"preprocessing.{name}",
        remedy="Leave this field out.",
    )
