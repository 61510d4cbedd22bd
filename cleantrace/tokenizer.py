"""A word tokenizer with a fixed vocabulary: the same in training and in scans.

Pure Python and deterministic: the same texts give the same vocabulary, on any machine.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

PADDING_ID = 0
UNKNOWN_ID = 1
FIRST_WORD_ID = 2

# A word with inner apostrophes ("don't"), or a single mark such as "!".
_TOKEN = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")


class VocabularyTokenizer:
    """Turns a text into a list of ids.

    Id 0 is padding, 1 any word outside the vocabulary, and the word at index i of `vocabulary`
    has the id i + 2. A text is brought to Unicode NFC, lowercased if so set, and split into
    words (letters, digits and `_`, with inner apostrophes) and single punctuation marks; only
    the first `max_length` of them count.

    Args:
        vocabulary: distinct words.
        lowercase: whether case is ignored.
        max_length: the most ids a text gives.
    Raises:
        ValueError: a word stands twice, or max_length is below 1.
    """

    def __init__(
        self, vocabulary: Sequence[str], lowercase: bool = True, max_length: int = 256
    ) -> None:
        self.vocabulary = tuple(vocabulary)
        self.lowercase = lowercase
        self.max_length = max_length
        self._ids = {word: i + FIRST_WORD_ID for i, word in enumerate(self.vocabulary)}
        if len(self._ids) < len(self.vocabulary):
            twice = next(word for word, n in Counter(self.vocabulary).items() if n > 1)
            raise ValueError(f"the vocabulary holds {twice!r} more than once")
        if max_length < 1:
            raise ValueError(f"max_length must be at least 1, not {max_length}")

    @classmethod
    def build(
        cls,
        texts: Iterable[str],
        size: int,
        *,
        lowercase: bool = True,
        max_length: int = 256,
        min_count: int = 1,
    ) -> "VocabularyTokenizer":
        """The tokenizer of the most frequent words; equally frequent ones go by the alphabet.

        Args:
            texts: read once, one at a time.
            size: how many ids there may be, the two for padding and unknown words included: a
                model's `vocabulary_size`.
            min_count: words seen less often are left out.
        Raises:
            ValueError: size is below 2.
        """
        if size < FIRST_WORD_ID:
            raise ValueError(f"size must be at least {FIRST_WORD_ID}, not {size}")
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(_split(text, lowercase))
        frequent = [(word, n) for word, n in counts.items() if n >= min_count]
        frequent.sort(key=lambda item: (-item[1], item[0]))
        words = [word for word, _ in frequent[: size - FIRST_WORD_ID]]
        return cls(words, lowercase=lowercase, max_length=max_length)

    @property
    def size(self) -> int:
        """How many ids there are: what a model needs as `vocabulary_size`."""
        return len(self.vocabulary) + FIRST_WORD_ID

    def __len__(self) -> int:
        return self.size

    def encode(self, text: str) -> list[int]:
        """The ids of a text's first `max_length` words, without padding."""
        words = _split(text, self.lowercase)[: self.max_length]
        return [self._ids.get(word, UNKNOWN_ID) for word in words]

    def to_json(self) -> dict[str, Any]:
        """JSON values, as `preprocessing.tokenizer` of a training run takes them."""
        return {
            "vocabulary": list(self.vocabulary),
            "lowercase": self.lowercase,
            "max_length": self.max_length,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any] | str) -> "VocabularyTokenizer":
        """From what `to_json` gave, or that as JSON text.

        Raises:
            ValueError: not such values.
        """
        if isinstance(values, str):
            values = json.loads(values)
        if not isinstance(values, Mapping):
            raise ValueError("a tokenizer is a JSON object with a `vocabulary`")
        unknown = sorted(set(values) - {"vocabulary", "lowercase", "max_length"})
        words = values.get("vocabulary")
        if unknown or not isinstance(words, list) or not all(isinstance(w, str) for w in words):
            raise ValueError(
                "a tokenizer has `vocabulary` (a list of words), `lowercase` and `max_length`"
                + (f", not {', '.join(unknown)}" if unknown else "")
            )
        return cls(
            words,
            lowercase=bool(values.get("lowercase", True)),
            max_length=int(values.get("max_length", 256)),
        )


def _split(text: str, lowercase: bool) -> list[str]:
    text = unicodedata.normalize("NFC", text)
    return _TOKEN.findall(text.lower() if lowercase else text)
