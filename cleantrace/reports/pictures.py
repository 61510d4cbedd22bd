"""Pictures in reports: few, small, and nothing but pictures."""

import base64

MOST_PICTURES = 24
LONGEST = 160
"""Pixels of the longer side; what is drawn is twice as fine on most screens."""
_MOST_BYTES = 128_000
_KINDS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


def data_uri(picture: bytes) -> str | None:
    """A PNG or JPEG as an address that needs no network; None for whatever else it is."""
    kinds = [kind for begin, kind in _KINDS.items() if picture.startswith(begin)]
    if not kinds or len(picture) > _MOST_BYTES:
        return None
    return f"data:{kinds[0]};base64,{base64.b64encode(picture).decode()}"
