"""Images of a folder: they stay where they are, and are read as they were when indexed."""

import hashlib
from typing import NamedTuple

import fsspec

from app.errors import Conflict
from app.locations import path_of_file_uri


class ExampleChanged(Conflict):
    """A file of an image folder is not what it was when the dataset was indexed."""

    title = "Example changed"
    code = "example-changed"


class ImageFile(NamedTuple):
    """An image that stays where it is: canonical URI and SHA-256 of its bytes."""

    uri: str
    sha256: str


def read_image_file(file: ImageFile) -> bytes:
    """The bytes of an image of a folder, as they were when it was indexed.

    Raises:
        ExampleChanged: the file is gone, or differs.
    """
    place = path_of_file_uri(file.uri) if file.uri.startswith("file://") else file.uri
    try:
        with fsspec.open(place, "rb") as opened:
            data = bytes(opened.read())
    except OSError as error:
        raise _changed(file, "cannot be read any more") from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise _changed(file, "is not the file that was indexed")
    return data


def _changed(file: ImageFile, how: str) -> ExampleChanged:
    return ExampleChanged(
        f"The image {file.uri} {how}.",
        field="uri",
        remedy="Put the file back as it was, or register the folder as a new dataset version.",
    )
