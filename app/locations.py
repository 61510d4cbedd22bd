"""Where data and checkpoints may be read from.

A location is resolved first (symlinks, `..`, percent-encoding) and checked against the allowed
roots afterwards, and nothing is looked up before it has passed: the answer for a place outside
the roots is the same whether something is there or not.
"""

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote

import fsspec

from app.errors import Invalid

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")
_GLOB = re.compile(r"[*?\[]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LOCAL_SCHEMES = ("file", "local")
_MAX_SHOWN = 200


class LocationNotAllowed(Invalid):
    title = "Location not allowed"
    code = "location-not-allowed"


class LocationNotFound(Invalid):
    title = "Location not found"
    code = "location-not-found"


@dataclass(frozen=True)
class Location:
    """A place inside the allowed roots. Made by `resolve_location` only.

    `path` is what fsspec's file system of `scheme` takes; for local places it is absolute and
    free of symlinks. `uri` is the canonical form: resolving it again gives the same location.
    """

    uri: str
    scheme: str
    path: str
    roots: tuple[str, ...]
    field: str = "uri"

    @property
    def local_path(self) -> Path | None:
        """The file itself; None for a remote place."""
        return Path(self.path) if self.scheme == "file" else None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return posixpath.basename(self.path.rstrip("/"))

    def filesystem(self) -> Any:
        """fsspec's file system. Raises LocationNotFound if its package is not installed."""
        try:
            return fsspec.filesystem(self.scheme)
        except (ImportError, ValueError) as error:
            raise LocationNotFound(
                f"The scheme {self.scheme!r} cannot be read here: {error}.",
                field=self.field,
                remedy="Install the fsspec package of this scheme, such as s3fs or gcsfs, "
                "where Cleantrace runs.",
            ) from error

    def exists(self) -> bool:
        local = self.local_path
        if local is not None:
            return os.path.exists(local)  # noqa: PTH110  # Path.exists raises on EACCES
        return bool(self.filesystem().exists(self.path))

    def is_dir(self) -> bool:
        local = self.local_path
        return local.is_dir() if local is not None else bool(self.filesystem().isdir(self.path))

    def size(self) -> int:
        """Size in bytes."""
        local = self.local_path
        return local.stat().st_size if local else int(self.filesystem().size(self.path))

    def open(self, *, compression: str | None = None) -> BinaryIO:
        """The file, opened to read bytes; `compression="infer"` goes by the name (`.gz`)."""
        place = self.path if self.scheme == "file" else self.uri
        return cast(BinaryIO, fsspec.open(place, "rb", compression=compression).open())

    def join(self, relative: str, *, field: str | None = None) -> "Location":
        """A place below this folder, resolved and checked like any other.

        Args:
            field: the request field to name in errors; this location's own if not given.
        Raises:
            LocationNotAllowed: it leads out of the allowed roots.
        """
        base = self if field is None else replace(self, field=field)
        if self.scheme == "file":
            return _local_location(os.path.join(self.path, relative), relative, base)  # noqa: PTH118
        return _url_location(f"{self.uri.rstrip('/')}/{relative.lstrip('/')}", base)

    def expand(self, suffixes: Sequence[str]) -> list["Location"]:
        """The files meant, in the order of their names.

        A file is itself, a folder its files with one of the suffixes (not those of subfolders),
        a glob its matches. Hidden files are left out.

        Raises:
            LocationNotAllowed: one of them is a symlink that leads out of the allowed roots.
            LocationNotFound: there is none.
        """
        if not _is_glob(self) and not self.is_dir():
            return [self]
        if _is_glob(self):
            found = _glob_matches(self)
        else:
            found = [str(path) for path in self.filesystem().ls(self.path, detail=False)]
            found = [path for path in found if path.lower().endswith(tuple(suffixes))]
        names = sorted(
            path for path in found if not posixpath.basename(path).startswith((".", "_"))
        )
        locations = [self._of_fsspec_path(path) for path in names]
        locations = [location for location in locations if not location.is_dir()]
        if not locations:
            raise LocationNotFound(
                f"No file of {_shown(self.uri)} ends in {' or '.join(suffixes)}.",
                field=self.field,
                remedy="Name a file, a folder that holds such files, or a glob that matches some.",
            )
        return locations

    def _of_fsspec_path(self, path: str) -> "Location":
        if self.scheme == "file":
            return _local_location(path, posixpath.basename(path), self)
        return _url_location(f"{self.scheme}://{path.lstrip('/')}", self)


def resolve_location(uri: str, allowed_roots: Sequence[str], *, field: str = "uri") -> Location:
    """Check a place that a user named, and that something is there.

    Args:
        uri: an absolute path, a `file://` URL, or a URL of another fsspec scheme (`s3://`, ...).
            The last part may be a glob (`/data/part-*.parquet`).
        allowed_roots: directories and URL prefixes.
        field: the request field to name in errors.
    Raises:
        LocationNotAllowed: relative, malformed, or outside every allowed root.
        LocationNotFound: inside the roots, but nothing is there.
    """
    blank = Location(uri, "", "", tuple(allowed_roots), field)
    scheme = _SCHEME.match(uri)
    if not uri.strip() or _CONTROL.search(uri):
        raise _not_allowed(blank, "it is empty or holds control characters")
    if scheme is None:
        location = _local_location(uri, uri, blank)
    elif scheme[1].lower() in _LOCAL_SCHEMES:
        location = _local_location(_path_of_file_url(uri, blank), uri, blank)
    else:
        location = _url_location(uri, blank)
    _require_existing(location, uri)
    return location


def open_location(uri: str, allowed_roots: Sequence[str], *, field: str = "uri") -> BinaryIO:
    """`resolve_location`, then opened to read bytes."""
    return resolve_location(uri, allowed_roots, field=field).open()


def path_of_file_uri(uri: str) -> str:
    """The path in a canonical `file://` URI that a `Location` wrote."""
    return unquote(uri.removeprefix("file://"))


def _path_of_file_url(uri: str, base: Location) -> str:
    host, separator, rest = uri.partition("://")[2].partition("/")
    if host not in ("", "localhost") or not separator:
        raise _not_allowed(base, "a file:// URL has three slashes and an absolute path")
    path = unquote(separator + rest)
    if _CONTROL.search(path):
        raise _not_allowed(base, "it holds control characters")
    return path


def _local_location(path: str, shown: str, base: Location) -> Location:
    """`shown` is what the user wrote: an error never tells where a symlink points to."""
    if not path.startswith("/"):
        raise LocationNotAllowed(
            f"The location {_shown(shown)} is relative.",
            field=base.field,
            remedy="Give an absolute path such as /data/train.parquet, or a URL.",
        )
    resolved = _resolve(path, shown, base)
    for root in base.roots:
        root_path = _local_root(root)
        if root_path is not None and resolved.is_relative_to(root_path):
            return Location(resolved.as_uri(), "file", str(resolved), base.roots, base.field)
    raise _outside(shown, base)


def _resolve(path: str, shown: str, base: Location) -> Path:
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of symlinks
        raise _outside(shown, base) from error


def _local_root(root: str) -> Path | None:
    scheme = _SCHEME.match(root)
    if scheme is not None and scheme[1].lower() not in _LOCAL_SCHEMES:
        return None
    return Path(unquote(root[scheme.end() :]) if scheme else root).resolve()


def _url_location(uri: str, base: Location) -> Location:
    scheme, host, key = _split_url(uri, base)
    for root in base.roots:
        match = _SCHEME.match(root)
        if match is None or match[1].lower() in _LOCAL_SCHEMES:
            continue
        root_scheme, root_host, root_key = _split_url(root, base)
        inside = not root_key or key == root_key or key.startswith(root_key + "/")
        if (scheme, host) == (root_scheme, root_host) and inside:
            place = f"{host}/{key}".rstrip("/")
            url = f"{scheme}://{place}"
            return Location(url, scheme, _fsspec_path(url, scheme), base.roots, base.field)
    raise _outside(uri, base)


def _fsspec_path(url: str, scheme: str) -> str:
    try:
        return str(fsspec.get_filesystem_class(scheme)._strip_protocol(url))
    except (ImportError, ValueError):
        return url  # `filesystem()` says what is missing, once the place is known to be allowed


def _split_url(uri: str, base: Location) -> tuple[str, str, str]:
    """Scheme, host or bucket, and key with `.` and `..` worked out."""
    match = _SCHEME.match(uri)
    assert match is not None
    scheme, rest = match[1].lower(), uri[match.end() :]
    host, _, key = rest.partition("/")
    if "::" in uri or "\\" in uri or "@" in host:
        raise _not_allowed(base, "chained URLs, backslashes and credentials are refused")
    if scheme in ("http", "https") and re.search(r"[?#]", rest):
        raise _not_allowed(base, "queries and fragments are refused")
    # A server may decode what was compared encoded, so encoded dots and slashes are refused.
    decoded = key
    while unquote(decoded) != decoded:
        decoded = unquote(decoded)
    encoded = decoded != key and (
        decoded.count("/") != key.count("/")
        or "\\" in decoded
        or _CONTROL.search(decoded)
        or any(part in (".", "..") for part in decoded.split("/"))
    )
    if encoded:
        raise _not_allowed(base, "percent-encoded dots, slashes and controls are refused")
    # On "/key" a leading ".." cannot climb past the bucket.
    normal = posixpath.normpath("/" + key).lstrip("/")
    return scheme, host, "" if normal == "." else normal


def _is_glob(location: Location) -> bool:
    return bool(_GLOB.search(location.name)) and not location.exists()


def _glob_matches(location: Location) -> list[str]:
    """Only the last part is a pattern: a `*` before it could look through links that lead out."""
    folder = posixpath.dirname(location.path.rstrip("/"))
    try:
        listed = location.filesystem().ls(folder, detail=False)
    except OSError:
        return []
    names = [str(path) for path in listed]
    return [path for path in names if fnmatchcase(posixpath.basename(path), location.name)]


def _require_existing(location: Location, shown: str) -> None:
    if not location.exists() and not (_is_glob(location) and _glob_matches(location)):
        raise LocationNotFound(
            f"Nothing is stored at {_shown(shown)}.",
            field=location.field,
            remedy="Check the spelling, and that the place is mounted where Cleantrace runs.",
        )


def _outside(shown: str, base: Location) -> LocationNotAllowed:
    roots = ", ".join(base.roots) or "none"
    return LocationNotAllowed(
        f"The location {_shown(shown)} is not inside the allowed roots.",
        field=base.field,
        remedy=f"Move the data below an allowed root ({roots}), or ask the operator to add its "
        "root to CLEANTRACE_ALLOWED_ROOTS.",
    )


def _not_allowed(base: Location, reason: str) -> LocationNotAllowed:
    return LocationNotAllowed(
        f"The location {_shown(base.uri)} cannot be used: {reason}.",
        field=base.field,
        remedy="Give an absolute path such as /data/train.parquet, or a plain URL such as "
        "s3://bucket/train.parquet.",
    )


def _shown(uri: str) -> str:
    return repr(uri if len(uri) <= _MAX_SHOWN else uri[:_MAX_SHOWN] + "…")


def walk_files(folder: Location) -> Iterator[str]:
    """Paths of all files below a folder, relative to it, in the order of their names.

    Hidden entries are left out. A local symlink to a folder is followed if it stays inside the
    allowed roots and does not lead back up; else its own path is given, for `join` to refuse.
    """
    if folder.local_path is not None:
        yield from _walk_local(folder, "", (folder.path,))
        return
    prefix = folder.path.rstrip("/") + "/"
    for path in sorted(folder.filesystem().find(folder.path)):
        relative = str(path).removeprefix(prefix)
        if not any(part.startswith(".") for part in relative.split("/")):
            yield relative


def _walk_local(folder: Location, below: str, above: tuple[str, ...]) -> Iterator[str]:
    """`above`: the resolved folders being walked, to notice a symlink back to one of them."""
    here = os.path.join(folder.path, below)  # noqa: PTH118
    with os.scandir(here) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    for name in names:
        relative = f"{below}/{name}" if below else name
        try:
            location = folder.join(relative)
        except LocationNotAllowed:
            yield relative
            continue
        if not location.is_dir():
            yield relative
        elif location.path not in above:
            yield from _walk_local(folder, relative, (*above, location.path))
