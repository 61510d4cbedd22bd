"""Small pictures of examples: bounded, upright, and nothing but pixels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.support import LAB, blobs_body, index, post

SECRET = "<script>alert(1)</script>"


@pytest.fixture
def folder(data_dir: Path) -> Path:
    """Of each odd kind one, by name: their order is that of positions."""
    place = data_dir / "pets" / "cat"
    place.mkdir(parents=True)
    wide = Image.new("RGB", (600, 300), "#ff0000")
    wide.paste("#0000ff", (0, 0, 300, 300))
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = SECRET, 6  # a description; to be turned by a quarter
    wide.save(place / "a-wide.jpg", exif=exif, comment=SECRET.encode(), icc_profile=b"profile")
    told = PngInfo()
    told.add_text("Comment", SECRET)
    small = Image.new("RGBA", (20, 10), (0, 0, 0, 0))
    small.save(place / "b-clear.png", pnginfo=told, icc_profile=b"profile")
    deep = Image.fromarray(np.linspace(0, 60_000, 64, dtype=np.uint16).reshape(8, 8))
    deep.save(place / "c-deep.png")
    Image.new("P", (8, 8)).save(place / "d-palette.png")
    Image.new("CMYK", (400, 400)).save(place / "e-print.jpg")
    return data_dir / "pets"


@pytest.fixture
def dataset(api: TestClient, folder: Path) -> str:
    body = {"name": "pets", "version": "1", "uri": str(folder), "format": "image_folder",
            "task": "classification"}  # fmt: skip
    (folder / "dog").mkdir()
    Image.new("L", (9, 9)).save(folder / "dog" / "f-grey.png")
    made = post(api, "/datasets", body)["id"]
    index(made)
    return str(made)


def seen(api: TestClient, dataset: str, position: int, longest: int | None) -> tuple[Any, bytes]:
    params = {} if longest is None else {"longest": longest}
    url = f"{LAB}/datasets/{dataset}/examples/{position}/image"
    answer = api.get(url, params=params)
    assert answer.status_code == 200, answer.text
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    assert answer.headers["content-type"] == f"image/{str(image.format).lower()}"
    return image, answer.content


def test_a_large_picture_is_drawn_small_and_upright(api: TestClient, dataset: str) -> None:
    _, whole = seen(api, dataset, 0, None)
    assert SECRET.encode() in whole
    image, data = seen(api, dataset, 0, 160)
    # Turned as its EXIF says, and left without it.
    assert (image.format, image.size) == ("JPEG", (80, 160))
    assert [image.getpixel((40, y))[0] > 128 for y in (20, 140)] == [False, True]
    assert len(data) < 8000
    assert SECRET.encode() not in data
    assert not {"exif", "comment", "icc_profile"} & set(image.info)


@pytest.mark.parametrize("position", range(1, 6))
def test_whatever_it_was_it_is_plain_pixels(api: TestClient, dataset: str, position: int) -> None:
    image, data = seen(api, dataset, position, 160)
    assert image.mode == "RGB"
    assert max(image.size) <= 160
    assert SECRET.encode() not in data
    assert not set(image.info) - {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    if position == 1:
        assert image.size == (20, 10)
        assert image.getpixel((3, 3)) == (255, 255, 255)
    if position == 2:
        assert (image.getpixel((0, 0)), image.getpixel((7, 7))) == ((0, 0, 0), (255, 255, 255))


@pytest.mark.parametrize("longest", [0, 15, 513, "wide"])
def test_its_size_is_bounded(api: TestClient, dataset: str, longest: Any) -> None:
    answer = api.get(f"{LAB}/datasets/{dataset}/examples/0/image", params={"longest": longest})
    assert answer.status_code == 422


def test_pictures_side_by_side_are_numbered_whatever_their_captions(
    api: TestClient, dataset: str
) -> None:
    from app.datasets.service import datasets_of
    from app.datasets.thumbnails import contact_sheet
    from app.db import reading

    with reading() as db:
        (found,) = datasets_of(db, [UUID(dataset)]).values()
    captions = ["cat > dog", "漢字", "\x1b[31m", "x" * 500, "", "a"]
    data = contact_sheet(found, [*enumerate(captions), (0, "seventh")])
    sheet = Image.open(io.BytesIO(data))
    assert (sheet.format, sheet.width, sheet.height) == ("PNG", 6 * 172 + 12, 2 * 194 + 12)
    assert not sheet.info
    colours = sheet.getcolors(1 << 24)
    assert colours is not None
    assert len(colours) > 50


def test_a_file_that_changed_is_left_blank_on_the_sheet_and_told_alone(
    api: TestClient, dataset: str, folder: Path
) -> None:
    from app.datasets.service import datasets_of
    from app.datasets.thumbnails import contact_sheet
    from app.db import reading

    (folder / "cat" / "a-wide.jpg").write_bytes(b"something else")
    answer = api.get(f"{LAB}/datasets/{dataset}/examples/0/image?longest=160")
    assert answer.status_code == 409
    with reading() as db:
        (found,) = datasets_of(db, [UUID(dataset)]).values()
    assert contact_sheet(found, [(0, "gone"), (1, "there")]).startswith(b"\x89PNG")


def test_texts_have_none(api: TestClient, data_dir: Path) -> None:
    (data_dir / "t.csv").write_text("id,text,label\n1,a,x\n2,b,y\n")
    columns = {"input": "text", "label": "label", "key": "id"}
    made = post(api, "/datasets", blobs_body(data_dir / "t.csv", format="csv", columns=columns))
    index(made["id"])
    answer = api.get(f"{LAB}/datasets/{made['id']}/examples/0/image?longest=160")
    assert (answer.status_code, answer.json()["type"]) == (
        409,
        "urn:cleantrace:problem:not-an-image",
    )
