"""The page about CI jobs, followed as it stands: red, still red, green."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file
from sklearn.datasets import load_digits

from cleantrace import Client
from cleantrace.standalone import Stack
from examples.common import flip_labels
from workers.models import build_model

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[2]
CI = ROOT / "examples" / "ci"
N, PLANTED_SHARE = 600, 0.03


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    # Not pytest's own directory: it is closed to the account that Postgres runs as under root.
    with tempfile.TemporaryDirectory(prefix="cleantrace-ci-") as name:
        Path(name).chmod(0o755)
        with Stack(Path(name) / "stack", durable=False) as running:
            yield running


class Repository:
    """A repository whose jobs run here."""

    def __init__(self, folder: Path, stack: Stack) -> None:
        self.folder = folder
        self.stack = stack
        for source, target in (
            ("gate.yaml", "gate.yaml"),
            ("check_labels.sh", "ci/check_labels.sh"),
        ):
            (folder / target).parent.mkdir(exist_ok=True)
            shutil.copy(CI / source, folder / target)

    def run(self, command: str, **env: str) -> subprocess.CompletedProcess[str]:
        """As a CI's machine runs it, where the client is installed."""
        bin_folder = str(Path(sys.executable).parent)
        return subprocess.run(
            ["bash", "-e", "-c", command],
            cwd=self.folder,
            env={
                "PATH": f"{bin_folder}:{os.environ['PATH']}",
                "HOME": str(self.folder),
                "PYTHONPATH": str(ROOT),
                "CLEANTRACE_URL": self.stack.url,
                "CLEANTRACE_API_KEY": self.stack.api_key,
                "CLEANTRACE_PROJECT": "default",
                "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
                **env,
            },
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def job(self, commit: str, status: int) -> str:
        """The step of GitHub's job that checks; what it printed."""
        steps = yaml.safe_load((CI / "github.yml").read_text())["jobs"]["gate"]["steps"]
        (step,) = (step for step in steps if "VERSION" in step.get("env", {}))
        ran = self.run(step["run"], VERSION=commit)
        assert ran.returncode == status, ran.stdout + ran.stderr
        return ran.stdout


def digits(repository: Repository) -> np.ndarray:
    """Data with planted errors, and checkpoints of a training on them; returns the true labels."""
    source = load_digits()
    images = source.images[:N].astype(np.uint8)
    true = source.target[:N]
    given, _ = flip_labels(true, 10, PLANTED_SHARE, np.random.default_rng(0))
    for name in ("data", "weights"):
        (repository.folder / name).mkdir()
    keys = np.array([f"digit-{i:04}" for i in range(N)])
    np.savez(repository.folder / "data" / "digits.npz", images=images, labels=given, keys=keys)
    torch.manual_seed(0)
    model = build_model({"name": "linear", "args": {"in_features": 64, "classes": 10}})
    optimiser = torch.optim.SGD(model.parameters(), 0.5)
    inputs, targets = torch.from_numpy(images).flatten(1) * 0.0625, torch.from_numpy(given)
    for step in range(1, 201):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(inputs), targets).backward()
        optimiser.step()
        if step % 100 == 0:
            save_file(
                model.state_dict(), repository.folder / "weights" / f"step-{step}.safetensors"
            )
    return true


def page_commands() -> list[str]:
    """The page's shell commands, in order."""
    page = (ROOT / "docs" / "ci.md").read_text()
    return re.findall(r"```sh\n(.*?)```", page, re.DOTALL)


def test_from_a_red_pull_request_to_a_green_one(stack: Stack, tmp_path: Path) -> None:
    repository = Repository(tmp_path, stack)
    true = digits(repository)
    queue_command, export_command = page_commands()
    with Client(stack.url, stack.api_key) as client:
        for commit in ("c1", "c2", "c3", "c4"):
            printed = repository.job(commit, 1)
            assert "::error" in printed
            assert "nobody has reviewed" in (tmp_path / "summary.md").read_text()
            assert "<html" in (tmp_path / "gate.html").read_text()
            scan = next(client.scans()).id
            assert scan in printed
            queue = repository.run(queue_command.replace("request 7", commit).replace("SCAN", scan))
            assert queue.returncode == 0, queue.stderr
            wrong = 0
            while items := client.next_items(queue.stdout.strip(), 20):
                for item in items:
                    own = str(true[item.position])
                    is_wrong = own != item.given_label
                    wrong += is_wrong
                    client.decide(
                        queue.stdout.strip(), item, "relabel" if is_wrong else "right",
                        label=own if is_wrong else None,
                    )  # fmt: skip
            if wrong == 0:
                break
            assert "still in the data" in repository.job(commit, 1)
            exported = repository.run(export_command, VERSION=commit)
            assert exported.returncode == 0, exported.stderr
            corrected = Path(tmp_path / exported.stdout.split()[-1])
            shutil.copy(corrected, tmp_path / "data" / "digits.npz")
        repository.job(commit, 0)
    labels = np.load(tmp_path / "data" / "digits.npz")["labels"]
    # Nearly all that was planted was found on the way.
    assert (labels != true).mean() < 0.2 * PLANTED_SHARE


def test_the_pipelines_say_what_the_page_says() -> None:
    page = (ROOT / "docs" / "ci.md").read_text()
    gitlab = yaml.safe_load((CI / "gitlab.yml").read_text())["labels"]
    check = gitlab["script"][-1]
    assert check.startswith("bash ci/check_labels.sh")
    written = set(re.findall(r"=(\S+)", check))
    assert written == {*gitlab["artifacts"]["paths"], *gitlab["artifacts"]["reports"].values()}
    for file in CI.iterdir():
        assert f"examples/ci/{file.name}" in page
