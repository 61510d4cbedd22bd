"""What can be wrong with a data set as a whole, and the list of rows that could not be used."""

from app.errors import Invalid


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


class DatasetEmpty(Invalid):
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


class BadRowsFound(Invalid):
    """Rows cannot be used, and the policy is to fail."""

    title = "Bad rows"
    code = "bad-rows"
