"""Out to Label Studio and Argilla and back, by their own packages."""

from __future__ import annotations

import http.server
import importlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from cleantrace.annotations import AnnotationTool, read_annotations
from cleantrace.class_names import written_class
from tests.app.exports.test_annotators import HOSTILE, flags_of, scan_of, texts
from tests.app.exports.world import content, export, register
from tests.app.reviews import mixed
from tests.app.reviews.test_imports import counts
from tests.app.reviews.world import require_sound
from tests.support import get, post

WHEN = "2026-05-01T09:30:00Z"


@pytest.fixture
def scan(api: TestClient, data_dir: Path) -> dict[str, Any]:
    """Of a data set with hostile texts and classes; with its queue."""
    dataset = register(api, texts(data_dir, HOSTILE), "parquet", classes=HOSTILE)
    scan_id = scan_of(dataset)
    return {"dataset": dataset, "id": scan_id, "queue": mixed.queue_of(api, scan_id)}


def bring_back(
    api: TestClient, queue: str, tool: AnnotationTool, exported: str, **options: Any
) -> dict[str, Any]:
    found = read_annotations(exported.encode(), tool, **options)
    body = {"tool": tool, "annotations": [each.as_json() for each in found]}
    made: dict[str, Any] = post(api, f"/queues/{queue}/imports", body)
    require_sound(queue)
    return made


def decided(api: TestClient, queue: str) -> dict[str, tuple[str, str | None]]:
    items = get(api, f"/queues/{queue}/items")["items"]
    done = [item for item in items if item["outcome"]]
    return {item["key"]: (item["outcome"]["kind"], item["outcome"]["label"]) for item in done}


def expected(flags: list[dict[str, Any]], labels: list[str]) -> dict[str, tuple[str, str]]:
    found = {}
    for flag, label in zip(flags, labels, strict=True):
        kind = "right" if label == flag["given_label"] else "relabel"
        found[flag["key"]] = (kind, label)
    return found


def test_label_studio(api: TestClient, scan: dict[str, Any], tmp_path: Path) -> None:
    interfaces = importlib.import_module("label_studio_sdk.label_interface")
    converter = importlib.import_module("label_studio_sdk.converter")
    made = export(api, scan["dataset"], "label-studio", scan_id=scan["id"])
    config = content(api, made, 1).decode()
    interface = interfaces.LabelInterface(config)
    interface.validate()
    tasks = json.loads(content(api, made))
    labels = []
    for number, task in enumerate(tasks):
        assert interface.validate_task({"data": task["data"]})
        for prediction in task["predictions"]:
            assert interface.validate_prediction(prediction, return_errors=True) == []
        annotation = interface.generate_sample_annotation()
        [region] = annotation["result"]
        [written] = region["value"]["choices"]
        labels.append(next(name for name in HOSTILE if written == written_class(name)))
        said = {"id": number, "created_at": WHEN, "updated_at": WHEN, "lead_time": 2.0}
        task |= {"id": number, "annotations": [annotation | said | {"completed_by": 7}]}
    (tmp_path / "annotated.json").write_text(json.dumps(tasks))
    exported = {}
    for form in ("JSON", "JSON_MIN"):
        convert = converter.Converter(config, str(tmp_path), download_resources=False)
        convert.convert(str(tmp_path / "annotated.json"), str(tmp_path / form), form, is_dir=False)
        exported[form] = (tmp_path / form / "result.json").read_text()
    flags = flags_of(api, scan["id"])
    first = bring_back(api, scan["queue"], "label-studio", exported["JSON"])
    assert counts(first) == {"annotations": len(flags), "new": len(flags), "done": len(flags)}
    assert decided(api, scan["queue"]) == expected(flags, labels)
    again = bring_back(api, scan["queue"], "label-studio", exported["JSON_MIN"])
    assert counts(again) == {"annotations": len(flags), "unchanged": len(flags)}


class _Me(http.server.BaseHTTPRequestHandler):
    """Argilla's package asks a server who it is before it does anything, and nothing else here."""

    def do_GET(self) -> None:
        me = {"id": str(UUID(int=1)), "username": "owner", "first_name": "o", "role": "owner"}
        body = json.dumps(me | {"inserted_at": WHEN, "updated_at": WHEN}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def argilla() -> Iterator[Any]:
    package = importlib.import_module("argilla")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Me)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        package.Argilla(api_url=f"http://127.0.0.1:{server.server_port}", api_key="x")
        yield package
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("is_flat", [False, True])
def test_argilla(
    api: TestClient, scan: dict[str, Any], tmp_path: Path, argilla: Any, is_flat: bool
) -> None:
    from argilla.records._io import GenericIO, JsonIO

    made = export(api, scan["dataset"], "argilla", scan_id=scan["id"])
    for number, name in enumerate(("records.json", "settings.json")):
        (tmp_path / name).write_bytes(content(api, made, number))
    settings = argilla.Settings.from_json(tmp_path / "settings.json")
    settings.validate()
    options = settings.questions["label"].labels
    # What `dataset.records.from_json` reads a file with.
    records = JsonIO._records_from_json(tmp_path / "records.json")
    written = json.loads(content(api, made))
    assert [each.to_dict() for each in records] == [
        each | {"status": "pending"} for each in written
    ]
    ada, ben = uuid4(), uuid4()
    for number, record in enumerate(records):
        assert record.fields.keys() <= {field.name for field in settings.fields}
        assert record.metadata.keys() == {each.name for each in settings.metadata}
        assert all(each.value in options for each in record.suggestions)
        said = {"value": options[number % 5], "status": "submitted", "user_id": ada}
        record.responses.add(argilla.Response("label", **said))
        draft = said | {"status": "draft", "user_id": ben}
        if is_flat:
            record.responses.add(argilla.Response("label", **draft))
    exported = json.dumps(GenericIO.to_list(records, flatten=is_flat))
    flags = flags_of(api, scan["id"])
    brought = bring_back(api, scan["queue"], "argilla", exported, names={str(ada): "Ada"})
    assert counts(brought) == {"annotations": len(flags), "new": len(flags), "done": len(flags)}
    assert [each["name"] for each in brought["annotators"]] == ["Ada"]
    labels = [HOSTILE[number % 5] for number in range(len(flags))]
    assert decided(api, scan["queue"]) == expected(flags, labels)
    again = bring_back(api, scan["queue"], "argilla", exported, names={str(ada): "Ada"})
    assert counts(again) == {"annotations": len(flags), "unchanged": len(flags)}
