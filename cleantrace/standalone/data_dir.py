"""The data directory: everything a stack keeps, and where to find it.

postgres/   the database         artifacts/  what workers write
valkey/     password and port    logs/       a file for each process
api-key     the first API key    stack.json  what runs now: URL, pids, how to reach the servers
webhook-key encrypts secrets     lock        held while `cleantrace up` runs
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cleantrace.standalone.errors import StandaloneError
from cleantrace.standalone.files import (
    DirectoryLock,
    make_directory,
    secret_in,
    write_private,
)


def default_data_dir() -> Path:
    """Where data goes if nothing else is said: CLEANTRACE_DATA_DIR, or the system's usual place."""
    if named := os.environ.get("CLEANTRACE_DATA_DIR"):
        return Path(named)
    if os.geteuid() == 0:
        # Not below root's home, which the account that runs Postgres cannot enter.
        return Path("/var/lib/cleantrace")
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "cleantrace"


@dataclass(frozen=True)
class ProcessRecord:
    """A process of a stack, named so that a later one with the same pid is not taken for it."""

    pid: int
    started: str
    stop_signal: int


@dataclass
class StackState:
    """What `stack.json` says."""

    state: str
    """starting, ready or stopping"""
    pid: int
    version: str
    url: str
    host: str
    port: int
    project: str
    data_dir: str
    artifacts: str
    api_key_file: str
    database_url: str = ""
    redis_url: str = ""
    sign_in_url: str = ""
    processes: dict[str, ProcessRecord] = field(default_factory=dict)


class DataDirectory:
    """The paths of a data directory, its lock and its state."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.postgres = self.path / "postgres"
        self.valkey = self.path / "valkey"
        self.logs = self.path / "logs"
        self.artifacts = self.path / "artifacts"
        self.state_file = self.path / "stack.json"
        self.lock = DirectoryLock(self.path / "lock", "cleantrace up")

    def open(self) -> None:
        """Make the directory if missing and take its lock.

        Raises:
            DirectoryInUse: another stack runs on it.
            StandaloneError: it cannot be made or written.
        """
        try:
            make_directory(self.path)
            self.lock.acquire()
            for part in (self.logs, self.artifacts):
                part.mkdir(exist_ok=True)
                part.chmod(0o700)
        except OSError as error:
            raise StandaloneError(
                f"The data directory {self.path} cannot be used: {error.strerror}. Choose another "
                f"with --data-dir, or give it to this account (chown)."
            ) from error

    def api_key_of(self, project: str) -> Path:
        """Where the first key of a project is kept."""
        return self.path / ("api-key" if project == "default" else f"api-key-{project}")

    def webhook_key(self) -> str:
        """What webhooks' secrets are encrypted with; made when it is first asked for."""
        return secret_in(self.path / "webhook-key")

    def evidence_key(self) -> str:
        """What the key that signs evidence packs is encrypted with; made likewise."""
        return secret_in(self.path / "evidence-key")

    def write_state(self, state: StackState) -> None:
        write_private(self.state_file, json.dumps(asdict(state), indent=2) + "\n")

    def read_state(self) -> StackState | None:
        """The last state written, or None; a file that is not ours to read counts as none."""
        try:
            found: Mapping[str, Any] = json.loads(self.state_file.read_text())
            processes = {
                name: ProcessRecord(**record) for name, record in found["processes"].items()
            }
            return StackState(**{**found, "processes": processes})
        except (OSError, ValueError, KeyError, TypeError):
            return None
