"""The files of a pack, in a folder or in a ZIP archive; nothing is unpacked."""

import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from cleantrace.client.errors import CleantraceError


class PackUnreadable(CleantraceError):
    """There is no pack at this place, or it cannot be read."""


class Contents(Protocol):
    names: Counter[str]
    """How often each name is there: an archive may hold one twice."""

    def open(self, name: str) -> IO[bytes]: ...


class _Folder:
    def __init__(self, path: Path) -> None:
        files = (each for each in path.rglob("*") if each.is_symlink() or not each.is_dir())
        self._paths = {each.relative_to(path).as_posix(): each for each in files}
        self.names = Counter(self._paths.keys())

    def open(self, name: str) -> IO[bytes]:
        return self._paths[name].open("rb")


class _Archive:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.names = Counter(each.filename for each in archive.infolist() if not each.is_dir())

    def open(self, name: str) -> IO[bytes]:
        return self._archive.open(name)


@contextmanager
def contents_of(path: Path) -> Iterator[Contents]:
    """Raises PackUnreadable."""
    if path.is_dir():
        yield _Folder(path)
        return
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise PackUnreadable(f"There is no {path}.") from error
    except (zipfile.BadZipFile, OSError) as error:
        raise PackUnreadable(f"{path} is neither a folder nor a ZIP archive.") from error
    with archive:
        yield _Archive(archive)
