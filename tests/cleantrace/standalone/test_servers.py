"""Postgres and Valkey from their wheels, as root or as an ordinary user, whoever runs this."""

import os
import signal
import time
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest
import redis

from cleantrace.standalone import NO_DURABILITY, PostgresServer, ValkeyServer
from cleantrace.standalone.accounts import Account, closed_directory
from cleantrace.standalone.errors import DirectoryInUse, ServerFailed
from cleantrace.standalone.identity import started


def test_postgres_keeps_its_data_and_takes_options(place: Path) -> None:
    with PostgresServer(place / "pg", options=NO_DURABILITY) as server:
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("off",)
            connection.execute("CREATE TABLE kept AS SELECT 'grün' AS word")
        pid = server.pid
    assert pid is not None
    assert started(pid) is None
    with PostgresServer(place / "pg", options=NO_DURABILITY) as server:
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT upper(word) FROM kept").fetchone() == ("GRÜN",)


def test_postgres_runs_as_an_ordinary_account_and_asks_for_the_password(place: Path) -> None:
    with PostgresServer(place / "pg", options=NO_DURABILITY) as server:
        owner = (server.cluster / "postmaster.pid").stat().st_uid
        assert owner != 0
        assert os.geteuid() in (0, owner)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://cleantrace:wrong@127.0.0.1:{server.port}/cleantrace")
    secrets = [place / "pg" / "password", place / "pg" / "lock"]
    assert [path.stat().st_mode & 0o777 for path in secrets] == [0o600, 0o600]


def lose(temporary: AbstractContextManager[PostgresServer | ValkeyServer]) -> None:
    with temporary as server:
        assert server.child is not None
        server.child.ask_to_stop()
        assert server.child.wait(10)


def test_temporary_server_that_ended_too_early_leaves_its_last_words() -> None:
    with pytest.raises(ServerFailed, match="fast shutdown request"):
        lose(PostgresServer.temporary())
    with pytest.raises(ServerFailed, match="Valkey ended with status 0 too early"):
        lose(ValkeyServer.temporary())


def test_second_owner_is_refused_and_told_who_has_it(place: Path) -> None:
    with PostgresServer(place / "pg", options=NO_DURABILITY):
        with pytest.raises(DirectoryInUse, match=f"process {os.getpid()}"):
            PostgresServer(place / "pg").start()
    with ValkeyServer(place / "valkey"), pytest.raises(DirectoryInUse, match="Valkey"):
        ValkeyServer(place / "valkey").start()


def test_postgres_killed_comes_back_on_its_port_with_its_data(place: Path) -> None:
    with PostgresServer(place / "pg") as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        url = server.url
        assert server.child is not None
        server.child.kill()
        deadline = time.monotonic() + 30
        while True:
            if not server.child.is_running():
                server.spawn()  # sessions of the killed one may still hold the shared memory
            try:
                with psycopg.connect(url) as connection:
                    assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
                break
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.05)


def test_server_left_by_a_killed_owner_is_taken_over(place: Path) -> None:
    lost = PostgresServer(place / "pg", options=NO_DURABILITY)
    lost.start()
    lost._lock.release()  # as the kernel does for an owner that was killed
    with PostgresServer(place / "pg", options=NO_DURABILITY) as server:
        assert server.pid != lost.pid
        assert lost.child is not None
        assert lost.child.wait(10)
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_pid_file_that_names_somebody_else_does_not_stop_the_start(place: Path) -> None:
    with PostgresServer(place / "pg", options=NO_DURABILITY) as server:
        pid_file = server.cluster / "postmaster.pid"
        text = pid_file.read_text()
        assert server.child is not None
        server.child.kill()
    lines = text.splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with PostgresServer(place / "pg", options=NO_DURABILITY) as server:
        assert server.pid != os.getpid()


def test_half_made_cluster_is_made_anew(place: Path) -> None:
    draft = place / "pg" / "cluster.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    with PostgresServer(place / "pg", options=NO_DURABILITY) as server:
        assert server.pid


def test_wrong_option_shows_what_postgres_said(place: Path) -> None:
    with pytest.raises(ServerFailed, match="no_such_setting"):
        PostgresServer(place / "pg", options={"no_such_setting": "1"} | NO_DURABILITY).start()


def test_closed_directory_is_found_and_left_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "data").mkdir(parents=True)
    tmp_path.chmod(0o755)
    closed.chmod(0o700)
    stranger = Account("stranger", uid=closed.stat().st_uid + 1, gid=closed.stat().st_gid + 1)
    found = closed_directory(closed / "data", stranger)
    assert found is not None
    assert found in [closed, *tmp_path.parents]
    assert closed.stat().st_mode & 0o777 == 0o700
    assert closed_directory(closed / "data", None) is None


def test_valkey_answers_those_who_know_its_password(place: Path) -> None:
    with ValkeyServer(place / "valkey") as server:
        assert redis.from_url(server.url).ping()
        with pytest.raises(redis.AuthenticationError):
            redis.from_url(f"redis://127.0.0.1:{server.port}/0").ping()
        pid = server.pid
    assert pid is not None
    assert started(pid) is None


def test_valkey_killed_comes_back_on_its_port(place: Path) -> None:
    with ValkeyServer(place / "valkey") as server:
        assert server.child is not None
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert server.child.wait(10)
        server.spawn()
        client = redis.from_url(server.url)
        deadline = time.monotonic() + 10
        while True:
            try:
                assert client.ping()
                break
            except redis.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
