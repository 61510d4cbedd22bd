"""Tasks out and annotations back through the client and the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from benchmarks.review_world import add_world
from cleantrace import Client
from cleantrace.annotations import Annotation
from cleantrace.client import queues
from cleantrace.client.room_errors import AnnotationsInvalid, ImportUndone
from tests.cleantrace.client.shell import Shell


@pytest.fixture
def queue(client: Client) -> str:
    made = add_world("lab", 20)
    return client.create_queue(str(uuid4()), made.scan_id, {"kind": "filter"}).id


def said(key: int, label: str) -> Annotation:
    return Annotation(f"key-{key}", "ada", "relabel", label)


def test_annotations_become_verdicts(
    client: Client, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "_MOST_ANNOTATIONS", 2)
    few = [said(0, "bee"), said(1, "bee"), said(2, "bee")]
    assert [each.new for each in client.preview_import(queue, "prodigy", few)] == [2, 1]
    with pytest.raises(AnnotationsInvalid) as raised:
        client.import_annotations(queue, "prodigy", [*few, said(3, "wasp")])
    assert raised.value.errors[0].field == "annotations.1.label"
    assert client.get_queue(queue).done == 0
    made = client.import_annotations(queue, "prodigy", few)
    assert [each.new for each in made] == [2, 1]
    assert client.get_queue(queue).done == 3
    assert [each.id for each in client.imports(queue)] == [each.id for each in reversed(made)]
    assert [each.id for each in client.import_annotations(queue, "prodigy", few)] == [None, None]
    assert client.undo_import(queue, made[0]).undone_at is not None
    with pytest.raises(ImportUndone):
        client.undo_import(queue, made[0])


def entry(key: str, label: str) -> dict[str, Any]:
    return {"key": key, "label": label, "annotator": "ada", "updated_at": "2026-01-01"}


def test_a_file_from_the_command_line(
    client: Client, shell: Shell, queue: str, tmp_path: Path
) -> None:
    file = tmp_path / "annotated.json"
    file.write_text(json.dumps([entry("key-0", "bee"), entry("key-1\x1b[2J", "bee")]))
    asked = ("queues", "import", queue, str(file), "--format", "label-studio")
    dry = shell(*asked, "--dry-run")
    assert dry.stdout == ""
    assert "1 new, 1 invalid" in dry.stderr
    assert "\x1b" not in dry.stderr
    assert client.get_queue(queue).done == 0
    shell(*asked, status=2)
    made = shell(*asked, "--leave-out-invalid", "--name", "ada=Ada")
    assert UUID(made.stdout.strip())
    assert client.get_queue(queue).done == 1
    file.write_text("no")
    assert "not JSON" in shell(*asked, status=2).stderr
