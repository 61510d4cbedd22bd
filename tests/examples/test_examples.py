"""The examples, on one real stack; the demo as its user types it. Recall is what they are for."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cleantrace import Client
from cleantrace.standalone import Stack
from cleantrace.standalone.ports import free_port
from examples.common import recalls
from examples.diabetes import example as diabetes
from examples.loop import example as loop
from examples.reviews import example as reviews

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Not pytest's own directory: it is closed to the account that Postgres runs as under root.
    with tempfile.TemporaryDirectory(prefix="cleantrace-examples-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Stack]:
    inputs = folder / "inputs"
    inputs.mkdir()
    with Stack(folder / "stack", allow=[inputs], durable=False) as running:
        yield running


@pytest.mark.parametrize("example", [reviews, diabetes], ids=["text", "regression"])
def test_planted_errors_rise_to_the_top(stack: Stack, folder: Path, example: object) -> None:
    share = example.PLANTED_SHARE  # type: ignore[attr-defined]
    with Client(stack.url, stack.api_key) as client:
        job, planted = example.run_job(  # type: ignore[attr-defined]
            client, folder / "inputs", seed=0, small=True
        )
        scores = list(client.scores(job.scan))
        assert len(scores) == job.dataset.example_count
        # Random order finds 2 x share of them; far more must stand there.
        found = recalls(scores, planted, [2 * share])[2 * share]
        assert found >= 2.2 * 2 * share, found
        flags = list(client.flags(job.scan))
        assert len(flags) == round(share * len(scores))
        if example is diabetes:
            # Predictions are in the unit of the targets, not as scaled for the training.
            # The mean error over checkpoints is at least the error of the mean prediction.
            for each in scores:
                assert each.el2n >= abs(each.predicted_value - each.given_target) - 1e-3
            assert 25 < sum(each.predicted_value for each in scores) / len(scores) < 346


def test_a_review_brings_back_what_wrong_labels_cost(stack: Stack, folder: Path) -> None:
    with Client(stack.url, stack.api_key) as client:
        once = loop.run_loop(client, folder / "inputs", seed=0, noise="random")
    assert once.clean - once.noisy > 0.02
    assert once.recovered >= loop.PROMISED_RECOVERY
    assert once.reviewed == 1.5 * once.planted
    assert once.found >= 0.9 * once.planted


def test_the_demo_keeps_its_promise(folder: Path) -> None:
    command = [sys.executable, "-m", "examples.digits.demo", "--exit", "--port", str(free_port())]
    ran = subprocess.run(
        [*command, "--data-dir", str(folder / "demo")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "planted errors" in ran.stdout
    picture = folder / "demo" / "examples" / "digits" / "1" / "top-40.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_engine_alone_finds_flips() -> None:
    from examples.engine.find_flips import main

    assert main() > 0.8
