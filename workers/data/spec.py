"""What a reader is given and what it gives."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from app.datasets.example_store import Kind
from app.datasets.image_file import ImageFile
from app.datasets.models import Dataset
from workers.data.errors import ColumnNotFound, ColumnUnusable


@dataclass(frozen=True)
class IndexSpec:
    """A dataset to be indexed: the members of its registration.

    Attributes:
        columns: {"input": name or names, "label": name, "key": name | None,
            "label_file": path | None}; None for class subfolders.
        on_bad_rows: "fail" or "skip".
    """

    uri: str
    format: str
    task: str
    columns: dict[str, Any] | None = None
    modality: str | None = None
    classes: Sequence[str] | None = None
    on_bad_rows: str = "fail"

    def column(self, name: str) -> str | None:
        value = (self.columns or {}).get(name)
        return None if value is None else str(value)

    @property
    def label(self) -> str:
        name = self.column("label")
        if name is None:
            raise ColumnUnusable(
                "The label column is not named.",
                field="columns.label",
                remedy="Name the column (or array) that holds the given labels.",
            )
        return name

    @property
    def key(self) -> str | None:
        return self.column("key")

    @property
    def input(self) -> str | list[str]:
        value = (self.columns or {}).get("input")
        if not value:
            raise ColumnUnusable(
                "The input column is not named.",
                field="columns.input",
                remedy="Name the column (or array), or the list of columns, that the model sees.",
            )
        return [str(name) for name in value] if isinstance(value, list | tuple) else str(value)

    @property
    def inputs(self) -> list[str]:
        return self.input if isinstance(self.input, list) else [self.input]

    def names(self) -> dict[str, str]:
        """Every column needed, with the request field that named it."""
        where = dict.fromkeys(self.inputs, "columns.input")
        where[self.label] = "columns.label"
        if self.key is not None:
            where[self.key] = "columns.key"
        return where


def spec_of(dataset: Dataset) -> IndexSpec:
    """What indexing needs of a registered dataset."""
    return IndexSpec(
        uri=dataset.uri,
        format=dataset.format,
        task=dataset.task,
        columns=dataset.columns,
        modality=dataset.modality,
        classes=dataset.classes,
        on_bad_rows=dataset.on_bad_rows,
    )


@dataclass(frozen=True)
class Layout:
    """How a reader's inputs look: the part of `StoreMeta` that it knows."""

    kind: Kind
    modality: str
    dtype: str | None = None
    shape: tuple[int, ...] | None = None
    input_names: tuple[str, ...] = ()


Inputs = np.ndarray | list[bytes | None] | list[str | None] | list[ImageFile | None]


@dataclass
class Chunk:
    """Consecutive rows of the source, good and bad.

    Attributes:
        first_row: position of the first one in the source, from 0.
        labels: as they stand in the source.
        inputs: one per row; what stands at a bad row does not matter.
        keys: strings, null where there is none; None without a key column.
        reasons: index in the chunk → why the input cannot be used.
    """

    first_row: int
    labels: pa.Array
    inputs: Inputs
    keys: pa.Array | None = None
    reasons: dict[int, str] = field(default_factory=dict)


class Reader(Protocol):
    """Reads one format, a chunk at a time; errors about the whole data set come as ProblemError.

    Attributes:
        row_count: rows in the source, good and bad; None where only reading would tell.
    """

    @property
    def layout(self) -> Layout: ...

    @property
    def row_count(self) -> int | None: ...

    def labels(self) -> Iterator[pa.Array]:
        """The label column alone."""
        ...

    def chunks(self) -> Iterator[Chunk]: ...


def require_columns(spec: IndexSpec, existing: Sequence[str], of: str) -> None:
    """Raises ColumnNotFound, which lists what there is; ColumnUnusable: one is double."""
    for name, where in spec.names().items():
        require_column(name, existing, of, where)


def require_column(name: str, existing: Sequence[str], of: str, where: str) -> None:
    if name not in existing:
        raise ColumnNotFound(
            f"There is no {name!r} in {of}. There are: {', '.join(existing) or 'none'}.",
            field=where,
            remedy="Use one of these names; case counts.",
        )
    if list(existing).count(name) > 1:
        raise ColumnUnusable(
            f"{of} has more than one column {name!r}.",
            field=where,
            remedy="Give each column a name of its own.",
        )
