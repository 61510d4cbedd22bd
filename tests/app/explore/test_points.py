"""A scan's examples as points, and those of a region: through the API."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.app.reviews.world import Person, add_world, get, make_queue, sql
from tests.support import LAB, make_key

N = 60
AXES = {"x": "margin", "y": "loss"}


@pytest.fixture
def scan(api: TestClient) -> str:
    """In it margin is the rank, loss ten over the rank; the last four have no scores."""
    return str(add_world("lab", N, missing=4).scan_id)


def region(api: TestClient, scan: str, **body: Any) -> Any:
    answer = api.post(f"{LAB}/scans/{scan}/region", params={"limit": 1000}, json=AXES | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ranks(found: Any) -> list[int]:
    assert found["count"] == len(found["items"])
    return [item["rank"] for item in found["items"]]


def test_every_example_with_both_scores_is_a_point(api: TestClient, scan: str) -> None:
    found = get(api, f"/scans/{scan}/points", **AXES, y_scale="log")
    known = sql(
        "SELECT position, margin, loss, rank <= 6, given_label FROM scores"
        " WHERE scan_id = :scan AND rank IS NOT NULL ORDER BY rank DESC",
        scan=scan,
    )
    columns = ("positions", "xs", "ys", "flagged", "given")
    points = list(zip(*(found[name] for name in columns), strict=True))
    assert points == [(p, m, pytest.approx(loss, rel=1e-5), f, g) for p, m, loss, f, g in known]
    assert (found["example_count"], found["placeless"]) == (N - 4, 4)
    assert found["x_range"] == [known[-1][1], known[0][1]]
    assert found["density"] is None
    few = get(api, f"/scans/{scan}/points", **AXES, given="cat", flagged=True)
    assert few["positions"] == [row[0] for row in known if row[3] and row[4] == 2]


def test_scores_that_hardly_differ_are_told_apart(api: TestClient, scan: str) -> None:
    sql("UPDATE scores SET loss = 1e9 + rank / 64.0 WHERE rank IS NOT NULL")
    found = get(api, f"/scans/{scan}/points", **AXES)
    assert len(set(found["ys"])) == N - 4


def test_too_many_points_become_a_density_below_the_most_suspicious(
    api: TestClient, scan: str
) -> None:
    whole = get(api, f"/scans/{scan}/points", **AXES)
    found = get(api, f"/scans/{scan}/points", **AXES, most=10)
    assert found["positions"] == whole["positions"][-10:]
    assert found["example_count"] == sum(found["density"]["counts"]) == N - 4
    size = found["density"]["columns"] * found["density"]["rows"]
    assert len(found["density"]["counts"]) == size


def test_points_tell_what_became_of_them_in_a_queue(api: TestClient) -> None:
    queue, made = make_queue(api, 20, policy={"kind": "top_k", "k": 5})
    ada = Person(api)
    first = ada.work(queue)
    second = ada.work(queue, "unusable")
    answer = api.get(f"{LAB}/scans/{made.scan_id}/points", params=AXES | {"queue_id": queue}).json()
    told = dict(zip(answer["positions"], answer["outcomes"], strict=True))
    assert told.pop(first["position"]) == "right"
    assert told.pop(second["position"]) == "unusable"
    assert sorted(told.values(), key=str) == [None] * 15 + ["open"] * 3
    other = str(add_world("lab", 5).scan_id)
    for scan, named, status in ((other, queue, 409), (other, other, 404)):
        refused = api.get(f"{LAB}/scans/{scan}/points", params=AXES | {"queue_id": named})
        assert refused.status_code == status, refused.text
        assert refused.json()["errors"][0]["field"] == "queue_id"


def test_a_region_holds_what_lies_in_its_ranges_and_shapes(api: TestClient, scan: str) -> None:
    at = dict(sql("SELECT rank, position FROM scores WHERE scan_id = :s AND rank > 0", s=scan))
    known = set(at)
    assert set(ranks(region(api, scan))) == known
    assert ranks(region(api, scan, x_from=5, x_to=9)) == sorted(known & set(range(5, 10)))
    # Between rank 10 and 20: in halves of the loss, a slope that is straight on no linear scale.
    slope = [[9.5, 10 / 9], [20.5, 10 / 19], [20.5, 1e-3], [9.5, 1e-3]]
    assert ranks(region(api, scan, polygons=[slope])) == sorted(known & set(range(10, 21)))
    box = [[29.5, 0.01], [31.5, 0.01], [31.5, 5], [29.5, 5]]
    both = region(api, scan, polygons=[slope, box], positions=[at[1]], y_scale="log")
    assert ranks(both) == sorted(known & {1, *range(10, 21), 30, 31})
    cut = region(api, scan, polygons=[slope, box], positions=[at[1]], x_to=30)
    assert ranks(cut) == sorted(known & {1, *range(10, 21), 30})


def test_the_edges_of_a_polygon_are_straight_as_its_scale_is_drawn(
    api: TestClient, scan: str
) -> None:
    """Loss is a hundredth of self-influence: below the chord where only one of them is drawn by
    its logarithm, and above it where neither is.
    """
    axes = {"x": "self_influence", "polygons": [[[10, 0.05], [1100, 10.5], [1100, 0.01]]]}
    assert region(api, scan, **axes, x_scale="log")["count"] == N - 4
    assert region(api, scan, **axes)["count"] == 0


def test_filters_and_pages_of_a_region_add_up(api: TestClient, scan: str) -> None:
    for body, where in (
        ({"given": "cat"}, "given_label = 2"),
        ({"suggested": "dog"}, "predicted_label = 3 AND given_label <> 3"),
        ({"flagged": False, "given": "bee"}, "rank > 6 AND given_label = 1"),
    ):
        expected = sql(
            f"SELECT rank FROM scores WHERE scan_id = :s AND rank > 0 AND {where} ORDER BY rank",
            s=scan,
        )
        assert ranks(region(api, scan, **body)) == [row[0] for row in expected], body
        assert expected
    seen, after = [], None
    while True:
        params = {"limit": 25} | ({"after": after} if after else {})
        page = api.post(f"{LAB}/scans/{scan}/region", params=params, json=AXES).json()
        seen += [item["rank"] for item in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == ranks(region(api, scan))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"x_from": 2, "x_to": 1}, "x_from"),
        ({"x_scale": "log"}, "x_scale"),
        ({"y": "given_target"}, "y"),
        ({"given": "unicorn"}, "given"),
        ({"y_scale": "log", "polygons": [[[1, 1], [2, 2], [3, 0]]]}, "polygons"),
        ({"polygons": [[[1, 1], [2, 2]]]}, "polygons.0"),
        ({"positions": [-1]}, "positions.0"),
        ({"x_from": "1"}, "x_from"),
    ],
    ids=str,
)
def test_a_region_that_is_none_names_the_field_and_the_remedy(
    api: TestClient, scan: str, body: dict[str, Any], field: str
) -> None:
    answer = api.post(f"{LAB}/scans/{scan}/region", json=AXES | body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert answer.json()["errors"][0]["remedy"]


def test_a_viewer_may_look_and_a_regression_has_axes_of_its_own(api: TestClient) -> None:
    scan = str(add_world("lab", 12, is_regression=True).scan_id)
    api.headers["Authorization"] = f"Bearer {make_key('lab', 'viewer')}"
    axes = {"x": "given_target", "y": "predicted_value"}
    found = get(api, f"/scans/{scan}/points", **axes)
    assert (found["example_count"], found["given"], found["classes"]) == (12, None, None)
    assert region(api, scan, **axes, x_to=0.35)["count"] == 4
    answer = api.get(f"{LAB}/scans/{scan}/points", params={"x": "margin", "y": "loss"})
    assert answer.json()["errors"][0]["field"] == "x"
