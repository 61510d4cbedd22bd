"""Given labels: finding the classes, and turning labels into class indices or targets."""

import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa

from workers.data.errors import ClassesNotFound, ColumnUnusable
from workers.data.values import Reasons, is_bytes, is_number, is_text, plain, shown, to_floats

_MAX_CLASSES = 100_000
_WHOLE = re.compile(r"-?[0-9]+")
_LISTED = 6


class LabelReader:
    """Turns a label column into class indices.

    A label that equals a class name is that class: the name always wins. A whole number that is
    no class name is taken for an index (0 is the first class) only if *no* class name is itself
    a whole number; so with the classes "1", "2", "3" the label 1 is the first class, and 0 is
    outside. Numbers are compared by their usual writing: 3, 3.0 and "3" are the same label, 03
    is another. False and True are "False" and "True", or the indices 0 and 1.

    Args:
        classes: class names, in the model's order.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self._index = {name: i for i, name in enumerate(self.classes)}
        if not any(_WHOLE.fullmatch(name) for name in self.classes):
            self._index = {str(i): i for i in range(len(self.classes))} | self._index
            if len(self.classes) >= 2:
                self._index = {"False": 0, "True": 1} | self._index

    def read(self, column: pa.Array, name: str) -> tuple[np.ndarray, Reasons]:
        """(n,) int32, and the rows whose label is missing or outside the classes."""
        encoded = _require_usable(plain(column), name).dictionary_encode()
        indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        texts = [label_text(value) for value in encoded.dictionary.to_pylist()]
        # One more at the end: what a null row (index -1) reads.
        labels = np.array([self._index.get(t, -1) for t in texts] + [-1], np.int32)[indices]
        reasons = {}
        for i in np.flatnonzero(labels < 0):
            text = texts[indices[i]] if indices[i] >= 0 else ""
            reasons[int(i)] = self._reason(text, name)
        return labels, reasons

    def index_of(self, text: str) -> int | None:
        """The class that a label means, given by its usual writing."""
        return self._index.get(text)

    def _reason(self, text: str, name: str) -> str:
        if not text.strip():
            return f"missing label in column {name!r}"
        some = ", ".join(self.classes[:_LISTED])
        more = ", …" if len(self.classes) > _LISTED else ""
        return f"label {shown(text)} is outside the classes ({some}{more})"


def read_targets(column: pa.Array, name: str) -> tuple[np.ndarray, Reasons]:
    """Regression targets, (n,) float64, and the rows that have no finite one."""
    return to_floats(column, name, "columns.label", np.float64)


def find_classes(
    columns: Iterable[pa.Array], name: str, on_column: Callable[[], None] | None = None
) -> tuple[str, ...]:
    """The distinct labels of a column: by number if all are whole numbers, else by name.

    Args:
        columns: the label column in parts.
        on_column: called after each part.
    Raises:
        ClassesNotFound: no label at all, only one, fractions, or very many.
    """
    found: set[str] = set()
    for column in columns:
        for value in _require_usable(plain(column), name).unique().to_pylist():
            text = label_text(value)
            if isinstance(value, float) and "." in text:
                raise _not_found(
                    f"Column {name!r} holds fractions such as {text}, which are no class labels."
                )
            if "\0" in text:
                raise _not_found(f"Column {name!r} holds a label with a NUL character.")
            if text.strip():
                found.add(text)
        if len(found) > _MAX_CLASSES:
            raise _not_found(f"Column {name!r} holds more than {_MAX_CLASSES} different labels.")
        if on_column is not None:
            on_column()
    if len(found) == 1:
        raise _not_found(f"All labels are {shown(next(iter(found)))}: there is one class only.")
    if all(_WHOLE.fullmatch(text) for text in found):
        return tuple(sorted(found, key=lambda text: (int(text), text)))
    return tuple(sorted(found))


def label_text(value: object) -> str:
    """The usual writing of a label; empty for a missing one."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, float):
        if np.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def _require_usable(column: pa.Array, name: str) -> pa.Array:
    kind = column.type
    if is_text(kind) or is_bytes(kind) or is_number(kind) or pa.types.is_null(kind):
        return column
    raise ColumnUnusable(
        f"Column {name!r} holds {kind}, which cannot be labels.",
        field="columns.label",
        remedy="Name a column of class names or whole numbers (numbers, in a regression).",
    )


def _not_found(detail: str) -> ClassesNotFound:
    return ClassesNotFound(
        detail,
        field="columns.label",
        remedy="Name the column of class labels, or give `classes`; for numbers to be predicted "
        "the task is regression.",
    )
