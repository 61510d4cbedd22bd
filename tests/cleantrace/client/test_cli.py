"""The command line, as a script uses it: what it prints where, and its exit status."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cleantrace import Client
from cleantrace.client import Checkpoint, Estimate
from cleantrace.client.errors import CheckpointFailed
from tests import support
from tests.cleantrace.client.shell import Shell

COLUMNS = ["--format", "npz", "--input", "x", "--label", "y", "--key", "id"]


@pytest.fixture
def run(shell: Shell, data_dir: Path) -> str:
    """The id of a run with one good checkpoint, all registered by commands."""
    path = support.save_blobs(data_dir)
    dataset = shell.word("datasets", "register", "blobs", "1", path, *COLUMNS, "--no-wait")
    support.index(dataset)
    args = json.dumps(support.linear_spec()["args"])
    run = shell.word(
        "runs", "register", "linear", "--dataset", "blobs:1", "--model", "linear",
        "--model-args", args,
    )  # fmt: skip
    weights = support.save_weights(data_dir / "w.safetensors")
    checkpoint = shell.word(
        "checkpoints", "register", run, weights, "--step", "1", "--eta", "0.1", "--no-wait"
    )
    support.check(checkpoint)
    return run


@pytest.fixture
def scan(shell: Shell, run: str) -> str:
    scan = shell.word("scans", "start", run, "--top-k", "12")
    support.run_scan(scan)
    return scan


def test_lists_show_what_was_registered(shell: Shell, run: str, scan: str) -> None:
    assert "blobs" in shell("datasets", "list").stdout
    assert "ready" in shell("datasets", "show", "blobs:1").stdout
    assert run in shell("runs", "list").stdout
    assert "ready" in shell("checkpoints", "list", run).stdout
    assert scan in shell("scans", "list").stdout


def test_what_is_long_is_left_to_json(shell: Shell, scan: str) -> None:
    shown = shell("scans", "show", scan).stdout
    assert "histogram" not in shown
    assert max(map(len, shown.splitlines())) < 500


def test_what_is_no_name_with_a_version_is_said(shell: Shell) -> None:
    assert "NAME:VERSION" in shell("datasets", "show", "blobs", status=2).stderr


def test_scan_is_shown_as_json_and_watched_to_its_end(
    shell: Shell, client: Client, scan: str
) -> None:
    shown = json.loads(shell("scans", "show", scan, "--json").stdout)
    assert shown["status"] == "complete"
    assert shown["summary"] == client.get_scan(scan).summary
    watched = shell("scans", "watch", scan)
    assert watched.stdout == ""
    assert "complete, 200 of 200 examples" in watched.stderr
    assert "12 examples are flagged" in watched.stderr


def test_canaries_are_told_at_the_end(shell: Shell, client: Client, run: str) -> None:
    scan = shell.word("scans", "start", run, "--top-k", "12", "--canaries", "50")
    support.run_scan(scan)
    found = client.get_scan(scan)
    recall = found.recall
    assert recall is not None
    assert (found.canaries, recall.planted) == (50, 50)
    assert recall.caught + recall.missed == 50
    assert recall.curve[-1] == (1.0, 1.0)
    assert sum(each.planted for each in recall.classes) == 50
    told = shell("scans", "watch", scan).stderr
    assert f"Of 50 planted errors {recall.caught} would have been" in told


def test_flags_in_every_format(shell: Shell, client: Client, scan: str) -> None:
    flags = list(client.flags(scan))
    table = shell("flags", "list", "--scan", scan).stdout
    assert all(flag.key in table for flag in flags)
    lines = shell("flags", "list", "--scan", scan, "--json").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [vars(flag) for flag in flags]
    text = shell("flags", "list", "--scan", scan, "--csv", "--limit", "5").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["key"] for row in rows] == [flag.key for flag in flags[:5]]
    assert float(rows[0]["suspicion"]) == flags[0].suspicion


def test_another_checkpoint_that_failed_is_not_this_ones_fault(
    shell: Shell, run: str, data_dir: Path, client: Client
) -> None:
    bad = support.save_weights(data_dir / "bad.safetensors", in_features=9)
    first = shell.word(
        "checkpoints", "register", run, bad, "--step", "2", "--eta", "0.1", "--no-wait"
    )
    support.check(first)
    good = support.save_weights(data_dir / "good.safetensors", seed=3)
    made = shell.word(
        "checkpoints", "register", run, good, "--step", "3", "--eta", "0.1", "--no-wait"
    )
    support.check(made)
    [again] = [each for each in client.checkpoints(run) if each.id == made]
    assert client.wait_for_checkpoint(again).status == "ready"
    told = shell("checkpoints", "retry", run, "2", "--json")
    support.check(first)
    with pytest.raises(CheckpointFailed) as caught:
        client.wait_for_checkpoint(Checkpoint.from_json(json.loads(told.stdout)))
    assert caught.value.subject.id == first


@pytest.mark.parametrize(
    "arguments",
    [
        ["scans", "start", "RUN", "--threshold", "nan"],
        ["scans", "estimate", "RUN", "--share", "inf"],
        ["checkpoints", "register", "RUN", "file", "--step", "1", "--eta", "nan"],
        ["queues", "create", "q", "--scan", "x", "--suspicion", "nan"],
        ["runs", "register", "r", "--dataset", "x", "--model", "m", "--model-args", '{"a": NaN}'],
    ],
)
def test_numbers_that_json_does_not_have_are_refused(shell: Shell, arguments: list[str]) -> None:
    assert "Invalid value" in shell(*arguments, status=2).stderr


def test_what_is_no_url_or_key_ends_as_told(shell: Shell) -> None:
    wrong = shell("datasets", "list", status=2, CLEANTRACE_URL="http://127.0.0.1:port")
    assert "is not a URL" in wrong.stderr
    wrong = shell("datasets", "list", status=2, CLEANTRACE_API_KEY="ct_one\nct_two")
    assert "ct_two" not in wrong.output


def test_estimate_is_a_table_or_json(
    shell: Shell, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Client.get_estimate

    def work_and_look(client: Client, estimate: Estimate) -> Estimate:
        support.work_on_estimate(estimate.id)
        return look(client, estimate)

    monkeypatch.setattr(Client, "get_estimate", work_and_look)
    shown = shell("scans", "estimate", run, "--share", "0.2")
    for words in ("As asked", "Last layer only", "1.000", "kB", " s "):
        assert words in shown.stdout
    assert "one worker on cpu" in shown.stderr
    found = json.loads(shell("scans", "estimate", run, "--fresh", "--json").stdout)
    assert found["request"]["fresh"] is True
    assert [each["name"] for each in found["result"]["choices"]] == [
        "as_asked",
        "with_evidence",
        "last_layer",
    ]
    failed = shell("scans", "estimate", run, "--layers", "nothing.*", status=1)
    assert "nothing.*" in failed.stderr
    shell("scans", "estimate", run, "--top-k", "1", "--share", "0.1", status=2)


def test_cancelled_scan_has_its_own_status_and_can_go_on(shell: Shell, run: str) -> None:
    scan = shell.word("scans", "start", run)
    assert shell.word("scans", "cancel", scan) == "cancelled"
    assert "cancelled" in shell("scans", "watch", scan, status=1).stderr
    assert shell.word("scans", "retry", scan) == "queued"


def test_dataset_that_fails_tells_why(shell: Shell, data_dir: Path) -> None:
    path = support.save_blobs(data_dir)
    wrong = ["--format", "npz", "--input", "pictures", "--label", "y"]
    dataset = shell.word("datasets", "register", "blobs", "1", path, *wrong, "--no-wait")
    support.index(dataset)
    assert "pictures" in shell("datasets", "show", dataset).stdout


def test_refusal_names_field_and_remedy(shell: Shell) -> None:
    refused = shell("datasets", "register", "x", "1", "/etc/passwd", *COLUMNS, status=2)
    assert refused.stdout == ""
    assert "root" in refused.stderr
    assert "Traceback" not in refused.stderr
    wrong_key = shell("datasets", "list", status=3, CLEANTRACE_API_KEY="ct_wrong")
    assert "cleantrace keys create" in wrong_key.stderr


def test_mistakes_on_the_command_line_end_with_2(shell: Shell, run: str) -> None:
    shell("scans", "start", run, "--top-k", "1", "--share", "0.1", status=2)
    shell("runs", "register", "r", "--dataset", "blobs:1", "--model", "linear",
          "--model-args", "[1", status=2)  # fmt: skip
    shell("runs", "register", "r", "--dataset", "blobs:7", "--model", "linear", status=2)


def test_nothing_to_talk_to(shell: Shell, tmp_path: Path) -> None:
    none = shell(
        "datasets", "list", status=2, CLEANTRACE_URL=None, CLEANTRACE_DATA_DIR=str(tmp_path)
    )
    assert "cleantrace up" in none.stderr


def test_running_stack_is_found_by_its_directory(shell: Shell, tmp_path: Path) -> None:
    state = {"url": shell.env["CLEANTRACE_URL"], "project": "lab"}
    (tmp_path / "stack.json").write_text(json.dumps(state))
    (tmp_path / "api-key-lab").write_text(shell.env["CLEANTRACE_API_KEY"] + "\n")
    nothing = dict.fromkeys(shell.env)
    shell("datasets", "--data-dir", tmp_path, "list", **nothing)
    shell("datasets", "list", **nothing | {"CLEANTRACE_DATA_DIR": str(tmp_path)})
    with Client.of_stack(tmp_path) as client:
        assert list(client.datasets()) == []


def test_service_that_is_away_ends_with_3(shell: Shell) -> None:
    program = [sys.executable, "-m", "cleantrace.cli"]
    env = {**os.environ, **shell.env, "CLEANTRACE_URL": "http://127.0.0.1:1"}
    ran = subprocess.run(
        [*program, "datasets", "list"], env=env, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 3, ran.stderr
    assert "http://127.0.0.1:1" in ran.stderr


def test_evidence_as_a_table_and_as_json(shell: Shell, run: str) -> None:
    scan = shell.word("scans", "start", run, "--evidence", "--fresh")
    support.run_scan(scan)
    table = shell("scans", "evidence", scan, "point-00007", "-k", "2").stdout
    assert table.count("against") == 2
    found = json.loads(shell("scans", "evidence", scan, "point-00007", "--json").stdout)
    assert len(found["opponents"]) == 10
    assert found["opponents"][0]["key"] in table
