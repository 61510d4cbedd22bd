"""A scan's results with cleanlab's column names; cleanlab itself takes them where it is there."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

from benchmarks.review_world import add_world
from tests.app.exports.world import content, export, lines
from tests.support import get, make_dataset, make_run, post, run_scan


@pytest.fixture
def scan(api: TestClient, data_dir: Path) -> dict[str, Any]:
    dataset = make_dataset(api, data_dir, 60)
    made = post(api, "/scans", {"run_id": make_run(api, data_dir, dataset)["id"]})
    run_scan(made["id"])
    return made | {"dataset": dataset}


def test_a_row_for_each_example_in_order(api: TestClient, scan: dict[str, Any]) -> None:
    made = export(api, scan["dataset"], "cleanlab", format="jsonl", scan_id=scan["id"])
    rows = lines(api, made)
    scores = get(api, f"/scans/{scan['id']}/scores", order="position", limit=100)["items"]
    classes = scan["dataset"]["classes"]
    assert [row["key"] for row in rows] == [each["key"] for each in scores]
    for row, score in zip(rows, scores, strict=True):
        assert row["is_label_issue"] is score["flagged"]
        assert row["label_quality"] == pytest.approx(1 - score["suspicion"])
        assert classes[row["given_label"]] == score["given_label"]
        assert classes[row["predicted_label"]] == score["predicted_label"]
    assert (made["card"]["scan_id"], made["card"]["counts"]) == (scan["id"], None)
    assert "cleanlab" in made["card"]["notes"][0].lower()
    as_csv = content(
        api, export(api, scan["dataset"], "cleanlab", format="csv", scan_id=scan["id"])
    )
    assert as_csv.splitlines()[0] == b"key,is_label_issue,label_quality,given_label,predicted_label"
    assert len(as_csv.splitlines()) == 61


def test_what_does_not_go_together_is_refused(api: TestClient, scan: dict[str, Any]) -> None:
    asked = {"dataset_id": scan["dataset"]["id"], "kind": "cleanlab", "format": "csv"}
    other = str(add_world("lab", 10).scan_id)
    answer = post(api, "/exports", asked | {"scan_id": other}, status=409)
    assert answer["errors"][0]["field"] == "scan_id"
    post(api, "/exports", asked, status=422)
    post(api, "/exports", asked | {"scan_id": scan["id"], "format": None}, status=422)
    post(api, "/exports", asked | {"scan_id": scan["id"], "kind": "patch"}, status=422)


def test_cleanlab_trains_without_what_was_flagged(api: TestClient, scan: dict[str, Any]) -> None:
    classification = pytest.importorskip("cleanlab.classification")
    linear_model = pytest.importorskip("sklearn.linear_model")
    asked = {"format": "parquet", "scan_id": scan["id"]}
    data = content(api, export(api, scan["dataset"], "cleanlab", **asked))
    issues = parquet.read_table(io.BytesIO(data)).to_pandas()
    arrays = np.load(scan["dataset"]["uri"].removeprefix("file://"))
    learner = classification.CleanLearning(linear_model.LogisticRegression(max_iter=500))
    learner.fit(arrays["x"], arrays["y"], label_issues=issues.drop(columns="key"))
    kept = learner.get_label_issues()
    np.testing.assert_array_equal(kept["is_label_issue"], issues["is_label_issue"])
    own = classification.CleanLearning(linear_model.LogisticRegression(max_iter=500))
    assert list(own.find_label_issues(arrays["x"], arrays["y"]).columns) == [*issues.columns[1:]]
