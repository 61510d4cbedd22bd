"""What can be wrong with a data set as a whole, and the list of rows that could not be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import Invalid


@dataclass(frozen=True)
class RejectedRow:
    """A row that cannot be used: its position in the source, its key if it has one, and why."""

    row: int
    key: str | None
    reason: str


class DatasetUnreadable(Invalid):
    """A file is damaged or is not what its format says."""

    title = "Dataset unreadable"
    code = "dataset-unreadable"


class FormatUnsupported(Invalid):
    title = "Format not supported"
    code = "format-unsupported"


class ColumnNotFound(Invalid):
    title = "Column not found"
    code = "column-not-found"


class ColumnUnusable(Invalid):
    """A column is there, with values of a kind that cannot be used."""

    title = "Column unusable"
    code = "column-unusable"


class _WithRejectedRows(Invalid):
    """`rejected`: the first rows that cannot be used. They are no part of the problem document."""

    rejected: Sequence[RejectedRow] = ()

    def __init__(
        self, detail: str, *, rejected: Sequence[RejectedRow] = (), **members: Any
    ) -> None:
        super().__init__(detail, **members)
        self.rejected = tuple(rejected)


class DatasetEmpty(_WithRejectedRows):
    title = "Dataset empty"
    code = "dataset-empty"


class LengthsDiffer(Invalid):
    title = "Lengths differ"
    code = "lengths-differ"


class PickleRefused(Invalid):
    """Python objects in an `.npz`: reading them would run code."""

    title = "Pickled objects refused"
    code = "pickle-refused"


class ClassesNotFound(Invalid):
    """Class names cannot be told from the labels."""

    title = "Classes not found"
    code = "classes-not-found"


class BadRowsFound(_WithRejectedRows):
    """Rows cannot be used, and the policy is to fail."""

    title = "Bad rows"
    code = "bad-rows"
