"""Private files and directory locks."""

import fcntl
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

from cleantrace.standalone.errors import DirectoryInUse


def make_directory(path: Path) -> Path:
    """Create a directory of ours.

    Only its owner may look into it. Where the owner is root, Postgres runs as another account and
    must be able to pass, so others may pass (not list) it; what is secret within is a 0600 file.
    """
    path.mkdir(parents=True, exist_ok=True)
    if path.stat().st_uid == os.geteuid():
        path.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return path


def write_private(path: Path, text: str) -> None:
    """Replace a file that only its owner may read, in one step: it is never seen half written."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


def secret_in(path: Path) -> str:
    """The secret kept in `path`, made at the first call."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24))
    return path.read_text().strip()


class DirectoryLock:
    """Held by the one process that owns a directory; the kernel drops it when that process ends."""

    def __init__(self, path: Path, owner: str) -> None:
        self._path = path
        self._owner = owner
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            DirectoryInUse: another process holds it; names that process.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode().strip() or "unknown"
            os.close(descriptor)
            raise DirectoryInUse(
                f"{self._path.parent} is in use by another {self._owner}, process {holder}. "
                f"Stop that one (kill {holder}), or choose another directory."
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
