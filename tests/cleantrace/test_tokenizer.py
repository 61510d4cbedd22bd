import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleantrace.tokenizer import PADDING_ID, UNKNOWN_ID, VocabularyTokenizer

TEXTS = ["The film is good, the END.", "the film isn't good!"]


def test_frequent_words_come_first_and_ties_go_by_the_alphabet() -> None:
    tokenizer = VocabularyTokenizer.build(TEXTS, size=6)
    assert tokenizer.vocabulary == ("the", "film", "good", "!")
    assert tokenizer.size == len(tokenizer) == 6


def test_words_start_at_2_and_unknown_words_are_1() -> None:
    tokenizer = VocabularyTokenizer(["the", "film"])
    assert tokenizer.encode("The nice film") == [2, UNKNOWN_ID, 3]
    assert tokenizer.encode("") == []
    assert PADDING_ID == 0


def test_apostrophes_stay_inside_words_and_marks_stand_alone() -> None:
    tokenizer = VocabularyTokenizer.build(["don't stop-it, 'now'"], size=50)
    assert sorted(tokenizer.vocabulary) == sorted(["don't", "stop", "-", "it", ",", "'", "now"])


def test_case_counts_only_if_asked_for() -> None:
    assert VocabularyTokenizer(["Film"], lowercase=False).encode("Film film") == [2, UNKNOWN_ID]
    assert VocabularyTokenizer(["film"]).encode("Film FILM") == [2, 2]


def test_composed_and_decomposed_letters_are_the_same() -> None:
    tokenizer = VocabularyTokenizer.build(["caf\u00e9"], size=3)
    assert tokenizer.encode("cafe\u0301") == [2]


def test_text_is_cut_at_max_length() -> None:
    assert VocabularyTokenizer(["a"], max_length=3).encode("a a a a a") == [2, 2, 2]


def test_rare_words_can_be_left_out() -> None:
    tokenizer = VocabularyTokenizer.build(TEXTS, size=100, min_count=2)
    assert tokenizer.vocabulary == ("the", "film", "good")


@settings(deadline=None)
@given(texts=st.lists(st.text()), size=st.integers(2, 50), lowercase=st.booleans())
def test_json_round_trip_encodes_alike_and_ids_stay_below_size(
    texts: list[str], size: int, lowercase: bool
) -> None:
    tokenizer = VocabularyTokenizer.build(texts, size, lowercase=lowercase, max_length=7)
    again = VocabularyTokenizer.from_json(json.dumps(tokenizer.to_json()))
    assert again.to_json() == tokenizer.to_json()
    assert tokenizer.size <= size
    for text in texts:
        ids = tokenizer.encode(text)
        assert ids == again.encode(text)
        assert len(ids) <= 7
        assert all(1 <= i < tokenizer.size for i in ids)


@pytest.mark.parametrize(
    "values",
    [
        "[]",
        "not json",
        {},
        {"vocabulary": "abc"},
        {"vocabulary": [1]},
        {"vocabulary": ["a", "a"]},
        {"vocabulary": ["a"], "max_length": 0},
        {"vocabulary": ["a"], "stem": True},
    ],
)
def test_other_values_are_refused(values: object) -> None:
    with pytest.raises(ValueError):
        VocabularyTokenizer.from_json(values)  # type: ignore[arg-type]


def test_size_below_the_two_reserved_ids_is_refused() -> None:
    with pytest.raises(ValueError, match="size"):
        VocabularyTokenizer.build([], size=1)


def test_tokenizer_needs_the_standard_library_only() -> None:
    path = Path(__file__).parents[2] / "cleantrace" / "tokenizer.py"
    code = f"import runpy; runpy.run_path({str(path)!r})['VocabularyTokenizer'](['a'])"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
