import subprocess
import sys
from typing import Any

import pytest

from app.runs.preprocessing import Preprocessing, PreprocessingInvalid, validate_preprocessing

TOKENIZER = {"vocabulary": ["a", "b"]}


@pytest.mark.parametrize(
    ("spec", "modality", "task"),
    [
        (None, "image", "classification"),
        ({}, "table", "regression"),
        ({"scale": 0.5, "mean": [0], "std": [1], "resize": [8, 9], "channels": 3}, "image", None),
        ({"mean": [1, 2], "std": [1, 2], "target_mean": 3, "target_std": 2}, "table", "regression"),
        ({"tokenizer": TOKENIZER, "padding": "max_length"}, "text", "classification"),
        ({"mean": None, "tokenizer": None}, "table", "classification"),
        ({"resize": [8, 8]}, None, None),
    ],
)
def test_fitting_specs_are_taken(spec: Any, modality: str | None, task: str | None) -> None:
    assert isinstance(validate_preprocessing(spec, modality=modality, task=task), Preprocessing)


@pytest.mark.parametrize(
    ("spec", "modality", "field"),
    [
        ({"stdev": [1]}, "image", "preprocessing.stdev"),
        ({"std": [0.0]}, "image", "preprocessing.std.0"),
        ({"mean": []}, "image", "preprocessing.mean"),
        ({"mean": [float("nan")]}, "image", "preprocessing.mean.0"),
        ({"channels": 2}, "image", "preprocessing.channels"),
        ({"resize": [8]}, "image", "preprocessing.resize"),
        ({"resize": [0, 8]}, "image", "preprocessing.resize.0"),
        ({"scale": -1}, "image", "preprocessing.scale"),
        ({"tokenizer": {"vocabulary": []}}, "text", "preprocessing.tokenizer.vocabulary"),
        ({"tokenizer": {"vocabulary": ["a", "a"]}}, "text", "preprocessing.tokenizer.vocabulary"),
        ({"target_std": 0}, "table", "preprocessing.target_std"),
        ({"resize": [8, 8]}, "table", "preprocessing.resize"),
        ({"mean": [1.0], "tokenizer": TOKENIZER}, "text", "preprocessing.mean"),
        ({"tokenizer": TOKENIZER}, "image", "preprocessing.tokenizer"),
        ({}, "text", "preprocessing.tokenizer"),
    ],
)
def test_what_is_wrong_is_named_with_a_remedy(spec: Any, modality: str, field: str) -> None:
    with pytest.raises(PreprocessingInvalid) as caught:
        validate_preprocessing(spec, modality=modality)
    assert caught.value.field is not None
    assert caught.value.field.startswith(field)
    assert caught.value.remedy


def test_targets_of_a_classification_are_not_scaled() -> None:
    with pytest.raises(PreprocessingInvalid, match="target_mean does not apply"):
        validate_preprocessing({"target_mean": 1.0}, task="classification")


def test_checked_form_as_json_is_taken_again() -> None:
    spec = validate_preprocessing({"resize": [8, 9], "mean": [1]}).model_dump(mode="json")
    assert validate_preprocessing(spec, modality="image").resize == (8, 9)


def test_every_field_is_documented() -> None:
    assert all(field.description for field in Preprocessing.model_fields.values())


def test_the_schema_needs_no_torch() -> None:
    code = "import app.runs.preprocessing, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
