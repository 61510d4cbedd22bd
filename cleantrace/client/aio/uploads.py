"""Sending files that the service cannot reach itself."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from cleantrace.client.aio.calls import AsyncCalls
from cleantrace.client.aio.pace import aside, at_once
from cleantrace.client.aio.pages import AsyncPages
from cleantrace.client.aio.waiting import poll
from cleantrace.client.deadline import Deadline
from cleantrace.client.digest import sha256_of
from cleantrace.client.errors import UploadFailed
from cleantrace.client.models import Upload
from cleantrace.client.refs import NO_REASON, path_id

_AT_ONCE = 4


class AsyncUploadCalls(AsyncCalls):
    """Sending files that the service cannot reach itself."""

    async def upload(
        self,
        file: str | os.PathLike[str],
        *,
        progress: Callable[[Upload], None] | None = None,
        timeout_s: float | None = None,
    ) -> Upload:
        """Send a file; its `uri` may then be registered as a dataset's or a checkpoint's.

        What the project has already is not sent again; what was broken off goes on where it was.

        Args:
            progress: called after each part; `received` of `part_count` have arrived.
            timeout_s: for the service to put the parts together, once all have arrived.
        Raises:
            UploadFailed: what arrived is not what was announced: the file changed meanwhile.
            WaitTimedOut: after `timeout_s`.
            OSError: the file cannot be read.
        """
        path, body = await aside(_announcement, file)
        seen = Upload.from_json(await self._transport.post("/uploads", body))
        if progress is not None:
            progress(seen)
        upload_id, part_bytes = seen.id, seen.part_bytes
        while seen.missing:
            send = partial(self._send_part, path, upload_id, part_bytes)
            async for told in at_once(send, seen.missing, _AT_ONCE):
                if progress is not None:
                    progress(told)
            # Very large files want more parts than one answer names.
            seen = await self.get_upload(seen)
        if seen.status == "receiving":
            seen = Upload.from_json(await self._transport.post(f"/uploads/{path_id(seen)}/finish"))
        deadline = Deadline("Putting the upload together", timeout_s)
        async for seen in poll(lambda: self.get_upload(upload_id), lambda it: it.is_over, deadline):
            if progress is not None:
                progress(seen)
        if seen.status == "failed":
            raise UploadFailed(f"{seen.name} was not uploaded", seen, seen.failure or NO_REASON)
        return seen

    async def get_upload(self, upload: Upload | str) -> Upload:
        return Upload.from_json(await self._transport.get(f"/uploads/{path_id(upload)}"))

    def uploads(self) -> AsyncPages[Upload]:
        """The project's uploads, newest first."""
        return self._pages("/uploads", Upload)

    async def _send_part(self, path: Path, upload_id: str, part_bytes: int, number: int) -> Upload:
        data = await aside(_read, path, number * part_bytes, part_bytes)
        answer = await self._transport.put_bytes(
            f"/uploads/{path_id(upload_id)}/parts/{number}", data
        )
        return Upload.from_json(answer)


def _read(path: Path, start: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(size)


def _announcement(file: str | os.PathLike[str]) -> tuple[Path, dict[str, Any]]:
    path = Path(file).expanduser()
    body = {"name": path.name, "size": path.stat().st_size, "sha256": sha256_of(path)}
    return path, body
