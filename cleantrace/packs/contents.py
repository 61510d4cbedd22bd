"""The files of a pack, in a folder or in a ZIP archive; nothing is unpacked."""

import stat
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from cleantrace.client.errors import CleantraceError

FAULTS = (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile)
"""What reading somebody's archive or folder may raise."""

_NO_FILE = "it is a link, or no file at all"


class PackUnreadable(CleantraceError):
    """There is no pack at this place, or it cannot be read."""


class Contents(Protocol):
    names: Counter[str]
    """How often each name is there: an archive may hold one twice."""

    def open(self, name: str) -> IO[bytes]:
        """This and reading may raise any of FAULTS."""
        ...


class _Folder:
    def __init__(self, path: Path) -> None:
        files = (each for each in path.rglob("*") if each.is_symlink() or not each.is_dir())
        self._paths = {each.relative_to(path).as_posix(): each for each in files}
        self.names = Counter(self._paths.keys())

    def open(self, name: str) -> IO[bytes]:
        path = self._paths[name]
        # A link may lead out of the pack, and a pipe or device never ends.
        if not stat.S_ISREG(path.lstat().st_mode):
            raise OSError(_NO_FILE)
        return path.open("rb")


class _Archive:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.names = Counter(each.filename for each in archive.infolist() if not each.is_dir())

    def open(self, name: str) -> IO[bytes]:
        entry = self._archive.getinfo(name)
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
            raise OSError(_NO_FILE)
        # In a compressed entry, or one that says another size, other programs may find more than
        # was looked at here.
        sizes_agree = entry.compress_size == entry.file_size
        if entry.compress_type != zipfile.ZIP_STORED or not sizes_agree:
            raise zipfile.BadZipFile("it is compressed, as in no pack; verify it unpacked")
        return self._archive.open(entry)


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
    except FAULTS as error:
        raise PackUnreadable(f"{path} is neither a folder nor a ZIP archive.") from error
    with archive:
        yield _Archive(archive)
