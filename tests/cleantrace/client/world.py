"""One of everything that a client can name, for tests that call all of its methods."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import text

from app.db import reading
from app.tables import metadata
from cleantrace import Client
from cleantrace.client import Dataset, Export, Queue, Run, Scan, Upload
from tests import support
from workers.exports.jobs import run_export
from workers.uploads import run_assembling

N = 30
COLUMNS = {"input": "x", "label": "y", "key": "id"}
POLICY = {"name": "release", "rules": [{"rule": "flags", "at_most": 5}]}
Call = Callable[[Client], Any]
_one_at_a_time = threading.Lock()


@dataclass
class World:
    """`make_queue` and the like make what one call may change, without the others' noticing."""

    client: Client
    key: str
    folder: Path
    dataset: Dataset
    run: Run
    scan: Scan
    reviewed: Queue
    export: Export
    gate_evaluation: str
    upload: Upload
    person: UUID
    _made: int = field(default=0)

    def number(self) -> int:
        with _one_at_a_time:
            self._made += 1
            return self._made

    def make_queue(self) -> Queue:
        return self.client.create_queue(f"queue {self.number()}", self.scan, {"kind": "filter"})

    def make_file(self) -> Path:
        path = self.folder / f"file-{self.number()}.npz"
        np.savez(path, **support.blobs(8, seed=self.number()))
        return path

    def make_failed_dataset(self) -> Dataset:
        made = register(self.client, f"broken {self.number()}", self.make_file(), input="pictures")
        support.index(made.id)
        return made

    def make_holes(self) -> Dataset:
        """A dataset of which a row could not be used."""
        arrays = support.blobs(8)
        arrays["x"][3, 0] = np.nan
        path = self.folder / f"holes-{self.number()}.npz"
        np.savez(path, **arrays)
        made = register(self.client, path.stem, path, on_bad_rows="skip")
        support.index(made.id)
        return made

    def make_pack(self) -> Path:
        made = self.client.create_export(self.dataset, "evidence")
        run_export(UUID(made.id))
        [path] = self.client.download_export(made, self.folder / f"pack-{self.number()}")
        return path

    def make_scan(self) -> Scan:
        return self.client.start_scan(self.run, fresh=True)


def register(client: Client, name: str, path: Path, **options: Any) -> Dataset:
    return client.register_dataset(
        name, "1", path, format="npz", task="classification", **(COLUMNS | options)
    )


def make_world(client: Client, key: str, folder: Path) -> World:
    dataset = register(client, "blobs", support.save_blobs(folder, N))
    support.index(dataset.id)
    dataset = client.get_dataset(dataset)
    run = client.register_run("linear", dataset, support.linear_spec())
    weights = support.save_weights(folder / "weights.safetensors")
    support.check(client.register_checkpoint(run, weights, step=1, eta=0.1).id)
    scan = client.start_scan(run, top_k=5, evidence=True)
    support.run_scan(scan.id)
    queue = client.create_queue("reviewed", scan, {"kind": "filter"}, audits=1)
    client.decide(queue, client.next_items(queue)[0], "unusable")
    export = client.create_export(dataset)
    run_export(UUID(export.id))
    checked = client.check_gate(POLICY, scan=scan)
    assert checked.id is not None
    client.store_gate(POLICY)
    upload = client.upload(weights, progress=assemble)
    return World(
        client=client,
        key=key,
        folder=folder,
        dataset=dataset,
        run=run,
        scan=scan,
        reviewed=queue,
        export=export,
        gate_evaluation=checked.id,
        upload=upload,
        person=support.make_person("lab"),
    )


def assemble(seen: Upload) -> None:
    """A worker, as soon as there is something to put together."""
    if seen.status == "queued":
        with _one_at_a_time:
            run_assembling(UUID(seen.id))


def rows() -> Counter[str]:
    """How many each table has."""
    counts = " UNION ALL ".join(
        f"SELECT '{table.name}', count(*) FROM {table.name}" for table in metadata.sorted_tables
    )
    with reading() as db:
        return Counter(dict(db.execute(text(counts)).all()))


def told(result: Any) -> Any:
    """What a call said, without what differs from one thing to the next."""
    if isinstance(result, list):
        return [told(each) for each in result]
    if isinstance(result, int):
        return result
    names = ("status", "verdict", "item_state", "kind", "closed_at")
    said = {name: getattr(result, name) for name in names if hasattr(result, name)}
    return type(result), said | {"closed_at": bool(said.get("closed_at"))}
