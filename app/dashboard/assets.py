"""Static files, served by us alone. The URL holds a hash of the content, so browsers may keep
a file for ever and a new release is never mixed with an old file.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Response

from app.errors import NotFound

_FOLDER = Path(__file__).parent / "static"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Asset:
    url_name: str
    media_type: str
    data: bytes
    packed: bytes


# Modules name each other by file; browsers are to ask for the hashed names.
_IMPORT = re.compile(rb'(?<= from "\./)([\w-]+\.js)(?=")')


@cache
def _asset(name: str) -> Asset:
    path = _FOLDER / name
    # Modules import each other in no circle, so that what is imported has its hash first.
    data = _IMPORT.sub(lambda found: _asset(found[1].decode()).url_name.encode(), path.read_bytes())
    digest = hashlib.sha256(data).hexdigest()[:16]
    url_name = f"{path.stem}.{digest}{path.suffix}"
    return Asset(url_name, _MEDIA_TYPES[path.suffix], data, gzip.compress(data, mtime=0))


@cache
def _assets() -> dict[str, Asset]:
    return {
        path.name: _asset(path.name)
        for path in sorted(_FOLDER.iterdir())
        if path.suffix in _MEDIA_TYPES
    }


@cache
def _by_url_name() -> dict[str, Asset]:
    return {asset.url_name: asset for asset in _assets().values()}


def asset_url(name: str) -> str:
    """Where a file of `static/` is served: `/static/frame.<hash>.css`."""
    return f"/static/{_assets()[name].url_name}"


@router.get("/static/{name}")
def static_file(name: str, accept_encoding: Annotated[str, Header()] = "") -> Response:
    asset = _by_url_name().get(name)
    if asset is None:
        raise NotFound(
            f"There is no static file {name!r}.",
            remedy="Reload the page: it names the files of the release that runs now.",
        )
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "Vary": "Accept-Encoding",
    }
    # Only these public files are packed: packing a page that holds both a secret and what a
    # visitor sent would let its length tell of the secret.
    if "gzip" in accept_encoding:
        return Response(
            asset.packed,
            media_type=asset.media_type,
            headers=headers | {"Content-Encoding": "gzip"},
        )
    return Response(asset.data, media_type=asset.media_type, headers=headers)
