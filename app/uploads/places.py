"""Where uploads lie, and what they are called in a registration: `upload://<id>/<name>`.

The URI tells no path of the store. Whether the caller may use it is asked where something is
registered (`service.locate`); a worker reads what was registered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import quote, unquote
from uuid import UUID

from app.artifacts import ArtifactStore
from app.locations import Location, LocationNotFound, resolve_location
from app.settings import settings

SCHEME = "upload"
_URI = re.compile(r"^upload://([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/(.*))?$")
_ENDING = re.compile(r"^(\.[A-Za-z0-9]{1,12}){1,2}$")


def ending_of(name: str) -> str:
    """`.csv.gz` of `2026.train.csv.gz`; nothing where it is no plain ending."""
    found = "".join(PurePosixPath(name).suffixes[-2:])
    while found and not (_ENDING.fullmatch(found) and _is_read(found)):
        found = "." + found[1:].partition(".")[2] if "." in found[1:] else ""
    return found


def _is_read(ending: str) -> bool:
    """Of two endings the first counts only before one of compression."""
    first, dot, second = ending[1:].partition(".")
    return bool(first) and (not dot or second.lower() in {"gz", "bz2", "xz", "zst", "zip"})


def place_of(upload_id: UUID, name: str) -> str:
    return f"uploads/{upload_id}/data{ending_of(name)}"


def part_place(upload_id: UUID, number: int) -> str:
    return f"uploads/{upload_id}/parts/{number:06}"


def uri_of(upload_id: UUID, name: str) -> str:
    return f"{SCHEME}://{upload_id}/{quote(name)}"


def upload_id_of(uri: str) -> UUID | None:
    """None if it is no URI of an upload."""
    found = _URI.match(uri)
    return UUID(found[1]) if found else None


def find(uri: str, *, field: str = "uri") -> Location:
    """Where an upload lies, by its URI. Says nothing about whose it is.

    Raises:
        LocationNotFound: no such upload is in the store.
    """
    upload_id = upload_id_of(uri)
    store = ArtifactStore(settings().artifacts)
    place = place_of(upload_id, unquote(uri.rpartition("/")[2])) if upload_id else ""
    if upload_id is None or not store.exists(place):
        raise LocationNotFound(
            f"There is no upload {uri!r}.",
            field=field,
            remedy="Name an upload by the `uri` that the service gave it.",
        )
    return resolve_location(store.uri(place), (store.uri("uploads"),), field=field)


def find_registered(uri: str, allowed_roots: Sequence[str], *, field: str = "uri") -> Location:
    """Where data or a checkpoint lies whose registration was checked: an upload, or a location.

    Raises:
        LocationNotAllowed, LocationNotFound.
    """
    if uri.startswith(f"{SCHEME}://"):
        return find(uri, field=field)
    return resolve_location(uri, allowed_roots, field=field)
