"""The job through the client, as a training job does it."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import text

from app.db import reading
from cleantrace import Client
from cleantrace.client import Dataset, Estimate, Run, errors, waiting
from cleantrace.client.waiting import server_sent_events
from tests import support
from tests.cleantrace.client.front import Front, cut_stream, empty_stream, pass_on, signs_of_life

N = 200


@pytest.fixture
def dataset(client: Client, data_dir: Path) -> Dataset:
    made = client.register_dataset(
        "blobs",
        "1",
        support.save_blobs(data_dir, N),
        format="npz",
        task="classification",
        input="x",
        label="y",
        key="id",
    )
    support.index(made.id)
    return client.wait_for_dataset(made)


@pytest.fixture
def run(client: Client, dataset: Dataset, data_dir: Path) -> Run:
    spec = support.linear_spec()
    made = client.register_run("linear", dataset, spec["name"], spec["args"])
    for number in range(2):
        path = support.save_weights(data_dir / f"{number}.safetensors", seed=number)
        each = client.register_checkpoint(made, path, step=number + 1, eta=0.1)
        support.check(each.id)
    return made


def _complete(client: Client, run: Run, **options) -> str:
    scan = client.start_scan(run, **options)
    support.run_scan(scan.id)
    return scan.id


def test_dataset_comes_back_as_indexed(client: Client, dataset: Dataset) -> None:
    assert dataset.status == "ready"
    assert dataset.example_count == N
    assert dataset.classes == ["0", "1", "2"]
    assert dataset.uri.startswith("file:///")
    assert dataset.created_at.tzinfo is not None
    assert client.get_dataset(UUID(dataset.id)) == dataset
    assert list(client.datasets("blobs")) == [dataset]
    assert list(client.datasets("others")) == []


def test_version_is_registered_once(client: Client, dataset: Dataset) -> None:
    with pytest.raises(errors.DatasetExists):
        client.register_dataset(
            "blobs",
            "1",
            dataset.uri,
            format="npz",
            task="classification",
            input="x",
            label="y",
        )


def test_dataset_that_cannot_be_indexed_tells_why(client: Client, data_dir: Path) -> None:
    made = client.register_dataset(
        "blobs",
        "1",
        support.save_blobs(data_dir),
        format="npz",
        task="classification",
        input="pictures",
        label="y",
    )
    support.index(made.id)
    with pytest.raises(errors.DatasetFailed, match="pictures") as caught:
        client.wait_for_dataset(made)
    assert caught.value.failure.remedy
    assert caught.value.subject == client.get_dataset(made)
    assert client.retry_dataset(made).status == "registered"
    with pytest.raises(errors.DatasetNotFailed):
        client.retry_dataset(made)


def test_rejected_rows_are_listed(client: Client, data_dir: Path) -> None:
    arrays = support.blobs(20)
    arrays["x"][3, 0] = np.nan
    path = data_dir / "holes.npz"
    np.savez(path, **arrays)
    made = client.register_dataset(
        "holes",
        "1",
        path,
        format="npz",
        task="classification",
        input="x",
        label="y",
        key="id",
        on_bad_rows="skip",
    )
    support.index(made.id)
    assert client.wait_for_dataset(made).example_count == 19
    assert [(row.row, row.key) for row in client.rejected_rows(made)] == [(3, "point-00003")]


def test_waiting_has_an_end(client: Client, data_dir: Path) -> None:
    made = client.register_dataset(
        "blobs",
        "1",
        support.save_blobs(data_dir),
        format="npz",
        task="classification",
        input="x",
        label="y",
    )
    with pytest.raises(errors.WaitTimedOut, match="goes on"):
        client.wait_for_dataset(made, timeout_s=0.3)
    assert client.get_dataset(made).status == "registered"


def test_path_is_made_absolute(
    client: Client, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = data_dir / "a b%20ü"
    folder.mkdir()
    support.save_blobs(folder)
    monkeypatch.chdir(folder)
    made = client.register_dataset(
        "blobs",
        "1",
        Path("blobs.npz"),
        format="npz",
        task="classification",
        input="x",
        label="y",
    )
    support.index(made.id)
    assert client.wait_for_dataset(made).example_count == N


def test_checkpoints_come_in_order_of_steps(client: Client, run: Run) -> None:
    seen = []
    found = client.wait_for_checkpoints(run, progress=seen.append)
    assert [each.step for each in found] == [1, 2]
    assert [each.status for each in found] == ["ready", "ready"]
    assert seen == [found]
    assert client.get_run(run) == run
    assert list(client.runs()) == [run]


def test_checkpoint_that_does_not_fit_tells_why(client: Client, run: Run, data_dir: Path) -> None:
    path = support.save_weights(data_dir / "wide.safetensors", in_features=5)
    made = client.register_checkpoint(run, path, step=3, eta=0.1)
    support.check(made.id)
    with pytest.raises(errors.CheckpointFailed, match="step 3") as caught:
        client.wait_for_checkpoints(run)
    assert isinstance(caught.value.subject, type(made))
    assert client.retry_checkpoint(made).status == "registered"


def test_scores_are_all_there_over_pages(client: Client, run: Run) -> None:
    scan = _complete(client, run)
    scores = list(client.scores(scan, page_size=64))
    assert [score.rank for score in scores] == list(range(1, N + 1))
    assert sorted(score.position for score in scores) == list(range(N))
    assert all(len(score.terms or ()) == 2 for score in scores)
    by_position = list(client.scores(scan, order="position", page_size=7))
    assert sorted(scores, key=lambda score: score.position) == by_position
    only = list(client.scores(scan, label="1", flagged=False, page_size=9))
    assert only == [s for s in scores if s.given_label == "1" and not s.flagged]


def test_flags_are_all_there_over_pages(client: Client, run: Run) -> None:
    scan = _complete(client, run, top_k=30)
    flags = list(client.flags(scan, page_size=7))
    assert [flag.rank for flag in flags] == list(range(1, 31))
    assert all(flag.reason for flag in flags)
    assert client.get_scan(scan).flagged_count == 30


def test_evidence_by_position_key_and_set(client: Client, run: Run) -> None:
    scan = _complete(client, run, evidence=128)
    assert client.get_scan(scan).evidence == {"dimension": 128, "layers": "all"}
    found = client.evidence(scan, 4, k=3)
    assert [len(found.proponents), len(found.opponents), found.dimension] == [3, 3, 128]
    assert found.proponents[0].influence >= found.proponents[2].influence > 0
    assert found.opponents[0].influence <= found.opponents[2].influence < 0
    assert client.evidence(scan, key="point-00004", k=3) == found
    together = client.evidence(scan, [4, 5], k=3, label="1")
    both = [*together.opponents, *together.proponents]
    assert {each.given_label for each in both} == {"1"}
    with pytest.raises(errors.NoEvidence, match="sketches"):
        client.evidence(_complete(client, run), 4)
    with pytest.raises(ValueError, match="either"):
        client.evidence(scan)


def test_evidence_for_new_inputs(client: Client, run: Run, working: list[threading.Thread]) -> None:
    scan = _complete(client, run, evidence=True)
    row = [0.5, 1.0, -1.0, 2.0]
    with pytest.raises(errors.InputInvalid, match="numbers"):
        client.evidence_for(scan, [(row[:2], "1")])
    _once(lambda: bool(_open_questions()), working, _answer_all)
    found = client.evidence_for(scan, [(row, "1"), (row, "2")], k=4, timeout_s=60)
    assert len(found) == 2
    assert found[0] != found[1]
    assert len(found[0].opponents) <= 4
    assert found[0].opponents[0].influence < 0


def _open_questions() -> list[UUID]:
    with reading() as db:
        return list(db.scalars(text("SELECT id FROM evidence_requests WHERE status = 'queued'")))


def _answer_all() -> None:
    from workers.scanning.new_inputs import run_evidence_request

    for question in _open_questions():
        run_evidence_request(question)


def test_share_and_threshold_policies(client: Client, run: Run) -> None:
    assert len(list(client.flags(_complete(client, run, share=0.05)))) == 10
    scan = _complete(client, run, score="loss", threshold=0.5)
    losses = {score.position: score.loss for score in client.scores(scan)}
    assert {flag.position for flag in client.flags(scan)} == {
        position for position, loss in losses.items() if loss is not None and loss >= 0.5
    }
    with pytest.raises(ValueError, match="one of"):
        client.start_scan(run, top_k=1, share=0.1)


def test_one_score_by_position_and_by_key(client: Client, run: Run) -> None:
    scan = _complete(client, run)
    score = client.get_score(scan, 17)
    assert score.key == "point-00017"
    assert client.get_score(scan, key="point-00017") == score
    with pytest.raises(errors.ScoreNotFound):
        client.get_score(scan, N)
    with pytest.raises(errors.ExampleNotFound):
        client.get_score(scan, key="no/such key&")
    with pytest.raises(ValueError, match="either"):
        client.get_score(scan)


def test_scan_of_some_checkpoints_and_layers(client: Client, run: Run) -> None:
    last = client.checkpoints(run)[-1]
    scan = client.get_scan(
        _complete(client, run, layers="last", checkpoints=[last], weighting="equal")
    )
    assert scan.checkpoint_ids == [last.id]
    assert scan.layers == "last"
    assert scan.weighting == "equal"
    assert scan.summary is not None


def test_results_before_the_end_are_refused(client: Client, run: Run) -> None:
    scan = client.start_scan(run)
    with pytest.raises(errors.ScanNotComplete):
        next(client.scores(scan))
    assert [each.id for each in client.scans(run.dataset_id)] == [scan.id]


@pytest.fixture
def working() -> Iterator[list[threading.Thread]]:
    threads: list[threading.Thread] = []
    yield threads
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def _once(when: Callable[[], bool], working: list[threading.Thread], work, *args) -> None:
    """Do a worker's part while the client waits, from when the client has come so far."""

    def run() -> None:
        deadline = time.monotonic() + 60
        while not when() and time.monotonic() < deadline:
            time.sleep(0.02)
        work(*args)

    working.append(threading.Thread(target=run))
    working[-1].start()


def test_waiting_hears_of_progress(
    client: Client, run: Run, working: list[threading.Thread]
) -> None:
    scan = client.start_scan(run)
    seen = []
    _once(lambda: bool(seen), working, support.run_scan, scan.id)
    over = client.wait_for_scan(scan, progress=seen.append, timeout_s=60)
    assert over.status == "complete"
    assert over.summary is not None
    assert seen[0].status == "queued"
    assert seen[-1].status == "complete"
    assert seen[-1].progress.examples_done == N
    done = [each.progress.examples_done for each in seen]
    assert done == sorted(done)


def test_watching_goes_on_after_a_broken_stream(
    front: Front, key: str, run: Run, working: list[threading.Thread]
) -> None:
    with Client(front.url, key, "lab") as client:
        scan = client.start_scan(run)
        front.seen.clear()
        front.faults = [cut_stream, cut_stream]
        _once(lambda: len(front.seen) >= 3, working, support.run_scan, scan.id)
        assert client.wait_for_scan(scan, timeout_s=60).status == "complete"
    streams = [path for _, path, _ in front.seen if path.endswith("/events")]
    assert len(streams) == 3  # two were cut, the third told of the end
    assert len(front.seen) == 4  # and the scan was then read once, with its summary


def test_watching_polls_where_no_events_come_through(
    front: Front, key: str, run: Run, working: list[threading.Thread]
) -> None:
    with Client(front.url, key, "lab") as client:
        scan = client.start_scan(run)
        front.seen.clear()
        front.faults = [empty_stream] * 3
        _once(lambda: len(front.seen) > 3, working, support.run_scan, scan.id)
        assert client.wait_for_scan(scan, timeout_s=60).status == "complete"
    streams = [path for _, path, _ in front.seen if path.endswith("/events")]
    assert len(streams) == 3
    assert len(front.seen) > 4


def test_watching_an_unknown_scan_is_refused(front: Front, key: str) -> None:
    front.faults = [pass_on]
    with Client(front.url, key, "lab") as client, pytest.raises(errors.ScanNotFound):
        client.wait_for_scan("00000000-0000-0000-0000-000000000000")
    assert len(front.seen) == 1


def test_cancelled_scan_raises_and_can_go_on(client: Client, run: Run) -> None:
    scan = client.start_scan(run)
    assert client.cancel_scan(scan).status == "cancelled"
    with pytest.raises(errors.ScanCancelled) as caught:
        client.wait_for_scan(scan)
    assert caught.value.subject == client.get_scan(scan)
    with pytest.raises(errors.ScanFinished):
        client.cancel_scan(scan)
    assert client.retry_scan(scan).status == "queued"
    support.run_scan(scan.id)
    assert client.wait_for_scan(scan).status == "complete"
    with pytest.raises(errors.ScanNotRetriable):
        client.retry_scan(scan)


def test_failed_scan_raises_with_stored_reason(client: Client, run: Run, data_dir: Path) -> None:
    scan = client.start_scan(run)
    support.save_weights(data_dir / "0.safetensors", in_features=9)  # changed since its check
    for _ in range(6):
        support.run_scan(scan.id)
    with pytest.raises(errors.ScanFailed) as caught:
        client.wait_for_scan(scan, timeout_s=30)
    assert caught.value.failure.detail in str(caught.value)
    assert not isinstance(caught.value, errors.ScanCancelled)


def test_waiting_for_a_scan_has_an_end(client: Client, run: Run) -> None:
    scan = client.start_scan(run)
    with pytest.raises(errors.WaitTimedOut):
        client.wait_for_scan(scan, timeout_s=1)


def test_signs_of_life_do_not_keep_a_wait_from_its_end(
    front: Front, key: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "SILENCE_LIMIT_S", 0.5)
    with Client(front.url, key, "lab") as client:
        scan = client.start_scan(run)
        front.faults = [signs_of_life]
        with pytest.raises(errors.WaitTimedOut):
            client.wait_for_scan(scan, timeout_s=1)
    assert not front.outlasted


def test_events_are_read_as_the_standard_says() -> None:
    lines = [
        ": ping", "", "event: progress", "data: {", "data:}", "id: 4", "", "data:  x", "",
        "event: end", "data: cut off",
    ]  # fmt: skip
    assert list(server_sent_events(iter(lines))) == [("progress", "{\n}"), ("message", " x")]


def test_an_estimate_is_waited_for_and_its_choice_is_a_scan(client: Client, run: Run) -> None:
    seen: list[str] = []

    def work_once(estimate: Estimate) -> None:
        if not seen:
            support.work_on_estimate(estimate.id)
        seen.append(estimate.status)

    estimate = client.estimate_scan(run, share=0.2, progress=work_once)
    assert seen == ["queued", "done"]
    assert estimate.request["policy"] == {"kind": "share", "share": 0.2}
    assert estimate.result is not None
    asked, *others = estimate.result.choices
    assert (asked.name, asked.request_changes) == ("as_asked", {})
    assert asked.results_to_compute == 2 * N
    assert estimate.result.basis.device == "cpu"
    alone = {each.name: each for each in others}["last_checkpoint"]
    scan = client.start_scan(run, checkpoints=alone.request_changes["checkpoints"])
    assert len(scan.checkpoint_ids) == 1
    assert client.get_estimate(estimate) == client.get_estimate(estimate.id) == estimate


def test_an_estimate_that_fails_tells_why(client: Client, run: Run) -> None:
    with pytest.raises(errors.EstimateFailed, match="no_such_layer") as caught:
        client.estimate_scan(
            run,
            layers=["no_such_layer"],
            progress=lambda estimate: support.work_on_estimate(estimate.id),
        )
    assert caught.value.failure.errors[0].field == "layers"
    with pytest.raises(errors.EstimateNotFound):
        client.get_estimate(run.id)
    with pytest.raises(errors.WaitTimedOut):
        client.estimate_scan(run, timeout_s=0.2)
