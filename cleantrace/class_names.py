"""Class names as other tools can hold them: visible, in one line, and never read as anything else.

A name that is not plain is written as JSON, in quotes. No plain name begins with one, so that each
written name stands for one class.
"""

import json
import re
from collections.abc import Iterable

# What XML cannot hold or changes, what tools trim, what Label Studio reads as a variable, and what
# turns the direction of what follows.
_NOT_PLAIN = re.compile(
    '^["\\s]|\\s$|^$|\\$|[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]'
)


def written_class(name: str) -> str:
    if not _NOT_PLAIN.search(name):
        return name
    return json.dumps(name).replace("$", "\\u0024").replace("\x7f", "\\u007f")


def by_written_name(classes: Iterable[str]) -> dict[str, int]:
    """Indices of classes by their own names, and by how tools write them, which comes first."""
    known = list(classes)
    own = {name: index for index, name in enumerate(known)}
    return own | {written_class(name): index for index, name in enumerate(known)}
