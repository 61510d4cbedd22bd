import os
from pathlib import Path

import fsspec
import pytest

from app.locations import (
    Location,
    LocationNotAllowed,
    LocationNotFound,
    open_location,
    resolve_location,
    walk_files,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "allowed"
    root.mkdir()
    (root / "a.csv").write_text("inside")
    (tmp_path / "secret.csv").write_text("outside")
    return root


def resolve(uri: object, root: object) -> Location:
    return resolve_location(str(uri), [str(root)])


@pytest.mark.parametrize("form", ["{}", "file://{}", "FILE://{}", "file://localhost{}"])
def test_paths_and_file_urls_inside_a_root_are_taken(root: Path, form: str) -> None:
    location = resolve(form.format(root / "a.csv"), root)
    assert location.local_path == root / "a.csv"
    assert location.uri == f"file://{root}/a.csv"
    with location.open() as file:
        assert file.read() == b"inside"


def test_canonical_uri_resolves_to_the_same_location_again(root: Path) -> None:
    odd = root / "50% of #1 ü?.csv"
    odd.write_text("odd")
    location = resolve(odd, root)
    assert resolve(location.uri, root) == location
    with open_location(location.uri, [str(root)]) as file:
        assert file.read() == b"odd"


@pytest.mark.parametrize(
    "uri",
    [
        "{root}/../secret.csv",
        "{root}/missing/../../secret.csv",
        "file://{root}/../secret.csv",
        "file://{root}/%2e%2e/secret.csv",
        "file://{root}/..%2Fsecret.csv",
        "{root}-sibling/a.csv",
        "/etc/passwd",
        "/",
        "relative/a.csv",
        "~/a.csv",
        "file://relative/a.csv",
        "file://elsewhere{root}/a.csv",
        "",
        "  ",
        "{root}/a.csv\0.png",
        "file://{root}/a.csv%00",
        "zip://a.csv::file://{root}/x.zip",
        "s3://bucket/a.csv",
        "memory://allowed/a.csv",
        "http://169.254.169.254/latest",
    ],
)
def test_everything_else_is_refused_naming_field_and_remedy(root: Path, uri: str) -> None:
    with pytest.raises(LocationNotAllowed) as caught:
        resolve_location(uri.format(root=root), [str(root)], field="checkpoint.uri")
    problem = caught.value.as_problem()
    assert problem["status"] == 422
    assert problem["errors"][0]["field"] == "checkpoint.uri"
    assert problem["remedy"]


def test_symlink_out_of_the_root_is_refused_without_telling_its_target(root: Path) -> None:
    (root / "link.csv").symlink_to(root.parent / "secret.csv")
    (root / "folder").symlink_to(root.parent)
    for name in ("link.csv", "folder/secret.csv"):
        with pytest.raises(LocationNotAllowed) as caught:
            resolve(root / name, root)
        assert str(root.parent / "secret.csv") not in str(caught.value.as_problem())


def test_answer_outside_the_roots_does_not_depend_on_existence(root: Path) -> None:
    (root / "there").symlink_to(root.parent / "secret.csv")
    (root / "gone1").symlink_to(root.parent / "nothing.csv")
    problems = []
    for name in ("there", "gone1"):
        with pytest.raises(LocationNotAllowed) as caught:
            resolve(root / name, root)
        problems.append(str(caught.value.as_problem()).replace(name, "X"))
    assert problems[0] == problems[1]


def test_loop_of_symlinks_is_refused(root: Path) -> None:
    (root / "a").symlink_to(root / "b")
    (root / "b").symlink_to(root / "a")
    with pytest.raises((LocationNotAllowed, LocationNotFound)):
        resolve(root / "a", root)


def test_symlink_that_stays_inside_is_followed(root: Path) -> None:
    (root / "link.csv").symlink_to(root / "a.csv")
    assert resolve(root / "link.csv", root).local_path == root / "a.csv"


def test_root_that_is_itself_a_symlink_works(root: Path) -> None:
    alias = root.parent / "alias"
    alias.symlink_to(root)
    assert resolve(alias / "a.csv", alias).local_path == root / "a.csv"


def test_missing_file_inside_a_root_is_said_to_be_missing(root: Path) -> None:
    with pytest.raises(LocationNotFound, match=r"missing\.csv") as caught:
        resolve(root / "missing.csv", root)
    assert caught.value.field == "uri"
    assert caught.value.remedy


def test_without_roots_nothing_is_allowed(root: Path) -> None:
    with pytest.raises(LocationNotAllowed, match="allowed roots"):
        resolve_location(str(root / "a.csv"), [])


@pytest.fixture
def bucket() -> str:
    filesystem = fsspec.filesystem("memory")
    for key in ("/bucket/data/a.csv", "/bucket/data-secret/a.csv", "/bucket/other.csv"):
        filesystem.pipe_file(key, key.encode())
    return "memory://bucket/data"


@pytest.mark.parametrize(
    "uri",
    [
        "memory://bucket/data/a.csv",
        "MEMORY://bucket/data/a.csv",
        "memory://bucket/data/./x/../a.csv",
        "memory://bucket/data//a.csv",
    ],
)
def test_url_below_a_root_of_its_scheme_is_normalised_and_taken(bucket: str, uri: str) -> None:
    location = resolve(uri, bucket)
    assert location.uri == "memory://bucket/data/a.csv"
    with location.open() as file:
        assert file.read() == b"/bucket/data/a.csv"


@pytest.mark.parametrize(
    "uri",
    [
        "memory://bucket/data/../other.csv",
        "memory://bucket/data-secret/a.csv",
        "memory://bucket/data/%2e%2e/other.csv",
        "memory://bucket/data/%252e%252e/other.csv",
        "memory://bucket/data/..%2fother.csv",
        "memory://bucket/data/..\\other.csv",
        "memory://bucket@elsewhere/data/a.csv",
        "memory://BUCKET/data/a.csv",
        "memory://elsewhere/bucket/data/a.csv",
        "simplecache::memory://bucket/data/a.csv",
    ],
)
def test_url_tricks_are_refused(bucket: str, uri: str) -> None:
    with pytest.raises(LocationNotAllowed):
        resolve(uri, bucket)


def test_missing_key_below_an_allowed_url_is_not_found(bucket: str) -> None:
    with pytest.raises(LocationNotFound):
        resolve("memory://bucket/data/missing.csv", bucket)


def test_allowed_scheme_whose_package_is_missing_says_so() -> None:
    with pytest.raises(LocationNotFound, match="nosuchscheme") as caught:
        resolve("nosuchscheme://bucket/a", "nosuchscheme://bucket")
    assert "Install" in (caught.value.remedy or "")


def test_folder_and_glob_expand_to_their_files_in_order(root: Path) -> None:
    for name in ("c.csv", "b.csv", ".hidden.csv", "_part.csv", "notes.txt"):
        (root / name).write_text("x")
    (root / "sub.csv").mkdir()
    names = [file.name for file in resolve(root, root).expand([".csv"])]
    assert names == ["a.csv", "b.csv", "c.csv"]
    assert [file.name for file in resolve(root / "[bc].csv", root).expand([".csv"])] == [
        "b.csv",
        "c.csv",
    ]
    assert [file.name for file in resolve(root / "a.csv", root).expand([".csv"])] == ["a.csv"]


def test_folder_without_fitting_files_and_empty_glob_are_not_found(root: Path) -> None:
    with pytest.raises(LocationNotFound):
        resolve(root, root).expand([".parquet"])
    with pytest.raises(LocationNotFound):
        resolve(root / "*.parquet", root)


def test_pattern_before_the_last_part_never_looks_through_links(root: Path) -> None:
    (root / "out").symlink_to(root.parent)
    for uri in (root / "*" / "secret.csv", root / "o*" / "*.csv", root / "**" / "secret.csv"):
        with pytest.raises(LocationNotFound):
            resolve(uri, root)
    with pytest.raises(LocationNotAllowed):
        resolve(root / "out" / "sec*", root)


def test_file_name_with_glob_characters_is_that_file(root: Path) -> None:
    (root / "a[1].csv").write_text("x")
    assert [f.name for f in resolve(root / "a[1].csv", root).expand([".csv"])] == ["a[1].csv"]


def test_folder_holding_a_link_that_leads_out_is_refused(root: Path) -> None:
    (root / "z.csv").symlink_to(root.parent / "secret.csv")
    with pytest.raises(LocationNotAllowed, match=r"z\.csv"):
        resolve(root, root).expand([".csv"])


def test_join_checks_like_the_first_time(root: Path) -> None:
    folder = resolve(root, root)
    assert folder.join("a.csv").local_path == root / "a.csv"
    for way_out in ("../secret.csv", str(root.parent / "secret.csv")):
        with pytest.raises(LocationNotAllowed):
            folder.join(way_out)


def test_walk_follows_links_inside_the_roots_and_never_turns_in_a_circle(root: Path) -> None:
    (root / "cats").mkdir()
    (root / "cats" / "1.png").write_text("x")
    (root / "cats" / "up").symlink_to(root)
    (root / "more").symlink_to(root / "cats")
    (root / "out").symlink_to(root.parent)
    found = list(walk_files(resolve(root, root)))
    assert found == ["a.csv", "cats/1.png", "more/1.png", "out"]


def test_remote_folder_and_glob_expand_as_local_ones_do(bucket: str) -> None:
    for uri in (bucket, f"{bucket}/*.csv"):
        assert [f.uri for f in resolve(uri, bucket).expand([".csv"])] == [f"{bucket}/a.csv"]
    with pytest.raises(LocationNotFound):
        resolve(f"{bucket}/*.parquet", bucket)


def test_walk_of_a_remote_folder_gives_relative_paths(bucket: str) -> None:
    assert list(walk_files(resolve(bucket, bucket))) == ["a.csv"]


def test_unreadable_folder_answers_as_not_found(root: Path) -> None:
    if os.getuid() == 0:
        # Root reads everything; a name no file system takes is the nearest thing.
        with pytest.raises(LocationNotFound):
            resolve(root / ("x" * 300), root)
        return
    (root / "locked").mkdir(mode=0o000)
    with pytest.raises(LocationNotFound):
        resolve(root / "locked" / "a.csv", root)
