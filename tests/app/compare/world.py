"""Steps that tests of comparisons share: versions of a data set as tables of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from fastapi.testclient import TestClient

from tests.app.exports.world import export, ready, register
from tests.support import get

Rows = dict[str, tuple[str, Any]]
"""Text and label of each key, in order."""


def version(
    api: TestClient, folder: Path, rows: Rows, name: str, number: str, **changes: Any
) -> dict[str, Any]:
    path = folder / f"{uuid4()}.csv"
    lines = "".join(f"{key},{text},{label}\n" for key, (text, label) in rows.items())
    path.write_text("id,text,label\n" + lines)
    return register(api, path, "csv", name=name, version=number, **changes)


def plain_rows(n: int, labels: str = "abc") -> Rows:
    return {f"k{i}": (f"text {i}", labels[i % len(labels)]) for i in range(n)}


def corrected(api: TestClient, dataset: dict[str, Any], number: str) -> dict[str, Any]:
    """The next version, by an export of what was decided so far."""
    made = export(api, dataset, "dataset", register_as=number)
    return ready(api, made["card"]["registered_id"])


def changed(api: TestClient, dataset: dict[str, Any], limit: int = 1000, **query: Any) -> Any:
    """All changed examples, page by page."""
    found, after = [], None
    while True:
        page = get(
            api,
            f"/datasets/{dataset['id']}/changes/examples",
            limit=limit,
            **query | ({} if after is None else {"after": after}),
        )
        found += page["items"]
        after = page["next"]
        assert len(page["items"]) == limit or after is None
        if after is None:
            return found


def scores(api: TestClient, scan: UUID | str) -> dict[str, dict[str, Any]]:
    """By key."""
    found = get(api, f"/scans/{scan}/scores", order="position", limit=1000)["items"]
    return {each["key"]: each for each in found}
