"""Which account runs Postgres, which refuses to run as root.

An ordinary user runs it as himself. For root it is, in this order: whoever owns the cluster
already, whoever owns the data directory, the account `postgres`, the account `nobody`. No mode of
a directory above the data directory is ever changed; if the account cannot pass one, we say which.
"""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from cleantrace.standalone.errors import StandaloneError


@dataclass(frozen=True)
class Account:
    """A system account to run a server as."""

    name: str
    uid: int
    gid: int


def unprivileged_account(*owned: Path) -> Account | None:
    """The account for a server that must not be root; None means the caller's own.

    Args:
        owned: paths whose owner, where not root, is the account; the first that exists decides.
    """
    if os.geteuid() != 0:
        return None
    for path in owned:
        if path.exists() and path.stat().st_uid != 0:
            return _entry(pwd.getpwuid(path.stat().st_uid))
    for name in ("postgres", "nobody"):
        try:
            return _entry(pwd.getpwnam(name))
        except KeyError:
            continue
    raise StandaloneError(
        "Postgres refuses to run as root and there is no account named postgres or nobody. Make "
        "one (useradd --system postgres), run as an ordinary user, or set DATABASE_URL."
    )


def _entry(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def closed_directory(path: Path, account: Account | None) -> Path | None:
    """The first directory on the way to `path` that `account` may not pass; None if all are open.

    Looks at owner, group and mode; access control lists are not read.
    """
    if account is None:
        return None
    resolved = path.resolve()
    ways = [*reversed(resolved.parents), *([resolved] if resolved.is_dir() else [])]
    for directory in ways:
        found = directory.stat()
        if found.st_uid == account.uid:
            allowed = found.st_mode & stat.S_IXUSR
        elif found.st_gid == account.gid:
            allowed = found.st_mode & stat.S_IXGRP
        else:
            allowed = found.st_mode & stat.S_IXOTH
        if not allowed:
            return directory
    return None
