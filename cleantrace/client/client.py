# Made from aio/client.py by tools/sync_client.py: change that.
"""The client: one method for each thing the service does."""

import os
from types import TracebackType
from typing import Any, Self

from cleantrace.client import config
from cleantrace.client.comparisons import ComparisonCalls
from cleantrace.client.datasets import DatasetCalls
from cleantrace.client.estimates import EstimateCalls
from cleantrace.client.evidence import EvidenceCalls
from cleantrace.client.exports import ExportCalls
from cleantrace.client.gates import GateCalls
from cleantrace.client.models import Me
from cleantrace.client.queues import QueueCalls
from cleantrace.client.runs import RunCalls
from cleantrace.client.scans import ScanCalls
from cleantrace.client.transport import Transport


class Client(
    DatasetCalls,
    RunCalls,
    EstimateCalls,
    ScanCalls,
    EvidenceCalls,
    QueueCalls,
    GateCalls,
    ExportCalls,
    ComparisonCalls,
):
    """Talks to one project of a service. A context manager. Its
    connections are kept open; threads, or tasks, may share it.

        with Client() as client:
            dataset = client.register_dataset("digits", "1", Path("digits.npz"), ...)

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
        self._transport = Transport(
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

    def me(self) -> Me:
        """Whose key this is, and what it may do."""
        return Me.from_json(self._transport.get("/me"))

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
