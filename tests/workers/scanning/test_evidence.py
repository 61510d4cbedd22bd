"""Evidence for an example's label: what the API and the pages say of a real scan."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image
from safetensors.torch import load_file, save_file
from sqlalchemy import text

from app.artifacts import ArtifactStore
from app.datasets.example_store import StoreMeta
from app.db import reading, transaction
from app.evidence.new_inputs import InputInvalid, rows_of
from app.evidence.schemas import NewInput
from app.settings import settings
from tests.app.dashboard.steps import signed_in
from tests.support import (
    LAB,
    blobs,
    get,
    linear_weights,
    make_dataset,
    make_run,
    post,
    run_scan,
)
from workers.sweep import sweep

N, K = 150, 2
LARGE = {"dimension": 16_384}  # so that of this small model nothing collides


@pytest.fixture
def run(api: TestClient, data_dir: Path) -> dict[str, Any]:
    return make_run(api, data_dir, make_dataset(api, data_dir, N), K)


def scanned(api: TestClient, run: dict[str, Any], **body: Any) -> dict[str, Any]:
    scan = post(api, "/scans", {"run_id": run["id"]} | body)
    run_scan(scan["id"])
    found: dict[str, Any] = get(api, f"/scans/{scan['id']}")
    assert found["status"] == "complete", found["failure"]
    return found


def exact_influence(api: TestClient, run: dict[str, Any], *, equal: bool = False) -> np.ndarray:
    """(N, N) by the definition: gradients of the linear model, written out."""
    arrays = blobs(N)
    x = torch.from_numpy(arrays["x"]).double()
    ones = torch.cat([x, torch.ones(N, 1, dtype=torch.float64)], 1)
    onehot = torch.nn.functional.one_hot(torch.from_numpy(arrays["y"]), 3).double()
    total = torch.zeros(N, N, dtype=torch.float64)
    for each in get(api, f"/runs/{run['id']}/checkpoints"):
        state = load_file(each["uri"].removeprefix("file://"))
        weight = next(v for v in state.values() if v.ndim == 2).double()
        bias = next(v for v in state.values() if v.ndim == 1).double()
        error = torch.softmax(x @ weight.T + bias, 1) - onehot
        gradients = torch.einsum("no,ni->noi", error, ones).flatten(1)
        total += (1 / K if equal else each["eta"]) * gradients @ gradients.T
    return total.numpy()


@pytest.mark.parametrize("weighting", ["eta", "equal"])
def test_evidence_is_the_influence_of_the_definition(
    api: TestClient, run: dict[str, Any], weighting: str
) -> None:
    scan = scanned(api, run, evidence=LARGE, weighting=weighting)
    exact = exact_influence(api, run, equal=weighting == "equal")
    labels = blobs(N)["y"]
    for position in (0, 77):
        found = get(api, f"/scans/{scan['id']}/scores/{position}/evidence", k=5)
        truth = exact[position]
        off = 0.01 * np.abs(truth).max()  # the sketch's own error
        order = np.argsort(-np.delete(truth, position))
        best = np.delete(truth, position)[order]
        for side, values in (("proponents", best[:5]), ("opponents", best[::-1][:5])):
            told = [each["influence"] for each in found[side]]
            np.testing.assert_allclose(told, values, atol=off)
            for each in found[side]:
                assert each["position"] != position
                assert each["influence"] == pytest.approx(truth[each["position"]], abs=off)
                assert each["given_label"] == str(labels[each["position"]])


def test_a_set_counts_as_its_mean_and_is_left_out(api: TestClient, run: dict[str, Any]) -> None:
    scan = scanned(api, run, evidence=LARGE)
    exact = exact_influence(api, run)[[3, 4, 5]].mean(0)
    exact[[3, 4, 5]] = -np.inf
    body = {"positions": [3, 4, 5], "k": 4}
    found = post(api, f"/scans/{scan['id']}/evidence", body, status=200)
    best = np.argsort(-exact)[:4].tolist()
    assert [each["position"] for each in found["proponents"]] == best


def test_evidence_of_one_class(api: TestClient, run: dict[str, Any]) -> None:
    scan = scanned(api, run, evidence={"dimension": 128})
    found = get(api, f"/scans/{scan['id']}/scores/1/evidence", k=20, label="2")
    labels = {each["given_label"] for each in (*found["proponents"], *found["opponents"])}
    assert labels == {"2"}
    assert found["dimension"] == 128


def test_what_cannot_be_asked(api: TestClient, run: dict[str, Any]) -> None:
    without = scanned(api, run)["id"]
    answer = api.get(f"{LAB}/scans/{without}/scores/0/evidence")
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("no-evidence")
    assert "evidence" in answer.json()["remedy"]
    scan = scanned(api, run, evidence=True)["id"]
    assert api.get(f"{LAB}/scans/{scan}/scores/{N}/evidence").status_code == 404
    wrong = api.get(f"{LAB}/scans/{scan}/scores/0/evidence", params={"label": "cat"})
    assert wrong.json()["errors"][0]["field"] == "label"
    for bad in ({"positions": []}, {"positions": [-1]}, {"positions": [0], "k": 0}):
        assert api.post(f"{LAB}/scans/{scan}/evidence", json=bad).status_code in (404, 422)


def test_examples_that_are_not_finite_are_nobodys_evidence(
    api: TestClient, data_dir: Path, run: dict[str, Any]
) -> None:
    weights = linear_weights(seed=5)
    first = next(iter(weights))
    weights[first] = weights[first] * 1e38
    save_file(weights, data_dir / "huge.safetensors")
    body = {"uri": str(data_dir / "huge.safetensors"), "step": 99, "eta": 0.1}
    post(api, f"/runs/{run['id']}/checkpoints", body)
    scan = scanned(api, run, evidence=True)["id"]
    broken = get(api, f"/scans/{scan}/scores", finite=False, order="position")["items"]
    assert broken
    answer = api.get(f"{LAB}/scans/{scan}/scores/{broken[0]['position']}/evidence")
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("example-not-finite")


def test_sketches_are_taken_from_earlier_scans_that_have_them(
    api: TestClient, run: dict[str, Any]
) -> None:
    scanned(api, run)
    first = scanned(api, run, evidence=True)
    assert first["summary"]["reused"] == 0  # the one before kept no sketches
    second = scanned(api, run, evidence=True, weighting="equal")
    assert second["summary"]["computed"] == 0
    anew = scanned(api, run, evidence=True, weighting="equal", fresh=True)
    paths = [f"/scans/{each['id']}/scores/9/evidence" for each in (second, anew)]
    taken, computed = (get(api, path, k=50) for path in paths)
    assert taken["opponents"] == computed["opponents"]
    plain = scanned(api, run)
    assert plain["summary"]["computed"] == 0
    assert plain["evidence"] is None


def test_the_same_weights_twice_are_two_checkpoints(api: TestClient, run: dict[str, Any]) -> None:
    first = get(api, f"/runs/{run['id']}/checkpoints")[0]
    body = {"uri": first["uri"], "step": 1000, "eta": first["eta"]}
    post(api, f"/runs/{run['id']}/checkpoints", body)
    scan = scanned(api, run, evidence=LARGE)
    again = scanned(api, run, evidence=LARGE)
    assert again["summary"]["computed"] == 0
    score = get(api, f"/scans/{scan['id']}/scores/3")
    sketches = np.load(ArtifactStore(settings().artifacts).local_path(_sketches_of(again["id"])))
    assert float((sketches[3] ** 2).sum()) == pytest.approx(score["self_influence"], rel=0.05)


def _sketches_of(scan: str) -> str:
    with reading() as db:
        return str(db.scalar(text("SELECT sketches FROM scans WHERE id = :i"), {"i": scan}))


def answered(api: TestClient, scan: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer about new inputs, after a worker has had the question."""
    from workers.scanning.new_inputs import run_evidence_request

    asked = post(api, f"/scans/{scan}/evidence/inputs", body, status=202)
    assert asked["status"] == "queued"
    run_evidence_request(UUID(asked["id"]))
    found: dict[str, Any] = get(api, f"/scans/{scan}/evidence/inputs/{asked['id']}")
    return found


def test_an_input_like_an_example_has_its_evidence(api: TestClient, run: dict[str, Any]) -> None:
    """What is asked about a training example's content is what is told about the example."""
    scanned(api, run, evidence=True)
    scan = scanned(api, run, evidence=True, score="loss")["id"]  # computed nothing itself
    arrays = blobs(N)
    row = arrays["x"][7].tolist()
    found = answered(api, scan, {"inputs": [{"row": row, "label": str(arrays["y"][7])}], "k": N})
    assert found["status"] == "done", found["failure"]
    (answer,) = found["result"]["inputs"]
    values = {each["position"]: each["influence"] for each in answer["proponents"]}
    score = get(api, f"/scans/{scan}/scores/7")
    assert values[7] == pytest.approx(score["self_influence"], rel=0.1)
    own = get(api, f"/scans/{scan}/scores/7/evidence", k=5)
    for told, expected in zip(answer["opponents"][:5], own["opponents"], strict=True):
        assert told["influence"] == pytest.approx(expected["influence"], rel=1e-2)


def test_another_label_has_other_evidence(api: TestClient, run: dict[str, Any]) -> None:
    scan = scanned(api, run, evidence=True)["id"]
    row = blobs(N)["x"][0].tolist()
    body = {"inputs": [{"row": row, "label": label} for label in "012"], "k": 3}
    answers = answered(api, scan, body)["result"]["inputs"]
    told = {str(answer["proponents"] + answer["opponents"]) for answer in answers}
    assert len(told) == 3


def test_inputs_unlike_the_datasets_are_refused_at_once(
    api: TestClient, run: dict[str, Any]
) -> None:
    scan = scanned(api, run, evidence=True)["id"]
    url = f"{LAB}/scans/{scan}/evidence/inputs"
    good = {"row": [0.0, 1.0, 2.0, 3.0], "label": "1"}
    for change, field in (
        ({"row": [1.0]}, "inputs.1.row"),
        ({"row": {"width": 1.0}}, "inputs.1.row"),
        ({"label": "cat"}, "inputs.1.label"),
        ({"label": None}, "inputs.1.label"),
        ({"row": None, "text": "words"}, "inputs.1.row"),
    ):
        answer = api.post(url, json={"inputs": [good, good | change]})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == field
        assert answer.json()["remedy"]
    assert api.post(url, json={"inputs": []}).status_code == 422
    without = scanned(api, run)["id"]
    refused = api.post(f"{LAB}/scans/{without}/evidence/inputs", json={"inputs": [good]})
    assert refused.status_code == 409


def test_a_question_that_kills_workers_fails_with_a_reason(
    api: TestClient, run: dict[str, Any]
) -> None:
    scan = scanned(api, run, evidence=True)["id"]
    body = {"inputs": [{"row": [0.0, 1.0, 2.0, 3.0], "label": "1"}]}
    asked = post(api, f"/scans/{scan}/evidence/inputs", body, status=202)["id"]
    with transaction() as db:
        db.execute(
            text("UPDATE evidence_requests SET attempts = 3, status = 'running' WHERE id = :i"),
            {"i": asked},
        )
    sweep()
    found = get(api, f"/scans/{scan}/evidence/inputs/{asked}")
    assert found["status"] == "failed"
    assert "died" in found["failure"]["title"]


def test_pictures_and_texts_as_inputs() -> None:
    meta = StoreMeta(
        kind="array",
        task="classification",
        modality="image",
        dtype="uint8",
        shape=(2, 3),
        classes=("a", "b"),
    )
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    encoded = base64.b64encode(file.getvalue()).decode()
    rows = rows_of([NewInput(image=encoded, label="b")], meta)
    np.testing.assert_array_equal(rows.inputs[0], pixels)
    assert rows.labels.tolist() == [1]
    for wrong in ("no base64!", base64.b64encode(b"no image").decode()):
        with pytest.raises(InputInvalid, match="not an image"):
            rows_of([NewInput(image=wrong, label="b")], meta)
    larger = replace(meta, shape=(4, 4), batch_rows=0)
    with pytest.raises(InputInvalid, match="3 x 2"):
        rows_of([NewInput(image=encoded, label="b")], larger)
    texts = StoreMeta(kind="text", task="regression", modality="text")
    rows = rows_of([NewInput(text="some words", target=2.5)], texts)
    assert rows.inputs == ["some words"]
    assert rows.labels.tolist() == [2.5]
    with pytest.raises(InputInvalid, match="target"):
        rows_of([NewInput(text="some words")], texts)


def test_the_page_of_an_example_shows_both_sides(api: TestClient, run: dict[str, Any]) -> None:
    browse = signed_in(api)
    scan = scanned(api, run, evidence=True)["id"]
    page = browse.get(f"/projects/lab/scans/{scan}/examples/0")
    assert "Look for it" in page.text
    full = browse.get(f"/projects/lab/scans/{scan}/examples/0", params={"evidence": "1"}).text
    assert "Opponents" in full
    assert "Proponents" in full
    opponents = get(api, f"/scans/{scan}/scores/0/evidence", k=8)["opponents"]
    for each in opponents:
        assert f"/scans/{scan}/examples/{each['position']}" in full
    without = scanned(api, run)["id"]
    assert 'id="evidence"' not in browse.get(f"/projects/lab/scans/{without}/examples/0").text
