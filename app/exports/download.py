"""A file on its way out: streamed, a part of it if asked for, and never shown by a browser."""

from __future__ import annotations

import base64
from pathlib import Path

from fastapi.responses import FileResponse

from app.exports.schemas import FileOut


def download(file: FileOut, path: Path) -> FileResponse:
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    return FileResponse(
        path,
        media_type=file.media_type,
        filename=file.name,
        headers={
            "ETag": f'"{file.sha256}"',
            "Repr-Digest": f"sha-256=:{digest}:",
            "Cache-Control": "private, no-cache",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )
