"""The processes of the service, by their command lines.

The service is only ever run, never imported, from here: the client's package stays free of it.
"""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from cleantrace.standalone.child import Child

_SOURCE = Path(__file__).resolve().parents[2]


class ServiceCommands:
    """Makes the children of one stack.

    Args:
        logs: directory of their log files.
        cwd: where they run.
        env: the service's settings, on top of this process's own environment.
    """

    def __init__(self, *, logs: Path, cwd: Path, env: Mapping[str, str]) -> None:
        self._logs = logs
        self._cwd = cwd
        # The packages beside this one, also where they are run from a source tree.
        path = os.pathsep.join(filter(None, [str(_SOURCE), os.environ.get("PYTHONPATH")]))
        self._env = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": path, **env}

    def migrate(self) -> Child:
        return self._python("migrate", "-m", "migrations")

    def api(self, host: str, port: int) -> Child:
        return self._python(
            "api", "-m", "uvicorn", "app.main:app", "--host", host, "--port", str(port),
            # Access lines would hold sign-in links; event streams would hold up the end.
            "--no-access-log", "--timeout-graceful-shutdown", "3",
        )  # fmt: skip

    def worker(self, name: str) -> Child:
        return self._python(
            name, "-m", "celery", "-A", "workers.celery_app", "worker", "--pool=solo",
            "-Q", "scans,cpu", "-n", f"{name}@%h", "--loglevel=INFO",
            "--without-gossip", "--without-mingle",
        )  # fmt: skip

    def sweep(self) -> Child:
        return self._python("sweep", "-m", "workers.sweep")

    def create_key(self, project: str, name: str, role: str, log: Path) -> Child:
        """Prints the key on its output; `log` is where that goes."""
        return self._python(
            "create-key", "-m", "app.access", "create-key",
            "--project", project, "--name", name, "--role", role, log=log,
        )  # fmt: skip

    def sign_in_link(self, project: str, log: Path) -> Child:
        """Prints the path of the link on its output; `log` is where that goes."""
        return self._python(
            "sign-in-link", "-m", "app.access", "sign-in-link", "--project", project, log=log
        )

    def _python(self, name: str, *arguments: str, log: Path | None = None) -> Child:
        return Child(
            name,
            [sys.executable, *arguments],
            log=log or self._logs / f"{name}.log",
            env=self._env,
            cwd=self._cwd,
            stop_signal=signal.SIGTERM,
        )
