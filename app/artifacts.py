"""The artifact store: what workers write, in a directory or an object store.

An artifact appears whole or not at all. Names are relative paths that the service makes
(`datasets/<id>/examples-<token>.arrow`), never paths that a user gave.
"""

import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import fsspec

from app.errors import NotFound

_PART = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._=+-]*$")
_UNFINISHED = re.compile(r"(^|/)\.[0-9a-f]{16}-([^/]+)$")


class ArtifactNotFound(NotFound):
    title = "Artifact not found"
    code = "artifact-not-found"


class ArtifactNameInvalid(ValueError):
    """Not a relative path of plain names."""


class StoredFile(NamedTuple):
    """A file in the store: an artifact, or what a writer that died left of one.

    name: of the artifact that it is or was to become.
    path: where it lies.
    """

    name: str
    path: str


class ArtifactStore:
    """Named files below a root.

    Args:
        root: a directory, or a URL of any fsspec scheme (`s3://bucket/prefix`).
        cache_dir: where downloads of a remote store are kept; a private folder of this user
            in the temporary directory if not given.
    """

    def __init__(self, root: str, *, cache_dir: Path | None = None) -> None:
        self.root = root
        self._fs, path = fsspec.core.url_to_fs(root)
        self._local = "file" in _protocols(self._fs)
        self._base = str(Path(path).resolve()) if self._local else str(path).rstrip("/")
        self._cache_dir = cache_dir

    def write_bytes(self, name: str, data: bytes) -> str:
        """Write an artifact at once; returns its name."""
        with self.writer(name) as path:
            path.write_bytes(data)
        return name

    @contextmanager
    def writer(self, name: str) -> Iterator[Path]:
        """A local path to write to. Leaving the block puts the file in place; an exception
        leaves nothing behind. The path has the name's suffix.
        """
        target = self._path(name)
        if self._local:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            part = Path(target).with_name(f".{secrets.token_hex(8)}-{Path(target).name}")
            try:
                yield part
                _sync(part)
                part.replace(target)
                _sync(Path(target).parent)
            finally:
                part.unlink(missing_ok=True)
        else:
            with tempfile.TemporaryDirectory(prefix="cleantrace-artifact-") as folder:
                part = Path(folder) / Path(target).name
                yield part
                # Object stores show an upload only once it is complete.
                self._fs.put_file(str(part), target)

    def read_bytes(self, name: str) -> bytes:
        """Raises ArtifactNotFound."""
        try:
            return bytes(self._fs.cat_file(self._path(name)))
        except FileNotFoundError as error:
            raise _not_found(name) from error

    def local_path(self, name: str) -> Path:
        """The file itself in a local store; else a download, kept for the next call.

        Raises:
            ArtifactNotFound: there is none of this name.
        """
        path = self._path(name)
        if self._local:
            if not Path(path).is_file():
                raise _not_found(name)
            return Path(path)
        try:
            state = self._fs.ukey(path)
        except FileNotFoundError as error:
            raise _not_found(name) from error
        # The state of the remote file is part of the name: a rewritten artifact is fetched anew.
        digest = hashlib.sha256(f"{self.root}\0{path}\0{state}".encode()).hexdigest()
        folder = self._cache() / digest
        cached = folder / Path(path).name
        if not cached.exists():
            folder.mkdir(exist_ok=True)
            part = folder / f".{secrets.token_hex(8)}"
            try:
                self._fs.get_file(path, str(part))
                part.replace(cached)
            finally:
                part.unlink(missing_ok=True)
        return cached

    def uri(self, name: str) -> str:
        """Where an artifact or a folder of them is, as `app.locations` takes it."""
        path = self._path(name)
        return Path(path).as_uri() if self._local else str(self._fs.unstrip_protocol(path))

    def exists(self, name: str) -> bool:
        return bool(self._fs.isfile(self._path(name)))

    def size(self, name: str) -> int:
        """Size in bytes. Raises ArtifactNotFound."""
        try:
            return int(self._fs.size(self._path(name)))
        except FileNotFoundError as error:
            raise _not_found(name) from error

    def delete(self, name: str) -> None:
        """Remove an artifact; one that is not there is no error."""
        try:
            self._fs.rm_file(self._path(name))
        except FileNotFoundError:
            return

    def files(self, folder: str) -> list[StoredFile]:
        """Everything below a folder, in any order; nothing if there is no such folder."""
        self._fs.invalidate_cache()  # object stores remember listings
        found = []
        for path in self._fs.find(self._path(folder)):
            name = str(path).removeprefix(f"{self._base}/")
            found.append(StoredFile(_UNFINISHED.sub(r"\1\2", name), str(path)))
        return found

    def age_s(self, file: StoredFile) -> float | None:
        """Seconds since it was last written; None if it is gone or the store does not tell."""
        try:
            at: datetime = self._fs.modified(file.path)
        except (FileNotFoundError, NotImplementedError):
            return None
        written = at if at.tzinfo else at.replace(tzinfo=UTC)
        return (datetime.now(UTC) - written).total_seconds()

    def remove(self, file: StoredFile) -> None:
        """Delete it; a file that is gone already is no error."""
        try:
            self._fs.rm_file(file.path)
        except FileNotFoundError:
            return

    def _path(self, name: str) -> str:
        parts = name.split("/")
        if not all(_PART.fullmatch(part) and ".." not in part for part in parts):
            raise ArtifactNameInvalid(
                f"{name!r} is not an artifact name: use relative paths of letters, digits, . _ -"
            )
        return f"{self._base}/{name}"

    def _cache(self) -> Path:
        if self._cache_dir is None:
            self._cache_dir = _private_cache()
        self._cache_dir.mkdir(parents=True, exist_ok=True)
        return self._cache_dir


def _private_cache() -> Path:
    folder = Path(tempfile.gettempdir()) / f"cleantrace-artifacts-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    # In a shared temporary directory another user may have made it first.
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        return Path(tempfile.mkdtemp(prefix="cleantrace-artifacts-"))
    return folder


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _not_found(name: str) -> ArtifactNotFound:
    return ArtifactNotFound(
        f"The artifact {name!r} is not in the store.",
        remedy="Check CLEANTRACE_ARTIFACTS: every process must use the same store.",
    )
