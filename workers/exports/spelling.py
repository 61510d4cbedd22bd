"""How a source writes its labels, so that corrected ones are written alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.exports.errors import LabelUnwritable
from workers.data.labels import LabelReader, label_text, read_targets
from workers.data.values import is_bytes, is_text, plain

_LOOKED_AT_ROWS = 65_536
_WHOLE = re.compile(r"-?[0-9]+")


class Spelling:
    """Writes labels into columns of one type.

    A class is written as the source first writes it. One that is not in its first rows is written
    by its name, or by its index if the source writes all others so.

    Args:
        kind: of the column.
        classes: None in a regression.
        labels: the column from its beginning, in parts.
        name: of the column.
    """

    def __init__(
        self,
        kind: pa.DataType,
        classes: Sequence[str] | None,
        labels: Iterable[pa.Array],
        name: str,
    ) -> None:
        self._kind = kind
        self._plain = kind.value_type if pa.types.is_dictionary(kind) else kind
        self._classes = classes
        self._name = name
        self._values = [] if classes is None else self._find(classes, labels)

    def replaced(self, column: pa.Array, rows: np.ndarray, new: np.ndarray) -> pa.Array:
        """The column with other labels in some rows.

        Args:
            new: (len(rows),) class indices, or targets.
        Raises:
            LabelUnwritable.
        """
        order = np.zeros(len(column), bool)
        order[rows] = True
        values = self._written(new)
        changed = pc.replace_with_mask(plain(column), pa.array(order), values)
        return self._encoded(changed)

    def read_back(self, values: np.ndarray) -> np.ndarray:
        """What indexing reads of targets once they are written."""
        return read_targets(self._written(values), self._name)[0]

    def _written(self, new: np.ndarray) -> pa.Array:
        if self._classes is None:
            values = [self._value(repr(float(each))) for each in new]
        else:
            values = [self._values[each] for each in new]
        if None in values:
            label = new[values.index(None)]
            shown = float(label) if self._classes is None else self._classes[label]
            raise LabelUnwritable(
                f"The column {self._name!r} holds {self._plain}, which cannot hold {shown!r}.",
                field="kind",
                remedy="Export a patch, and apply it where the column has another type.",
            )
        return pa.array(values, self._plain)

    def _encoded(self, column: pa.Array) -> pa.Array:
        if not pa.types.is_dictionary(self._kind):
            return column
        encoded = column.dictionary_encode()
        indices = encoded.indices.cast(self._kind.index_type)
        return pa.DictionaryArray.from_arrays(
            indices, encoded.dictionary, ordered=self._kind.ordered
        )

    def _find(self, classes: Sequence[str], labels: Iterable[pa.Array]) -> list[Any]:
        seen: dict[int, str] = {}
        reader, rows = LabelReader(classes), 0
        for column in labels:
            unique = plain(column).unique()
            for text in map(label_text, unique.to_pylist()):
                index = reader.index_of(text)
                if index is not None and (index not in seen or text == classes[index]):
                    seen[index] = text
            rows += len(column)
            if rows >= _LOOKED_AT_ROWS:
                break
        by_index = bool(seen) and all(
            _WHOLE.fullmatch(text) and text != classes[index] for index, text in seen.items()
        )
        texts = [
            seen.get(index, str(index) if by_index else name) for index, name in enumerate(classes)
        ]
        return [self._value(text) for text in texts]

    def _value(self, text: str) -> Any:
        """A label as a value of the column's type; None if it has none like it."""
        kind = self._plain
        try:
            if is_text(kind):
                return text
            if is_bytes(kind):
                return text.encode()
            if pa.types.is_boolean(kind):
                return {"False": False, "True": True, "0": False, "1": True}[text]
            number = Decimal(text)
            if pa.types.is_integer(kind):
                if number != int(number):
                    return None
                return pa.scalar(int(number), kind).as_py()
            if pa.types.is_decimal(kind):
                return pa.scalar(number, kind).as_py()
            return float(text)
        except (ValueError, ArithmeticError, KeyError, pa.ArrowInvalid):
            return None
