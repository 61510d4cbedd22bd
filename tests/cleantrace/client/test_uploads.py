"""Sending data through the client, on good lines and bad ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cleantrace import Client
from cleantrace.client import Upload, errors
from cleantrace.client.sources import write_source
from tests.cleantrace.client.front import Front, hang_up, lose_answer, pass_on, unavailable
from tests.support import blobs, index, save_blobs
from workers.uploads import run_assembling


def assemble(seen: Upload) -> None:
    """A worker, as soon as there is something to do."""
    if seen.status == "queued":
        run_assembling(UUID(seen.id))


def test_arrays_are_sent_and_registered(client: Client) -> None:
    made = client.upload_dataset(
        "blobs", "1", blobs(60), task="classification", input="x", label="y", key="id",
        progress=assemble,
    )  # fmt: skip
    index(made.id)
    ready = client.wait_for_dataset(made)
    assert (ready.example_count, ready.format) == (60, "npz")
    assert ready.uri.startswith("upload://")


def _frame() -> pd.DataFrame:
    arrays = blobs(30)
    columns = {f"x{i}": arrays["x"][:, i] for i in range(4)}
    return pd.DataFrame(columns | {"label": [f"c{y}" for y in arrays["y"]], "id": arrays["id"]})


@pytest.mark.parametrize("of", [lambda frame: frame, pa.Table.from_pandas], ids=["pandas", "arrow"])
def test_tables_are_sent_and_registered(client: Client, of: Callable[[Any], Any]) -> None:
    made = client.upload_dataset(
        "table", "1", of(_frame()), task="classification", input=["x0", "x1", "x2", "x3"],
        label="label", key="id", progress=assemble,
    )  # fmt: skip
    index(made.id)
    assert client.wait_for_dataset(made).classes == ["c0", "c1", "c2"]


def test_what_is_no_data_is_said(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"builtins\.int"):
        write_source(5, tmp_path)
    with pytest.raises(ValueError, match="tells no format"):
        write_source("weights.bin", tmp_path)
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    assert write_source(tmp_path / "a.npz", tmp_path) == (tmp_path / "a.npz", "npz")
    assert write_source("~/x.csv.gz", tmp_path)[1] == "csv"


def test_a_bad_line_costs_time_and_nothing_else(front: Front, key: str, tmp_path: Path) -> None:
    file = tmp_path / "large.bin"
    file.write_bytes(np.random.default_rng(0).bytes(20 * 1024 * 1024))
    front.faults = [hang_up, pass_on, unavailable(503), lose_answer, pass_on, lose_answer, hang_up]
    with Client(front.url, key, "lab") as client:
        sent = client.upload(file, progress=assemble)
    assert (sent.status, sent.part_count) == ("done", 3)
    assert not front.faults


def test_a_file_that_changes_meanwhile_is_refused(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "data.npz"
    save_blobs(tmp_path, 30).rename(file)

    def change(seen: Upload) -> None:
        if seen.status == "receiving" and seen.received == 0:
            file.write_bytes(file.read_bytes()[::-1])
        assemble(seen)

    with pytest.raises(errors.UploadFailed, match="changed while it was sent"):
        client.upload(file, progress=change)
