"""Lists as tables, and as they are iterated."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from benchmarks.review_world import add_world
from cleantrace import AsyncClient, Client
from cleantrace.client.errors import PackageMissing, ServiceError
from tests.cleantrace.client.front import Front, pass_on, unavailable

N = 230


@pytest.fixture
def scan(key: str) -> str:
    return str(add_world("lab", N, missing=3).scan_id)


def _rows(table: Any) -> list[dict[str, Any]]:
    """In plain Python, with None for whatever is missing."""
    if hasattr(table, "to_pylist"):
        return table.to_pylist()
    if hasattr(table, "to_dicts"):
        return table.to_dicts()
    rows = json.loads(table.to_json(orient="records", double_precision=15))
    return [dict(row) for row in rows]


def _columns(table: Any) -> list[str]:
    return list(getattr(table, "column_names", None) or table.columns)


@pytest.mark.parametrize("kind", ["pandas", "arrow", "polars"])
def test_a_table_has_all_pages_and_the_records_attributes(
    client: Client, scan: str, kind: str
) -> None:
    scores = [each.to_json() for each in client.scores(scan, order="position")]
    table = getattr(client.scores(scan, order="position", page_size=50), f"to_{kind}")()
    assert _columns(table) == list(scores[0])
    # pandas writes 15 digits, which is all but the last.
    assert [
        {
            name: pytest.approx(value) if isinstance(value, float) else value
            for name, value in row.items()
        }
        for row in scores
    ] == _rows(table)
    assert scores[-1]["rank"] is None


@pytest.mark.parametrize("kind", ["pandas", "arrow", "polars"])
def test_kinds_of_columns_do_not_depend_on_what_is_in_them(
    client: Client, scan: str, kind: str
) -> None:
    def kinds(table: Any) -> list[str]:
        return [str(each) for each in getattr(table, "dtypes", None) or table.schema.types]

    def as_table(pages: Any) -> Any:
        return getattr(pages, f"to_{kind}")()

    if kind == "pandas":  # to which a column without any text is one of objects
        kinds = lambda table: [str(table[name].dtype) for name in ("rank", "loss", "finite")]  # noqa: E731
    whole = kinds(as_table(client.scores(scan)))
    assert kinds(as_table(client.scores(scan, finite=False, order="position"))) == whole
    nothing = as_table(client.scores(scan, predicted="ant", label="bee"))
    assert kinds(nothing) == whole
    assert len(_rows(nothing)) == 0


def test_objects_and_times_are_kept(client: Client, scan: str) -> None:
    client.create_queue("first", scan, {"kind": "top_k", "k": 10})
    [queue] = client.queues()
    [row] = client.queues().to_arrow().to_pylist()
    assert json.loads(row["policy"]) == queue.policy
    assert row["created_at"] == queue.created_at
    assert row["reviewers"] == []
    frame = client.queues().to_pandas()
    assert frame["policy"][0] == queue.policy
    assert frame["created_at"][0] == queue.created_at
    assert client.queues().to_polars()["created_at"][0] == queue.created_at


def test_a_table_has_what_was_not_iterated_yet(client: Client, scan: str) -> None:
    pages = client.scores(scan, page_size=50)
    seen = [next(pages).position for _ in range(60)]
    rest = pages.to_arrow()["position"].to_pylist()
    assert seen + rest == [each.position for each in client.scores(scan)]
    assert next(pages, None) is None


@pytest.mark.parametrize("iterated", [0, 60])
def test_a_table_that_broke_off_is_whole_when_asked_for_again(
    scan: str, front: Front, key: str, iterated: int
) -> None:
    with Client(front.url, key, "lab", tries=1) as client:
        pages = client.scores(scan, page_size=50)
        seen = [next(pages).position for _ in range(iterated)]
        front.faults = [pass_on, unavailable(502)]
        with pytest.raises(ServiceError):
            pages.to_arrow()
        rest = pages.to_arrow()["position"].to_pylist()
        assert seen + rest == [each.position for each in client.scores(scan)]


def test_what_is_missing_is_named(
    client: Client, scan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "polars", None)  # as Python sees what is not installed
    with pytest.raises(PackageMissing, match="pip install polars"):
        client.scores(scan).to_polars()


def test_tables_are_awaited_too(client: Client, scan: str, api_url: str, key: str) -> None:
    async def job() -> tuple[Any, list[int | None]]:
        async with AsyncClient(api_url, key, "lab") as other:
            table = await other.scores(scan, page_size=50).to_arrow()
            return table, [each.rank async for each in other.scores(scan)]

    table, ranks = asyncio.run(job())
    assert table["rank"].to_pylist() == ranks
    assert len(ranks) == N - 3
