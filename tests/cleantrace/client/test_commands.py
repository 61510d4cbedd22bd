"""What holds for each command, walked from the program itself so that none is forgotten."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

from cleantrace.cli import app
from tests import support
from tests.cleantrace.client.shell import Shell
from tests.cleantrace.client.world import POLICY, World

WITHOUT_JSON = {
    "up": "runs until it is stopped",
    "login": "says whom it let in on the error stream; there is no result",
    "logout": "the same",
    "version": "prints one word",
    "gates schema": "prints JSON, whatever is asked",
}
OPERATORS = {"keys", "people"}
"""Those who act on the database itself: tests/app/access/test_command_line.py."""
WITHOUT_SHOW = dict.fromkeys([*OPERATORS, "signing-keys"], "its list tells all there is")
WITHOUT_LIST = {"estimates": "kept for a day, each for who asked; the API has no list of them"}


def _leaves(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            # `gate` is another name of `gates`.
            if not command.hidden:
                yield from _leaves(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS: Mapping[str, Any] = dict(_leaves())


def _options(command: Any) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts}


def test_each_has_json_or_a_reason() -> None:
    without = {name for name, command in COMMANDS.items() if "--json" not in _options(command)}
    assert without == set(WITHOUT_JSON)


def test_each_noun_can_be_listed_and_shown() -> None:
    nouns: dict[str, set[str]] = {}
    for name in COMMANDS:
        noun, _, verb = name.partition(" ")
        if verb:
            nouns.setdefault(noun, set()).add(verb)
    assert {noun for noun, verbs in nouns.items() if "list" not in verbs} == set(WITHOUT_LIST)
    assert {noun for noun, verbs in nouns.items() if "show" not in verbs} == set(WITHOUT_SHOW)


def test_whoever_waits_can_stop_waiting() -> None:
    for name, command in COMMANDS.items():
        if "--wait" in _options(command):
            assert "--timeout" in _options(command), name
    starting = {name for name, command in COMMANDS.items() if "--wait" in _options(command)}
    assert starting >= {
        "datasets register",
        "datasets retry",
        "checkpoints register",
        "checkpoints retry",
        "scans start",
        "scans retry",
        "scans estimate",
        "exports create",
        "gates check",
    }


def _failed_checkpoint(world: World) -> list[Any]:
    run = world.client.register_run("linear", world.dataset, support.linear_spec())
    made = world.client.register_checkpoint(run, world.make_file(), step=1, eta=0.1)
    support.check(made.id)
    return [run.id, "1"]


def _policy(world: World) -> Path:
    path = world.folder / "gate.yaml"
    path.write_text(json.dumps(POLICY))
    return path


def _estimate(world: World) -> str:
    asked = world.client.start_estimate(world.run)
    support.work_on_estimate(asked.id)
    return asked.id


def _data(world: World) -> list[Any]:
    columns = ["--format", "npz", "--input", "x", "--label", "y", "--key", "id"]
    return [f"data {world.number()}", "1", world.make_file(), *columns]


def _annotated(world: World) -> Path:
    path = world.folder / "annotated.json"
    entry = {"key": "point-00003", "annotator": "ada", "updated_at": "2026-01-01"}
    path.write_text(json.dumps([entry | {"label": "1"}]))
    return path


def _no_arguments_once_signed(world: World) -> list[Any]:
    world.make_pack()
    return []


ARGUMENTS: Mapping[str, Callable[[World], list[Any]]] = {
    "doctor": lambda _: [],
    "datasets register": lambda world: [*_data(world), "--no-wait"],
    "datasets list": lambda _: [],
    "datasets show": lambda _: ["blobs:1"],
    "datasets rejected": lambda world: [world.make_holes().id],
    "datasets retry": lambda world: [world.make_failed_dataset().id],
    "datasets estimate": lambda _: ["blobs:1"],
    "datasets diff": lambda _: ["blobs:1", "blobs:1"],
    "runs register": lambda _: [
        "r", "--dataset", "blobs:1", "--model", "linear",
        "--model-args", json.dumps(support.linear_spec()["args"]),
    ],
    "runs list": lambda _: [],
    "runs show": lambda world: [world.run.id],
    "checkpoints register": lambda world: [
        world.run.id, world.folder / "weights.safetensors", "--step", str(world.number() + 1),
        "--eta", "0.1", "--no-wait",
    ],
    "checkpoints list": lambda world: [world.run.id],
    "checkpoints show": lambda world: [world.run.id, "1"],
    "checkpoints retry": _failed_checkpoint,
    "scans estimate": lambda world: [world.run.id, "--no-wait"],
    "scans start": lambda world: [_other_run(world), "--fresh"],
    "scans show": lambda world: [world.scan.id],
    "scans watch": lambda world: [world.scan.id],
    "scans cancel": lambda world: [world.make_scan().id],
    "scans retry": lambda world: [world.client.cancel_scan(world.make_scan()).id],
    "scans evidence": lambda world: [world.scan.id, "point-00003"],
    "scans list": lambda _: [],
    "scans compare": lambda world: [world.scan.id, world.scan.id],
    "estimates show": lambda world: [_estimate(world)],
    "flags list": lambda world: ["--scan", world.scan.id],
    "flags show": lambda world: ["--scan", world.scan.id, "point-00003"],
    "scores list": lambda world: ["--scan", world.scan.id],
    "scores show": lambda world: ["--scan", world.scan.id, "point-00003"],
    "queues create": lambda world: [f"queue {world.number()}", "--scan", world.scan.id],
    "queues list": lambda _: [],
    "queues mix": lambda world: [world.make_queue().id, "--audits", "0"],
    "queues import": lambda world: [
        world.make_queue().id, _annotated(world), "--format", "label-studio", "--dry-run"
    ],
    "queues show": lambda world: [world.reviewed.id],
    "queues close": lambda world: [world.make_queue().id],
    "queues reopen": lambda world: [world.client.close_queue(world.make_queue()).id],
    "queues reprioritise": lambda world: [world.make_queue().id, "--scan", world.scan.id],
    "gates check": lambda world: ["--policy", _policy(world), "--scan", world.scan.id],
    "gates store": lambda world: [_policy(world)],
    "gates list": lambda _: [],
    "gates show": lambda _: ["release"],
    "gates evaluations": lambda _: [],
    "gates explain": lambda world: [world.gate_evaluation],
    "exports create": lambda _: ["blobs:1", "--no-wait"],
    "exports list": lambda _: [],
    "exports show": lambda world: [world.export.id],
    "exports download": lambda world: [world.export.id, world.folder / "out"],
    "exports verify": lambda world: [world.make_pack()],
    "signing-keys list": _no_arguments_once_signed,
}  # fmt: skip


def _other_run(world: World) -> str:
    """With a checkpoint of its own, as those of the world's run may be unchecked."""
    run = world.client.register_run("linear", world.dataset, support.linear_spec())
    weights = world.folder / "weights.safetensors"
    support.check(world.client.register_checkpoint(run, weights, step=1, eta=0.1).id)
    return run.id


@pytest.fixture
def shell(world: World) -> Shell:
    return Shell(world.client.url, world.key)


def test_each_with_json_is_run_here() -> None:
    offered = set(COMMANDS) - set(WITHOUT_JSON)
    operators = {name for name in offered if name.split()[0] in OPERATORS}
    operators.add("signing-keys rotate")  # tests/app/signing/test_keys.py
    assert set(ARGUMENTS) == offered - operators


@pytest.mark.parametrize("name", ARGUMENTS)
def test_json_is_json_alone(world: World, shell: Shell, name: str) -> None:
    told = shell(*name.split(), *ARGUMENTS[name](world), "--json").stdout
    assert "\x1b" not in told
    if _is_list(name):
        found = [json.loads(line) for line in told.splitlines()]
        assert found
    else:
        found = [json.loads(told)]
    assert all(isinstance(each, dict) and each for each in found)


def _is_list(name: str) -> bool:
    return name.split()[-1] in {"list", "evaluations", "rejected", "download", "doctor", "import"}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_text_is_no_json_and_plain_in_a_pipe(world: World, shell: Shell, name: str) -> None:
    told = shell(*name.split(), *ARGUMENTS[name](world)).stdout
    assert "\x1b" not in told
    assert "{'" not in told


def test_what_json_tells_is_what_the_api_tells(world: World, shell: Shell) -> None:
    for name, path, argument in (
        ("datasets", f"/datasets/{world.dataset.id}", world.dataset.id),
        ("runs", f"/runs/{world.run.id}", world.run.id),
        ("scans", f"/scans/{world.scan.id}", world.scan.id),
        ("exports", f"/exports/{world.export.id}", world.export.id),
    ):
        assert json.loads(shell(name, "show", argument, "--json").stdout) == (
            world.client._transport.get(path)
        )


def test_json_has_no_colours_in_a_terminal_either(shell: Shell) -> None:
    mine, theirs = pty.openpty()
    ran = subprocess.run(
        [sys.executable, "-m", "cleantrace.cli", "datasets", "show", "blobs:1", "--json"],
        stdout=theirs, env={**os.environ, **shell.env, "TERM": "xterm-256color"}, check=True,
    )  # fmt: skip
    os.close(theirs)
    shown = os.read(mine, 65536)
    os.close(mine)
    assert ran.returncode == 0
    assert json.loads(shown)["name"] == "blobs"


def test_a_job_that_is_not_over_in_time_ends_with_4(world: World, shell: Shell) -> None:
    late = shell("datasets", "register", *_data(world), "--timeout", "0.1", status=4)
    assert world.client.get_dataset(late.stdout.strip()).status == "registered"
    assert "it goes on" in late.stderr
    scan = world.make_scan()
    told = shell("scans", "watch", scan.id, "--timeout", "0.1", "--json", status=4)
    assert json.loads(told.stdout)["id"] == scan.id


def test_a_job_that_fails_ends_with_1_and_is_told(world: World, shell: Shell) -> None:
    asked = world.client.start_estimate(world.run, layers=["nothing.*"])
    support.work_on_estimate(asked.id)
    told = shell("estimates", "show", asked.id, "--wait", "--json", status=1)
    assert "nothing.*" in json.loads(told.stdout)["failure"]["detail"]
    assert "nothing.*" in told.stderr
    assert "nothing.*" in shell("estimates", "show", asked.id).stdout


def test_names_are_no_markup(world: World, shell: Shell) -> None:
    world.client.create_queue("[red]a[/red] \x1b[31m[x]", world.scan, {"kind": "top_k", "k": 1})
    told = shell("queues", "list").stdout
    assert "[red]a[/red]" in told
    assert "\x1b" not in told


def test_what_to_type_next_is_completed() -> None:
    env = {
        **os.environ,
        "_CLEANTRACE_COMPLETE": "complete_bash",
        "COMP_WORDS": "cleantrace datasets re",
        "COMP_CWORD": "2",
    }
    program = "from cleantrace.cli import app; app(prog_name='cleantrace')"
    ran = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False
    )
    assert set(ran.stdout.split()) == {"register", "rejected", "retry"}
