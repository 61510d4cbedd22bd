"""Pages of records as columns: for pandas, Arrow and polars, of which none is needed else.

A page becomes columns as it comes, without an object for each record, so a long list takes little
more memory than its table does.
"""

import importlib
import json
import types
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from cleantrace.client.errors import PackageMissing
from cleantrace.client.models import Record

Kind = Literal["text", "whole", "number", "flag", "time", "numbers", "texts", "objects"]

_KINDS: Mapping[Any, Kind] = {
    str: "text",
    int: "whole",
    float: "number",
    bool: "flag",
    datetime: "time",
}


class Columns(ABC):
    """A table that pages are added to.

    Raises:
        PackageMissing: what makes such tables is not installed.
    """

    package: str

    def __init__(self, record: type[Record]) -> None:
        try:
            self._made_by = importlib.import_module(self.package)
        except ImportError as error:
            raise PackageMissing(
                f"Such a table needs {self.package}. Install it: pip install {self.package}"
            ) from error
        hints = get_type_hints(record)
        self._kinds = {each.name: _kind_of(hints[each.name]) for each in fields(record)}
        self._optional = {name for name in self._kinds if type(None) in get_args(hints[name])}
        self._parts: list[Any] = []

    def add(self, page: Sequence[Mapping[str, Any]]) -> None:
        if page or not self._parts:
            columns = {
                name: [_value(each.get(name), kind) for each in page]
                for name, kind in self._kinds.items()
            }
            self._parts.append(self._part(columns))

    @abstractmethod
    def _part(self, columns: dict[str, list[Any]]) -> Any:
        """A page, as compact as a table is."""

    @abstractmethod
    def table(self) -> Any:
        """Of all pages."""


class PandasColumns(Columns):
    package = "pandas"

    def _part(self, columns: dict[str, list[Any]]) -> Any:
        pd = self._made_by
        return pd.DataFrame(
            {name: pd.Series(values, dtype=self._dtype(name)) for name, values in columns.items()}
        )

    def _dtype(self, name: str) -> str:
        whole = "Int64" if name in self._optional else "int64"
        flag = "boolean" if name in self._optional else "bool"
        dtypes = {"whole": whole, "number": "float64", "flag": flag, "time": "datetime64[us, UTC]"}
        return dtypes.get(self._kinds[name], "object")

    def table(self) -> Any:
        found = self._made_by.concat(self._parts, ignore_index=True)
        # As pandas itself has texts: an object each until version 3, then a kind of their own.
        texts = [name for name, kind in self._kinds.items() if kind == "text"]
        return found.assign(**{name: found[name].infer_objects() for name in texts})


class ArrowColumns(Columns):
    package = "pyarrow"

    def __init__(self, record: type[Record]) -> None:
        super().__init__(record)
        pa = self._made_by
        kinds = {
            "text": pa.string(),
            "whole": pa.int64(),
            "number": pa.float64(),
            "flag": pa.bool_(),
            "time": pa.timestamp("us", "UTC"),
            "numbers": pa.list_(pa.float64()),
            "texts": pa.list_(pa.string()),
            "objects": pa.string(),
        }
        self._schema = pa.schema([(name, kinds[kind]) for name, kind in self._kinds.items()])

    def _part(self, columns: dict[str, list[Any]]) -> Any:
        return self._made_by.RecordBatch.from_pydict(_with_json(columns, self._kinds), self._schema)

    def table(self) -> Any:
        return self._made_by.Table.from_batches(self._parts, self._schema)


class PolarsColumns(Columns):
    package = "polars"

    def __init__(self, record: type[Record]) -> None:
        super().__init__(record)
        pl = self._made_by
        kinds = {
            "text": pl.String,
            "whole": pl.Int64,
            "number": pl.Float64,
            "flag": pl.Boolean,
            "time": pl.Datetime("us", "UTC"),
            "numbers": pl.List(pl.Float64),
            "texts": pl.List(pl.String),
            "objects": pl.String,
        }
        self._schema = {name: kinds[kind] for name, kind in self._kinds.items()}

    def _part(self, columns: dict[str, list[Any]]) -> Any:
        return self._made_by.DataFrame(_with_json(columns, self._kinds), schema=self._schema)

    def table(self) -> Any:
        return self._made_by.concat(self._parts)


def _kind_of(hint: Any) -> Kind:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        found = {_kind_of(each) for each in arguments if each is not type(None)}
        return found.pop() if len(found) == 1 else "objects"
    if origin is Literal:
        return "text"
    if isinstance(origin, type) and issubclass(origin, Sequence) and arguments:
        lists: Mapping[str, Kind] = {"text": "texts", "number": "numbers"}
        return lists.get(_kind_of(arguments[0]), "objects")
    return _KINDS.get(hint, "objects")


def _value(value: Any, kind: Kind) -> Any:
    return datetime.fromisoformat(value) if kind == "time" and value is not None else value


def _with_json(columns: dict[str, list[Any]], kinds: Mapping[str, Kind]) -> dict[str, list[Any]]:
    return {
        name: [None if each is None else json.dumps(each) for each in values]
        if kinds[name] == "objects"
        else values
        for name, values in columns.items()
    }
