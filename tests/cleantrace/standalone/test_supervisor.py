import os
import time
from pathlib import Path

from cleantrace.standalone.child import Child
from cleantrace.standalone.supervisor import Supervisor


def make_child(folder: Path, name: str, script: str) -> Child:
    argv = ["/bin/sh", "-c", script]
    return Child(name, argv, log=folder / f"{name}.log", env={"PATH": os.defpath}, cwd=folder)


def test_dead_process_comes_back_with_growing_delays_and_its_last_words(tmp_path: Path) -> None:
    said: list[str] = []
    changes: list[int] = []
    supervisor = Supervisor(said.append, lambda: changes.append(1))
    child = make_child(tmp_path, "sick", "echo out of luck; exit 7")
    child.start()
    supervisor.watch(child, stage=0)
    deadline = time.monotonic() + 30
    while not any("in 2 s" in line for line in said):
        assert time.monotonic() < deadline, said
        supervisor.look()
        time.sleep(0.02)
    supervisor.stop(1)
    assert [line for line in said if "ended" in line] == [
        f"sick ended with status 7; starting it again in {delay} s." for delay in ("0.5", "1", "2")
    ]
    assert said.count("    out of luck") == 3
    assert len(changes) == 6  # watched, then three ends and two starts


def test_stages_stop_in_order(tmp_path: Path) -> None:
    supervisor = Supervisor(print, lambda: None)
    wait = "trap 'echo {} >> order; exit 0' TERM; echo > {}.ready; while :; do sleep 0.02; done"
    for name, stage in (("database", 2), ("service", 0), ("broker", 1)):
        child = make_child(tmp_path, name, wait.format(name, name))
        child.start()
        supervisor.watch(child, stage=stage)
    deadline = time.monotonic() + 10
    while len(list(tmp_path.glob("*.ready"))) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    supervisor.stop(5)
    assert (tmp_path / "order").read_text().split() == ["service", "broker", "database"]
