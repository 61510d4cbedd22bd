"""Data that is in memory or on this machine, as a file of a format that the service reads.

Packages are told apart by their objects' own module, so none of them is needed here.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

Format = Literal["parquet", "csv", "npz", "image_folder"]

_BY_ENDING: Mapping[str, Format] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".npz": "npz",
}


def format_of(path: Path) -> Format:
    """By the name's ending, before one of compression. Raises ValueError: it tells none."""
    for suffix in reversed(path.suffixes[-2:]):
        if suffix.lower() in _BY_ENDING:
            return _BY_ENDING[suffix.lower()]
    known = ", ".join(_BY_ENDING)
    raise ValueError(f"the name {path.name!r} tells no format: give `format`, or end it in {known}")


def write_source(data: Any, folder: Path) -> tuple[Path, Format]:
    """A file with the data, and its format.

    Args:
        data: a path; a pandas or polars DataFrame; a pyarrow Table; a `datasets.Dataset`; or a
            mapping of names to arrays, as `numpy.savez` takes.
    Raises:
        TypeError: something else.
        ValueError: a path whose name tells no format.
    """
    if isinstance(data, str | os.PathLike):
        path = Path(data).expanduser()
        return path, format_of(path)
    package = type(data).__module__.partition(".")[0]
    table = folder / "data.parquet"
    match package, type(data).__name__:
        case "pandas", "DataFrame":
            data.to_parquet(table, index=False)
        case "polars", "DataFrame":
            data.write_parquet(table)
        case "pyarrow", "Table":
            import pyarrow.parquet as pq

            pq.write_table(data, table)
        case "datasets", "Dataset":
            data.to_parquet(str(table))
        case _ if isinstance(data, Mapping) and data:
            import numpy as np

            arrays = folder / "data.npz"
            named: dict[str, Any] = {str(name): np.asarray(value) for name, value in data.items()}
            np.savez(arrays, **named)
            return arrays, "npz"
        case _:
            raise TypeError(
                f"{package}.{type(data).__name__} is not data that can be sent: give a path, a "
                "DataFrame, an Arrow table, a datasets.Dataset, or a mapping of arrays"
            )
    return table, "parquet"
