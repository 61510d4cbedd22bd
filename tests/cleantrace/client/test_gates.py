"""`cleantrace gate ...`: how it ends, what it prints where, and the reports it writes."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import typer
from PIL import Image

from benchmarks.review_world import Made, add_scan, add_world
from cleantrace import Client
from cleantrace.cli.exits import end
from cleantrace.client.errors import ConnectionFailed, ExampleNotFound
from tests import support
from tests.cleantrace.client.shell import Shell

MET = "{rule: flags, at_most: 5}"
BROKEN = "{rule: flags, id: strict, at_most: 4}"
UNKNOWN = "{rule: agreement, at_least: 0.5}"


@pytest.fixture
def made(key: str) -> Made:
    """50 examples, of which 5 are flagged."""
    return add_world("lab", 50)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes a policy file into the directory that commands run in; returns its name."""
    monkeypatch.chdir(tmp_path)

    def written(*rules: str) -> str:
        lines = [f"  - {rule}" for rule in rules]
        Path("gate.yaml").write_text("\n".join(["name: release", "rules:", *lines, ""]))
        return "gate.yaml"

    return written


def warning(rule: str) -> str:
    return rule.replace("}", ", level: warn}")


class TestExits:
    @pytest.mark.parametrize(
        ("rules", "status", "strict"),
        [
            ([MET], 0, 0),
            ([MET, warning(BROKEN)], 0, 1),
            ([MET, warning(UNKNOWN)], 0, 4),
            ([MET, BROKEN], 1, 1),
            ([BROKEN, UNKNOWN], 1, 1),
            ([MET, UNKNOWN], 4, 4),
            ([warning(BROKEN), UNKNOWN], 4, 1),
        ],
    )
    def test_by_verdict(
        self, shell: Shell, made: Made, write: Any, rules: list[str], status: int, strict: int
    ) -> None:
        asked = ["gate", "check", "--policy", write(*rules), "--scan", str(made.scan_id)]
        shell(*asked, status=status)
        shell(*asked, "--strict", status=strict)

    def test_2_for_what_is_asked_wrongly(self, shell: Shell, made: Made, write: Any) -> None:
        policy = ["--policy", write(MET)]
        scan = ["--scan", str(made.scan_id)]
        for arguments in (
            [],
            policy,
            scan,
            [*policy, *scan, "--gate", "release"],
            [*policy, *scan, "--dataset", "blobs:1"],
            [*policy, "--dataset", "blobs:1"],
            [*policy, "--scan", str(made.dataset_id)],
            [*scan, "--gate", "other"],
            [*scan, "--gate", "release:latest"],
            [*policy, *scan, "--report", "pdf"],
            [*policy, *scan, "--report", "html="],
            [*policy, *scan, "--report", "png"],
            [*policy, *scan, "--report", "markdown", "--json"],
            [*policy, *scan, "--report", "html=gate.yaml/x.html"],
            [*policy, *scan, "--baseline", "blobs:1"],
            [*policy, *scan, "--fingerprint", "x"],
            [*scan, "--policy", "nowhere.yaml"],
        ):
            shell("gate", "check", *arguments, status=2)

    def test_2_for_a_policy_file_with_line_and_key(
        self, shell: Shell, made: Made, write: Any
    ) -> None:
        asked = ["gate", "check", "--scan", str(made.scan_id), "--policy"]
        wrong = shell(*asked, write(MET, "{rule: flags, at_mots: 3}"), status=2)
        assert wrong.stdout == ""
        assert "gate.yaml:4: rules.1.at_mots: Extra inputs are not permitted" in wrong.stderr
        assert "gate.yaml:3: rules.0: Input tag 'flag'" in (
            shell(*asked, write("{rule: flag}"), status=2).stderr
        )
        cut_off = shell(*asked, write(MET, "{rule: flags"), status=2)
        assert "gate.yaml:5:1: expected ',' or '}'" in cut_off.stderr
        assert "that begins on line 4" in cut_off.stderr

    def test_3_for_the_service_and_the_network(self, shell: Shell, made: Made, write: Any) -> None:
        asked = ["gate", "check", "--policy", write(MET), "--scan", str(made.scan_id)]
        refused = shell(*asked, status=3, CLEANTRACE_API_KEY="ct_wrong")
        assert refused.stdout == ""
        viewer = support.make_key("lab", "viewer")
        assert "engineer" in shell(*asked, status=3, CLEANTRACE_API_KEY=viewer).stderr

    def test_3_when_the_service_is_not_reached(self) -> None:
        with pytest.raises(typer.Exit) as ended:
            end(ConnectionFailed("nobody answers"))
        assert ended.value.exit_code == 3

    def test_4_while_there_is_no_scan(self, shell: Shell, made: Made, write: Any) -> None:
        set_running(made)
        asked = ["gate", "check", "--policy", write(MET), "--scan", str(made.scan_id)]
        assert "The scan is running" in shell(*asked, status=4).stdout
        late = shell(*asked, "--wait", "--timeout", "0.3", status=4)
        assert "it goes on" in late.stderr
        assert "No verdict possible" in late.stdout


def set_running(made: Made) -> None:
    from sqlalchemy import text

    from app.db import transaction

    with transaction() as db:
        db.execute(
            text("UPDATE scans SET status = 'running', finished_at = NULL WHERE id = :id"),
            {"id": made.scan_id},
        )


def test_waits_for_the_scan_of_a_dataset(
    shell: Shell, client: Client, data_dir: Path, write: Any
) -> None:
    path = support.save_blobs(data_dir, 60)
    columns = {"input": "x", "label": "y", "key": "id"}
    dataset = client.register_dataset(
        "blobs", "1", path, format="npz", task="classification", **columns
    )
    support.index(dataset.id)
    run = client.register_run("linear", dataset, model=support.linear_spec())
    weights = support.save_weights(data_dir / "w.safetensors")
    support.check(client.register_checkpoint(run, weights, step=1, eta=0.1).id)
    scan = client.start_scan(run, top_k=3)
    worker = threading.Thread(target=support.run_scan, args=(scan.id,))
    worker.start()
    try:
        asked = [
            "gate",
            "check",
            "--policy",
            write("{rule: flags, at_most: 3}", "{rule: fingerprint}"),
        ]
        found = shell(*asked, "--dataset", "blobs:1", "--data", path, "--wait")
    finally:
        worker.join()
    assert "Gate passed" in found.stdout
    assert "60 of 60 examples" in found.stderr
    other = support.blobs(60)
    other["y"][0] = (other["y"][0] + 1) % 3
    np.savez(data_dir / "other.npz", **other)
    changed = shell(*asked, "--dataset", "blobs:1", "--data", data_dir / "other.npz", status=1)
    assert "are not those registered" in changed.stdout
    (data_dir / "broken.npz").write_text("no arrays")
    broken = shell(*asked, "--dataset", "blobs:1", "--data", data_dir / "broken.npz", status=4)
    assert "broken.npz" in broken.stderr
    whole = ["--baseline", "blobs:1", "--dataset", "blobs:1"]
    new = shell("gate", "check", "--policy", write("{rule: new_flags}"), *whole)
    assert "compared with blobs 1: 0 examples new or changed" in new.stdout


class TestOutput:
    def asked(self, made: Made, policy: str) -> list[str]:
        return ["gate", "check", "--policy", policy, "--scan", str(made.scan_id)]

    def test_results_on_stdout_alone_and_plain_in_a_pipe(
        self, shell: Shell, made: Made, write: Any
    ) -> None:
        found = shell(*self.asked(made, write(BROKEN, UNKNOWN, MET)), status=1)
        assert found.stderr == ""
        assert "\x1b" not in found.stdout
        lines = found.stdout.splitlines()
        assert lines[0].startswith("Gate failed: release, on ")
        assert "  ✗ failed     strict (at most 4)" in lines
        assert "      5 flags; at most 4 is asked for." in lines
        assert "  ? no verdict agreement (at least 0.5)" in lines
        assert "Most suspicious:" in lines

    def test_json_is_the_evaluation(
        self, shell: Shell, client: Client, made: Made, write: Any
    ) -> None:
        found = json.loads(shell(*self.asked(made, write(BROKEN)), "--json", status=1).stdout)
        assert found == client.get_gate_evaluation(found["id"]).answer
        dry = shell(*self.asked(made, write(BROKEN)), "--json", "--dry-run", status=1).stdout
        assert json.loads(dry)["id"] is None
        assert len(list(client.gate_evaluations())) == 1

    def test_several_reports_at_once(self, shell: Shell, made: Made, write: Any) -> None:
        names = {
            "markdown": "out/gate.md",
            "junit": "out/gate.xml",
            "sarif": "out/gate.sarif",
            "gitlab": "out/gate.json",
            "html": "out/gate.html",
        }
        wanted = [f"--report={name}={path}" for name, path in names.items()]
        found = shell(*self.asked(made, write(MET, BROKEN)), *wanted, status=1)
        assert found.stdout.startswith("Gate failed")
        assert ET.parse("out/gate.xml").getroot()[0].attrib["failures"] == "1"
        (run,) = json.loads(Path("out/gate.sarif").read_text())["runs"]
        place = run["results"][0]["locations"][0]["physicalLocation"]
        assert place == {"artifactLocation": {"uri": "gate.yaml"}, "region": {"startLine": 4}}
        assert len(json.loads(Path("out/gate.json").read_text())) == 6
        page = Path("out/gate.html").read_text()
        assert f"/projects/lab/scans/{made.scan_id}/examples/" in page
        assert "❌ Gate failed" in Path("out/gate.md").read_text()
        in_place = shell(*self.asked(made, write(BROKEN)), "--report", "github", status=1)
        assert in_place.stdout.startswith("::error file=gate.yaml,line=3,title=Gate release")

    def test_pictures_of_images(
        self, shell: Shell, client: Client, data_dir: Path, write: Any
    ) -> None:
        rng = np.random.default_rng(0)
        images = rng.integers(0, 255, (50, 8, 8, 3), dtype=np.uint8)
        names = np.array([f"image-{number}" for number in range(50)])
        np.savez(data_dir / "images.npz", x=images, y=np.arange(50) % 5, id=names)
        dataset = client.register_dataset(
            "images", "1", data_dir / "images.npz", format="npz", task="classification",
            modality="image", input="x", label="y", key="id",
        )  # fmt: skip
        support.index(dataset.id)
        asked = [
            "gate",
            "check",
            "--dataset",
            "images:1",
            "--policy",
            write("{rule: flags, at_most: 4}"),
        ]
        add_scan(UUID(dataset.id), 50)
        wanted = ["--report=html=gate.html", "--report=png=out/sheet.png", "--report=markdown"]
        found = shell(*asked, *wanted, status=1)
        assert found.stderr == ""
        page = Path("gate.html").read_text()
        assert page.count('<img src="data:image/png;base64,') == 5
        sheet = Image.open("out/sheet.png")
        assert (sheet.format, sheet.height) == ("PNG", 206)
        assert "numbered alike: <code>sheet&#46;png</code>" in found.stdout
        small = client.example_image(dataset, 0, longest=16)
        assert Image.open(io.BytesIO(small)).size == (8, 8)
        with pytest.raises(ExampleNotFound):
            client.example_image(dataset, 99)
        # What is not kept has no sheet; the verdict and the page come all the same.
        Path("gate.html").unlink()
        dry = shell(*asked, *wanted, "--dry-run", status=1)
        assert "no picture of a dry run" in dry.stderr
        assert Path("gate.html").read_text().count("<img") == 5
        assert "numbered alike" not in dry.stdout

    def test_without_pictures_the_verdict_stands(
        self, shell: Shell, made: Made, write: Any
    ) -> None:
        found = shell(*self.asked(made, write(BROKEN)), "--report=png=sheet.png", status=1)
        assert "No picture of an example" in found.stderr
        assert not Path("sheet.png").exists()

    @pytest.mark.parametrize("no_color", [False, True])
    def test_colours_in_a_terminal_unless_they_are_not_wanted(
        self, shell: Shell, made: Made, write: Any, no_color: bool
    ) -> None:
        command = [sys.executable, "-m", "cleantrace.cli", *self.asked(made, write(BROKEN))]
        mine, theirs = pty.openpty()
        env = {**os.environ, **shell.env, "TERM": "xterm-256color"}
        env.pop("NO_COLOR", None)
        process = subprocess.Popen(
            command, stdout=theirs, stderr=theirs, env=env | ({"NO_COLOR": "1"} if no_color else {})
        )
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(mine, 65536):
                shown += part
        except OSError:  # the end, on Linux
            pass
        os.close(mine)
        assert process.wait(30) == 1
        assert b"Gate failed" in shown
        assert bool(re.search(rb"\x1b\[[\d;]*3[0-7]m", shown)) is not no_color


def test_stored_policies_and_what_was_made_of_them(shell: Shell, made: Made, write: Any) -> None:
    assert shell.word("gates", "store", write(MET)) == "release:1"
    assert shell.word("gates", "store", write(MET)) == "release:1"
    assert shell.word("gates", "store", write(BROKEN)) == "release:2"
    assert "gate.yaml:3: rules.0" in shell("gates", "store", write("{rule: x}"), status=2).stderr
    assert json.loads(shell("gates", "show", "release").stdout)["rules"][0]["at_most"] == 4
    assert json.loads(shell("gates", "show", "release:1").stdout)["rules"][0]["at_most"] == 5
    listed = shell("gates", "list").stdout.splitlines()
    assert [line.split()[:2] for line in listed[1:]] == [["release", "2"], ["release", "1"]]
    identity = listed[1].split()[-1]
    assert json.loads(shell("gates", "show", identity).stdout)["name"] == "release"
    shell("gates", "show", "release:3", status=2)
    of = ["--scan", str(made.scan_id)]
    shell("gate", "check", "--gate", "release", *of, status=1)
    assert "release 1" in shell("gate", "check", "--gate", "release:1", *of).stdout
    rows = shell("gates", "evaluations", "--gate", "release").stdout.splitlines()[1:]
    assert [row.split()[2:5] for row in rows] == [
        ["release", "1", "pass"],
        ["release", "2", "fail"],
    ]
    told = shell("gate", "explain", rows[1].split()[-1]).stdout
    assert "5 flags; at most 4 is asked for." in told
    assert "The same inputs give the same result." in told
    inputs = json.loads(shell("gate", "explain", rows[1].split()[-1], "--json").stdout)["inputs"]
    assert inputs["facts"]["flags"][0]["flags"] == 5
    schema = json.loads(shell("gates", "schema").stdout)
    assert schema["title"] == "Cleantrace gate policy"
