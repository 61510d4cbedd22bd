"""The client: one method for each thing the service does."""

import os
from types import TracebackType
from typing import Any, Self

from cleantrace.client import config
from cleantrace.client.aio.comparisons import AsyncComparisonCalls
from cleantrace.client.aio.datasets import AsyncDatasetCalls
from cleantrace.client.aio.estimates import AsyncEstimateCalls
from cleantrace.client.aio.evidence import AsyncEvidenceCalls
from cleantrace.client.aio.exports import AsyncExportCalls
from cleantrace.client.aio.gates import AsyncGateCalls
from cleantrace.client.aio.queues import AsyncQueueCalls
from cleantrace.client.aio.runs import AsyncRunCalls
from cleantrace.client.aio.scans import AsyncScanCalls
from cleantrace.client.aio.transport import AsyncTransport
from cleantrace.client.models import Me


class AsyncClient(
    AsyncDatasetCalls,
    AsyncRunCalls,
    AsyncEstimateCalls,
    AsyncScanCalls,
    AsyncEvidenceCalls,
    AsyncQueueCalls,
    AsyncGateCalls,
    AsyncExportCalls,
    AsyncComparisonCalls,
):
    """Talks to one project of a service. A context manager. Its
    connections are kept open; threads, or tasks, may share it.

        async with AsyncClient() as client:
            dataset = await client.register_dataset("digits", "1", Path("digits.npz"), ...)

    Whatever is not given is read from CLEANTRACE_URL, CLEANTRACE_API_KEY and CLEANTRACE_PROJECT,
    then from [tool.cleantrace] in pyproject.toml (no key), then from what `cleantrace login` keeps.
    Requests are tried again when the connection fails, and after answers 429, 502, 503 and 504; a
    repeat never does the work twice. Where a method takes a dataset, run, checkpoint or scan,
    its id does as well.

    Args:
        url: of the service.
        api_key: as `cleantrace keys create` prints it.
        project: the key's project.
        tries: how often a request is sent at most; the pauses between them grow to 8 s.
        timeout_s: how long one answer may take.
    Raises:
        NotConfigured: there is no URL, or no key.

    Every method raises ApiError (see `cleantrace.client.errors` for its kinds) when the service
    refuses, and ConnectionFailed when it is not reached.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        project: str | None = None,
        *,
        tries: int = 6,
        timeout_s: float = 30.0,
    ) -> None:
        self._address = config.from_environment(url, api_key, project)
        self._transport = AsyncTransport(
            self._address.url,
            self._address.api_key,
            self._address.project,
            tries=tries,
            timeout_s=timeout_s,
        )

    @classmethod
    def of_stack(
        cls, data_dir: str | os.PathLike[str], project: str | None = None, **options: Any
    ) -> Self:
        """The client of the stack that `cleantrace up` runs on a data directory of this machine."""
        found = config.of_stack(data_dir, project)
        return cls(found.url, found.api_key, found.project, **options)

    @property
    def url(self) -> str:
        return self._transport.url

    @property
    def project(self) -> str:
        return self._address.project

    async def me(self) -> Me:
        """Whose key this is, and what it may do."""
        return Me.from_json(await self._transport.get("/me"))

    async def close(self) -> None:
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
