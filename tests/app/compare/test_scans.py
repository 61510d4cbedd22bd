"""Two scans side by side, against what the API tells of each alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from fastapi.testclient import TestClient
from scipy.stats import spearmanr

from benchmarks.review_world import add_scan, add_world
from tests.app.compare.world import corrected, plain_rows, scores, version
from tests.app.exports.world import review
from tests.support import LAB, get


def compare(api: TestClient, scan: Any, before: Any, **query: Any) -> Any:
    return get(api, f"/scans/{scan}/comparison", **{"with": str(before)} | query)


def flags(api: TestClient, scan: Any, before: Any, fate: str, limit: int = 4) -> list[Any]:
    found, query = [], {"with": str(before), "fate": fate, "limit": limit}
    while True:
        page = get(api, f"/scans/{scan}/comparison/flags", **query)
        found += page["items"]
        if page["next"] is None:
            return found
        query["after"] = page["next"]


def check(api: TestClient, scan: Any, before: Any) -> Any:
    """All that is told must follow from the scores of either scan."""
    told = compare(api, scan, before, most=10)
    now, was = scores(api, scan), scores(api, before)
    flagged = {key for key, each in now.items() if each["flagged"]}
    flagged_was = {key for key, each in was.items() if each["flagged"]}
    fates = {
        "gone": flagged_was - flagged,
        "kept": flagged & flagged_was,
        "new": flagged - flagged_was,
    }
    for fate, keys in fates.items():
        assert told["flags"][fate] == len(keys)
        listed = flags(api, scan, before, fate)
        assert {each["key"] for each in listed} == keys
        ranks = [each["rank_before" if fate == "gone" else "rank"] for each in listed]
        assert ranks == sorted(ranks)
        for each in listed:
            require_same(each, now.get(each["key"]), was.get(each["key"]))
    both = now.keys() & was.keys()
    assert told["in_both"] == len(both)
    assert (told["added"], told["removed"]) == (len(now) - len(both), len(was) - len(both))
    assert told["flags"]["gone_removed"] == len(fates["gone"] - both)
    assert told["flags"]["new_added"] == len(fates["new"] - both)
    pairs = [(now[key]["rank"], was[key]["rank"]) for key in both]
    ranked = [pair for pair in pairs if None not in pair]
    assert told["rank_correlation"] == pytest.approx(spearmanr(*zip(*ranked, strict=True))[0])
    moves = {
        key: abs(now[key]["suspicion"] - was[key]["suspicion"])
        for key in both
        if None not in (now[key]["suspicion"], was[key]["suspicion"])
    }
    largest = sorted((each for each in moves.values() if each), reverse=True)[:10]
    assert [moves[each["key"]] for each in told["moved"]] == pytest.approx(largest)
    relabelled = {key for key in both if now[key]["given_label"] != was[key]["given_label"]}
    corrected = told["corrected"]
    assert corrected["examples"] == len(relabelled)
    assert corrected["flagged_before"] == len(relabelled & flagged_was)
    assert corrected["no_longer_flagged"] == len(relabelled & fates["gone"])
    assert corrected["still_flagged"] == len(relabelled & fates["kept"])
    assert corrected["newly_flagged"] == len(relabelled & fates["new"])
    drawn = told["distribution"]
    for counts, quantiles, rows in (
        (drawn["counts_before"], drawn["before"], was),
        (drawn["counts"], drawn["now"], now),
    ):
        values = [each[drawn["score"]] for each in rows.values()]
        values = [value for value in values if value is not None]
        assert counts == np.histogram(values, drawn["edges"])[0].tolist()
        assert sum(counts) == len(values)
        assert quantiles["p90"] == pytest.approx(np.quantile(values, 0.9))
    return told


def require_same(each: dict[str, Any], now: Any, was: Any) -> None:
    for score, suffix in ((now, ""), (was, "_before")):
        for name, of in (("position", "position"), ("rank", "rank"), ("label", "given_label")):
            assert each[f"{name}{suffix}"] == (None if score is None else score[of])


def test_two_scans_of_one_dataset(api: TestClient) -> None:
    made = add_world("lab", 60)
    later = add_scan(made.dataset_id, 60, seed=5, missing=7)
    told = check(api, later, made.scan_id)
    assert told["corrected"]["examples"] == 0
    same = check(api, later, later)
    assert (same["rank_correlation"], same["moved"]) == (pytest.approx(1.0), [])
    assert (same["flags"]["gone"], same["flags"]["new"]) == (0, 0)


def test_scans_of_a_version_and_of_its_correction(api: TestClient, data_dir: Path) -> None:
    was = version(api, data_dir, plain_rows(60, "abcde"), str(uuid4()), "1")
    before = add_scan(UUID(was["id"]), 60)
    suspects = [each["position"] for each in scores(api, before).values() if each["flagged"]]
    decided: dict[int, Any] = dict.fromkeys(suspects[:3], "unusable")
    decided |= {p: "abcde"[(p + 1) % 5] for p in [*suspects[3:5], 8, 9, 11]}
    review(api, was, decided)
    now = corrected(api, was, "2")
    scan = add_scan(UUID(now["id"]), now["example_count"], seed=3)
    told = check(api, scan, before)
    assert told["corrected"]["examples"] == 5
    assert told["flags"]["gone_removed"] == 3
    assert told["before"]["dataset"]["version"] == "1"
    back = check(api, before, scan)
    assert back["flags"]["new_added"] == 3


def test_a_regression(api: TestClient) -> None:
    made = add_world("lab", 30, is_regression=True)
    later = add_scan(made.dataset_id, 30, seed=4)
    told = compare(api, later, made.scan_id)
    assert told["moved"][0]["target"] == told["moved"][0]["target_before"]
    other = add_world("lab", 30)
    answer = api.get(f"{LAB}/scans/{later}/comparison", params={"with": str(other.scan_id)})
    assert (answer.status_code, answer.json()["title"]) == (422, "Not comparable")


def test_a_scan_that_is_not_there_or_not_done(api: TestClient) -> None:
    made = add_world("lab", 10)
    url = f"{LAB}/scans/{made.scan_id}/comparison"
    assert api.get(url).json()["errors"][0]["field"] == "with"
    assert api.get(url, params={"with": str(uuid4())}).status_code == 404
