import uuid
from pathlib import Path

import fsspec
import pytest

from app.artifacts import ArtifactNameInvalid, ArtifactNotFound, ArtifactStore


@pytest.fixture(params=["local", "file-url", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    root = {
        "local": str(tmp_path / "store"),
        "file-url": f"file://{tmp_path}/store",
        "memory": f"memory://{uuid.uuid4()}/store",
    }[request.param]
    return ArtifactStore(root, cache_dir=tmp_path / "cache")


def test_what_is_written_can_be_read_until_it_is_deleted(store: ArtifactStore) -> None:
    name = store.write_bytes("scans/1/part-0.arrow", b"data")
    assert name == "scans/1/part-0.arrow"
    assert store.exists(name)
    assert store.read_bytes(name) == b"data"
    assert store.size(name) == 4
    assert store.local_path(name).read_bytes() == b"data"
    assert store.local_path(name).suffix == ".arrow"
    store.delete(name)
    store.delete(name)
    assert not store.exists(name)


def test_missing_artifact_is_a_typed_error(store: ArtifactStore) -> None:
    for look in (store.read_bytes, store.local_path, store.size):
        with pytest.raises(ArtifactNotFound, match="missing"):
            look("missing")
    assert not store.exists("missing")


def test_writer_shows_the_artifact_only_when_whole(store: ArtifactStore) -> None:
    with store.writer("a/b.npy") as path:
        path.write_bytes(b"half")
        assert path.suffix == ".npy"
        assert not store.exists("a/b.npy")
    assert store.read_bytes("a/b.npy") == b"half"


def test_failed_writer_leaves_nothing_and_keeps_what_was_there(
    store: ArtifactStore, tmp_path: Path
) -> None:
    store.write_bytes("a/b", b"old")
    paths = []

    def fail() -> None:
        with store.writer("a/b") as path:
            paths.append(path)
            path.write_bytes(b"new")
            raise RuntimeError("worker died")

    with pytest.raises(RuntimeError, match="worker died"):
        fail()
    assert store.read_bytes("a/b") == b"old"
    assert not paths[0].exists()
    local = tmp_path / "store"
    if local.exists():
        assert [p.name for p in local.rglob("*") if p.is_file()] == ["b"]


def test_rewritten_remote_artifact_is_fetched_anew(store: ArtifactStore) -> None:
    store.write_bytes("a", b"first")
    assert store.local_path("a").read_bytes() == b"first"
    store.write_bytes("a", b"second, and longer")
    assert store.local_path("a").read_bytes() == b"second, and longer"


def test_remote_download_is_kept(tmp_path: Path) -> None:
    store = ArtifactStore(f"memory://{uuid.uuid4()}", cache_dir=tmp_path)
    store.write_bytes("a", b"data")
    assert store.local_path("a") == store.local_path("a")
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 1


def test_local_path_of_a_local_store_is_the_file_itself(tmp_path: Path) -> None:
    store = ArtifactStore(str(tmp_path))
    store.write_bytes("x/y.bin", b"1")
    assert store.local_path("x/y.bin") == tmp_path / "x" / "y.bin"


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../a", "a/../b", "a//b", "a/", ".hidden", "a\0", "a b", "é", "a\n"]
)
def test_names_that_are_no_plain_relative_paths_are_refused(
    store: ArtifactStore, name: str
) -> None:
    with pytest.raises(ArtifactNameInvalid):
        store.write_bytes(name, b"")


def test_memory_store_lies_where_its_url_says() -> None:
    base = f"memory://{uuid.uuid4()}/p"
    ArtifactStore(base).write_bytes("n", b"1")
    with fsspec.open(f"{base}/n") as file:
        assert file.read() == b"1"


def test_files_below_a_folder_have_names_and_ages(store: ArtifactStore) -> None:
    assert store.files("a") == []
    store.write_bytes("a/b.npy", b"one")
    store.write_bytes("a/c/d.npy", b"two")
    store.write_bytes("ab/e.npy", b"beside")
    files = store.files("a")
    assert sorted(file.name for file in files) == ["a/b.npy", "a/c/d.npy"]
    ages = [store.age_s(file) for file in files]
    assert all(age is not None and -1 < age < 60 for age in ages)
    store.remove(files[0])
    store.remove(files[0])
    assert store.age_s(files[0]) is None
    assert store.files("a") == files[1:]
    assert store.files("ab")[0].name == "ab/e.npy"
