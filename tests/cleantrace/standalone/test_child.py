"""Real processes: shells that sleep, fail and leave others behind."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from cleantrace.standalone.child import Child, run_to_end
from cleantrace.standalone.errors import ServerFailed
from cleantrace.standalone.identity import end_stale, is_alive, started


def make_child(folder: Path, script: str) -> Child:
    argv = ["/bin/sh", "-c", script]
    return Child("sh", argv, log=folder / "sh.log", env={"PATH": os.defpath}, cwd=folder)


def wait_for(condition: object, limit_s: float = 10.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def pid_in(path: Path) -> int:
    wait_for(lambda: path.exists() and path.read_text().strip())
    return int(path.read_text())


def test_stop_ends_the_whole_group(tmp_path: Path) -> None:
    child = make_child(tmp_path, "sleep 600 & echo $! > inner; wait")
    child.start()
    inner = pid_in(tmp_path / "inner")
    child.stop(grace_s=1)
    assert not child.is_running()
    wait_for(lambda: started(inner) is None)


def test_process_that_ignores_the_stop_signal_is_killed(tmp_path: Path) -> None:
    child = make_child(tmp_path, "trap '' TERM; echo $$ > ready; while :; do sleep 0.05; done")
    child.start()
    pid_in(tmp_path / "ready")
    child.stop(grace_s=0.2)
    assert child.ending() == "was killed by SIGKILL"


def test_log_tail_holds_this_run_only(tmp_path: Path) -> None:
    child = make_child(tmp_path, "echo run $$; exit 3")
    for _ in range(2):
        child.start()
        assert child.wait(10)
    assert child.log_tail() == f"run {child.pid}"
    assert child.ending() == "ended with status 3"


def test_failed_command_tells_what_it_printed(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match="no such table"):
        run_to_end(make_child(tmp_path, "echo no such table; exit 1"), limit_s=10)


def test_command_that_hangs_is_ended(tmp_path: Path) -> None:
    child = make_child(tmp_path, "sleep 600")
    with pytest.raises(ServerFailed, match="took more than"):
        run_to_end(child, limit_s=0.2)
    assert not child.is_running()


def test_missing_program_is_an_error_of_ours(tmp_path: Path) -> None:
    child = Child("x", ["/no/such/program"], log=tmp_path / "x.log", env={}, cwd=tmp_path)
    with pytest.raises(ServerFailed, match="x could not be started"):
        child.start()


def test_identity_tells_a_process_from_a_later_one(tmp_path: Path) -> None:
    child = make_child(tmp_path, "sleep 600")
    child.start()
    assert child.pid is not None
    assert child.started_at is not None
    assert is_alive(child.pid, child.started_at)
    assert not is_alive(child.pid, "another moment")
    child.kill()
    assert not is_alive(child.pid, child.started_at)


def test_stale_process_is_ended_even_if_it_ignores_the_signal(tmp_path: Path) -> None:
    stubborn = subprocess.Popen(
        ["/bin/sh", "-c", "trap '' TERM; echo $$ > ready; while :; do sleep 0.05; done"],
        cwd=tmp_path,
        start_new_session=True,
    )
    pid_in(tmp_path / "ready")
    moment = started(stubborn.pid)
    assert moment is not None
    end_stale(stubborn.pid, moment, signal.SIGTERM, grace_s=0.2)
    assert stubborn.wait(10) == -signal.SIGKILL


def test_number_of_a_process_that_ended_is_left_alone(tmp_path: Path) -> None:
    other = make_child(tmp_path, "sleep 600")
    other.start()
    assert other.pid is not None
    end_stale(other.pid, "an earlier moment", signal.SIGTERM, grace_s=0.1)
    assert other.is_running()
    other.kill()


def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        from pathlib import Path
        from cleantrace.standalone.child import Child
        folder = Path({str(tmp_path)!r})
        Child("s", ["/bin/sleep", "600"], log=folder / "s.log", env={{}}, cwd=folder).start()
        import time
        time.sleep(600)
    """)
    if sys.platform != "linux":
        return  # elsewhere the next start ends them: test_stack.py
    root = Path(__file__).resolve().parents[3]
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=root)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    wait_for(lambda: children.read_text().strip())
    child = int(children.read_text())
    wait_for(lambda: b"sleep" in Path(f"/proc/{child}/cmdline").read_bytes())
    parent.kill()
    parent.wait()
    wait_for(lambda: started(child) is None)
