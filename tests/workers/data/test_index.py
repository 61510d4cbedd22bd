from typing import Any

import numpy as np
import pytest

from tests.workers.data.support import Indexer, png
from workers.data import IndexSpec, index_dataset
from workers.data.errors import BadRowsFound, FormatUnsupported

TABLE = {"input": ["a"], "label": "y"}


class TestFingerprint:
    """It stands for keys, labels and content, in order, and for nothing else."""

    BASE = "k,a,y\n1,0.5,x\n2,1.5,z\n3,2.5,x\n"

    def of(self, index: Indexer, text: str, **members: Any) -> str:
        columns = {"input": ["a"], "label": "y", "key": "k"}
        return index(index.csv(text), columns=columns, **members).fingerprint

    def test_same_data_gives_the_same_in_other_files_and_formats(self, index: Indexer) -> None:
        base = self.of(index, self.BASE)
        assert len(base) == 64
        assert self.of(index, self.BASE.replace("0.5", "5e-1") + "\n") == base
        name = index.parquet({"k": ["1", "2", "3"], "a": [0.5, 1.5, 2.5], "y": ["x", "z", "x"]})
        columns = {"input": ["a"], "label": "y", "key": "k"}
        assert index(name, columns=columns).fingerprint == base

    @pytest.mark.parametrize(
        "text",
        [
            "k,a,y\n1,0.5,x\n2,1.5,z\n3,2.5,z\n",
            "k,a,y\n1,0.5,x\n2,1.5,z\n4,2.5,x\n",
            "k,a,y\n1,0.5,x\n2,1.5,z\n3,2.6,x\n",
            "k,a,y\n2,1.5,z\n1,0.5,x\n3,2.5,x\n",
            "k,a,y\n1,0.5,x\n2,1.5,z\n",
            "k,a,y\n1,0.5,v\n2,1.5,z\n3,2.5,v\n",
        ],
    )
    def test_any_change_gives_another(self, index: Indexer, text: str) -> None:
        assert self.of(index, text) != self.of(index, self.BASE)

    def test_order_of_the_classes_counts(self, index: Indexer) -> None:
        first = self.of(index, self.BASE, classes=["x", "z"])
        assert first == self.of(index, self.BASE)
        assert first != self.of(index, self.BASE, classes=["z", "x"])

    def test_rejected_rows_do_not_count(self, index: Indexer) -> None:
        spoilt = self.BASE.replace("2,1.5", "9,?,x\n2,1.5")
        assert self.of(index, spoilt, on_bad_rows="skip") == self.of(index, self.BASE)

    def test_parts_a_file_is_read_in_do_not_count(self, index: Indexer) -> None:
        columns = {"a": np.arange(9000.0), "y": np.arange(9000) % 2}
        whole = index(index.parquet(columns), columns=TABLE).fingerprint
        parts = index.parquet(columns, row_group_size=777)
        assert index(parts, columns=TABLE).fingerprint == whole


def test_keys_from_content_do_not_depend_on_labels_and_number_repeats(index: Indexer) -> None:
    index(index.csv("a,y\n1,0\n2,1\n1,1\n1,0\n"), columns=TABLE)
    keys = index.store().rows(0, 4).keys
    assert keys[2:] == [f"{keys[0]}-2", f"{keys[0]}-3"]
    index(index.csv("a,y\n2,0\n1,1\n"), columns=TABLE)
    assert index.store().rows(0, 2).keys == [keys[1], keys[0]]


def test_keys_stay_unique_over_many_chunks(index: Indexer) -> None:
    columns = {"a": np.arange(20_000) % 7, "y": np.arange(20_000) % 2}
    index(index.parquet(columns), columns=TABLE)
    assert len(set(index.store().keys_and_labels(0, 20_000)[0])) == 20_000


def test_progress_is_told_from_start_to_end(index: Indexer) -> None:
    name = index.parquet({"a": np.arange(9000.0), "y": np.arange(9000) % 2})
    told: list[tuple[int, int | None]] = []
    spec = IndexSpec(str(index.root / name), "parquet", "classification", TABLE)
    index_dataset(
        spec,
        index.out,
        allowed_roots=[str(index.root)],
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert told[0] == (0, 9000)
    assert told[-1] == (9000, 9000)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_what_progress_raises_stops_the_work_and_leaves_no_store(index: Indexer) -> None:
    class LeaseLost(Exception):
        pass

    def stop(done: int, total: int | None) -> None:
        if done:
            raise LeaseLost

    name = index.csv("a,y\n1,0\n2,1\n")
    spec = IndexSpec(str(index.root / name), "csv", "classification", TABLE)
    with pytest.raises(LeaseLost):
        index_dataset(spec, index.out, allowed_roots=[str(index.root)], on_progress=stop)
    assert not index.out.exists()


def test_unknown_format_lists_the_known_ones(index: Indexer) -> None:
    with pytest.raises(FormatUnsupported) as caught:
        index(index.csv("a,y\n"), columns=TABLE, format="xlsx")
    assert caught.value.field == "format"
    assert "parquet, csv, npz, image_folder" in (caught.value.remedy or "")


def test_many_bad_rows_are_counted_and_the_first_thousand_listed(index: Indexer) -> None:
    name = index.csv("a,y\n" + "?,0\n" * 2500 + "1,0\n1,1\n")
    result = index(name, columns=TABLE, on_bad_rows="skip")
    assert result.rejected_count == 2500
    assert [row.row for row in result.rejected] == list(range(1000))
    with pytest.raises(BadRowsFound, match="2500 rows of 2502") as caught:
        index(name, columns=TABLE)
    assert len(caught.value.rejected) == 1000
    assert "rejected" not in caught.value.as_problem()


def test_store_says_what_it_holds(index: Indexer) -> None:
    index(
        index.parquet({"x": [png(0), png(1)], "y": ["b", "a"]}),
        columns={"input": "x", "label": "y"},
    )
    meta = index.store().meta
    assert (meta.kind, meta.task, meta.modality) == ("encoded_image", "classification", "image")
    assert (meta.input_names, meta.classes) == (("x",), ("a", "b"))
