from pathlib import Path

import pytest
from PIL import Image

from app.locations import LocationNotAllowed, LocationNotFound
from tests.workers.data.support import Indexer, encoded, png
from workers.data import images
from workers.data.errors import (
    BadRowsFound,
    ClassesNotFound,
    ColumnNotFound,
    ColumnUnusable,
    DatasetEmpty,
    DatasetUnreadable,
    RejectedRow,
)

PETS = ["cat/1.png", "cat/2.png", "dog/a/1.png", "dog/b.PNG"]


def test_class_subfolders_give_labels_and_paths_are_keys(index: Indexer) -> None:
    result = index(index.images(PETS))
    assert (result.count, result.modality, result.classes) == (4, "image", ("cat", "dog"))
    rows = index.store().rows(0, 4)
    assert rows.keys == PETS
    assert rows.labels.tolist() == [0, 0, 1, 1]
    assert rows.inputs == [png(i) for i in range(4)]


def test_images_stay_where_they_are(index: Indexer) -> None:
    index(index.images([f"{c}/{i:03}.png" for c in "ab" for i in range(150)]))
    column = index.store()._reader.get_batch(0).column("input")
    assert set(column.type.names) == {"uri", "sha256"}
    assert index.store().row(299).inputs == [png(299)]


def test_other_and_hidden_files_are_passed_over(index: Indexer) -> None:
    folder = index.images([*PETS, ".cache/9.png", "dog/.9.png"])
    (index.root / folder / "cat" / "notes.txt").write_text("no image")
    assert index(folder).count == 4


def test_corrupt_images_are_named_and_the_rest_goes_on(index: Indexer) -> None:
    folder = index.images(PETS)
    (index.root / folder / "cat/2.png").write_bytes(b"no image at all")
    (index.root / folder / "dog/b.PNG").write_bytes(png()[:70])
    result = index(folder, on_bad_rows="skip")
    assert [(row.row, row.key) for row in result.rejected] == [(1, "cat/2.png"), (3, "dog/b.PNG")]
    assert result.rejected[0].reason == "'cat/2.png': not an image, or a corrupt one"
    assert "corrupt or truncated image" in result.rejected[1].reason
    assert index.store().rows(0, 2).keys == ["cat/1.png", "dog/a/1.png"]
    with pytest.raises(BadRowsFound, match=r"2 rows of 4.*cat/2\.png"):
        index(folder)


def test_image_that_would_fill_the_memory_is_rejected_before_it_is_decoded(
    index: Indexer, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = index.images(PETS)
    bomb = encoded(Image.new("1", (9000, 9000)))
    assert len(bomb) < 20_000
    (index.root / folder / "cat/1.png").write_bytes(bomb)
    monkeypatch.setattr(images, "MAX_PIXELS", 80_000_000)
    result = index(folder, on_bad_rows="skip")
    assert "more than 80 million pixels" in result.rejected[0].reason


def test_postscript_is_never_opened(index: Indexer) -> None:
    folder = index.images(PETS)
    (index.root / folder / "cat/1.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    )
    result = index(folder, on_bad_rows="skip")
    assert result.rejected[0].reason == "'cat/1.png': not an image, or a corrupt one"


@pytest.fixture
def outside(index: Indexer) -> Path:
    folder = index.root.parent / "outside"
    folder.mkdir()
    (folder / "secret.png").write_bytes(png(77))
    return folder


def test_links_that_lead_out_are_rejected_rows(index: Indexer, outside: Path) -> None:
    folder = index.root / index.images(PETS)
    (folder / "cat/link.png").symlink_to(outside / "secret.png")
    (folder / "cat/nowhere.png").symlink_to(outside / "missing.png")
    (folder / "zebra").symlink_to(outside)
    result = index("images", classes=["cat", "dog"], on_bad_rows="skip")
    reasons = {row.key: row.reason for row in result.rejected}
    assert reasons["cat/link.png"] == "'cat/link.png' leads out of the allowed roots"
    assert reasons["cat/nowhere.png"] == "'cat/nowhere.png' leads out of the allowed roots"
    assert "'zebra' leads out of the allowed roots" in reasons["zebra"]
    assert (result.count, result.rejected_count) == (4, 3)
    assert str(outside) not in str(reasons)


def test_image_beside_the_class_folders_has_no_label(index: Indexer) -> None:
    result = index(index.images([*PETS, "stray.png"]), on_bad_rows="skip")
    assert [(row.key, row.reason) for row in result.rejected] == [
        ("stray.png", "missing label in column 'label'")
    ]


def test_folder_of_no_given_class_is_rejected(index: Indexer) -> None:
    result = index(index.images(PETS), classes=["dog", "bird"], on_bad_rows="skip")
    assert [row.key for row in result.rejected] == ["cat/1.png", "cat/2.png"]
    assert result.class_counts == {"dog": 2, "bird": 0}


LABELS = {"label_file": "labels.csv", "input": "file", "label": "y", "key": "id"}


def test_label_file_gives_paths_labels_and_keys(index: Indexer) -> None:
    folder = index.images(["1.png", "sub/2.png", "3.png"])
    index.csv("id,file,y\nk1,3.png,b\nk2,sub/2.png,a\n", f"{folder}/labels.csv")
    result = index(folder, columns=LABELS)
    assert result.classes == ("a", "b")
    rows = index.store().rows(0, 2)
    assert rows.keys == ["k1", "k2"]
    assert rows.labels.tolist() == [1, 0]
    assert rows.inputs == [png(2), png(1)]


def test_label_file_has_default_columns_and_serves_regressions(index: Indexer) -> None:
    folder = index.images(["1.png", "2.png"])
    index.csv("path,label\n1.png,0.5\n2.png,-1\n", f"{folder}/labels.csv")
    index(folder, "regression", columns={"label_file": "labels.csv"})
    rows = index.store().rows(0, 2)
    assert rows.keys == ["1.png", "2.png"]
    assert rows.labels.tolist() == [0.5, -1.0]


def test_bad_lines_of_a_label_file_are_rejected_rows(index: Indexer, outside: Path) -> None:
    folder = index.images(["1.png", "2.png", "sub/3.png"])
    secret = outside / "secret.png"
    index.csv(
        "id,file,y\n"
        "k0,1.png,a\nk1,missing.png,b\nk2,../../outside/secret.png,a\n"
        f"k3,{secret},a\nk4,,b\nk5,sub,b\nk6,2.png,\nk7,2.png,b\nk7,sub/3.png,b\n",
        f"{folder}/labels.csv",
    )
    result = index(folder, columns=LABELS, on_bad_rows="skip")
    assert result.rejected == [
        RejectedRow(1, "k1", "'missing.png' is not there"),
        RejectedRow(2, "k2", "'../../outside/secret.png' leads out of the allowed roots"),
        RejectedRow(3, "k3", f"'{secret}' leads out of the allowed roots"),
        RejectedRow(4, "k4", "missing path"),
        RejectedRow(5, "k5", "'sub' is a folder"),
        RejectedRow(6, "k6", "missing label in column 'y'"),
        RejectedRow(8, "k7", "duplicate key 'k7'"),
    ]
    assert index.store().rows(0, 2).keys == ["k0", "k7"]


def test_label_file_that_is_missing_or_outside_or_lacks_a_column(
    index: Indexer, outside: Path
) -> None:
    folder = index.images(PETS)
    (outside / "labels.csv").write_text("path,label\n")
    index.csv("path,klass\ncat/1.png,cat\n", f"{folder}/labels.csv")
    with pytest.raises(LocationNotFound, match=r"other\.csv") as missing:
        index(folder, columns={"label_file": "other.csv"})
    assert missing.value.field == "columns.label_file"
    with pytest.raises(LocationNotAllowed) as refused:
        index(folder, columns={"label_file": "../../outside/labels.csv"})
    assert refused.value.field == "columns.label_file"
    with pytest.raises(ColumnNotFound, match="There are: path, klass"):
        index(folder, columns={"label_file": "labels.csv"})


def test_regression_needs_a_label_file(index: Indexer) -> None:
    with pytest.raises(ColumnUnusable, match="label file"):
        index(index.images(PETS), "regression")


def test_folders_without_use_are_errors(index: Indexer) -> None:
    (index.root / "empty").mkdir()
    (index.root / "file").write_text("x")
    with pytest.raises(DatasetEmpty):
        index("empty")
    with pytest.raises(DatasetUnreadable, match="not a folder"):
        index("file")
    with pytest.raises(ClassesNotFound, match="one class"):
        index(index.images(["train/1.png", "train/2.png"], "single"))
    with pytest.raises(DatasetUnreadable, match="modality text"):
        index("empty", modality="text")
