"""Pictures in reports: few, small, and nothing but pictures."""

import base64

MOST_PICTURES = 24
LONGEST = 160
"""Pixels of the longer side; what is drawn is twice as fine on most screens."""
_MOST_BYTES = 128_000
_PNG = b"\x89PNG\r\n\x1a\n"
_KINDS = {_PNG: "image/png", b"\xff\xd8\xff": "image/jpeg"}


def data_uri(picture: bytes) -> str | None:
    """A PNG or JPEG as an address that needs no network; None for whatever else it is."""
    kinds = [kind for begin, kind in _KINDS.items() if picture.startswith(begin)]
    if not kinds or len(picture) > _MOST_BYTES:
        return None
    return f"data:{kinds[0]};base64,{base64.b64encode(picture).decode()}"


def has_few_pixels(picture: bytes) -> bool:
    """A PNG that is drawn as squares, as it would only be a blur."""
    width = int.from_bytes(picture[16:20])
    return picture.startswith(_PNG) and 0 < width <= LONGEST // 2
