"""How a pack is signed: a DSSE envelope around an in-toto Statement that lists its files.

Shared by whoever signs and whoever verifies; free of cryptography.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FILE = "attestation.intoto.json"
"""The envelope's name in a pack: the one file that it does not list."""
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:cleantrace:evidence-pack:v1"


@dataclass(frozen=True)
class Listed:
    """A file of a pack, as the statement lists it."""

    name: str
    sha256: str
    size: int


class Malformed(ValueError):
    """Not an attestation of an evidence pack; the message says in what."""


def signed_bytes(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """What a signature is made over: DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def statement(subject: Sequence[Mapping[str, Any]], predicate: Mapping[str, Any]) -> bytes:
    """
    Args:
        subject: descriptors of the files, each with `name`, `digest` and `annotations.size`.
    """
    document = {
        "_type": STATEMENT_TYPE,
        "subject": list(subject),
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }
    # The database keeps a predicate without the order of its members.
    return json.dumps(document, indent=1, sort_keys=True).encode()


def envelope(payload: bytes, key_id: str, signature: bytes) -> bytes:
    document = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key_id, "sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps(document, indent=1).encode() + b"\n"


@dataclass(frozen=True)
class Envelope:
    """An envelope as it was read. Nothing of it is to be believed until a signature holds.

    signatures: pairs of a key's id, which is a hint only, and a signature.
    """

    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]


def read_envelope(data: bytes) -> Envelope:
    """Raises Malformed."""
    try:
        found = json.loads(data)
        if found["payloadType"] != PAYLOAD_TYPE:
            raise Malformed(f"its payload is of another type than {PAYLOAD_TYPE}")
        signatures = tuple(
            (str(each.get("keyid", "")), _decoded(each["sig"])) for each in found["signatures"]
        )
        return Envelope(_decoded(found["payload"]), signatures)
    except Malformed:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Malformed("it is not a DSSE envelope") from error


def _decoded(text: str) -> bytes:
    # DSSE allows both alphabets.
    return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)


def read_statement(payload: bytes) -> tuple[list[Listed], Mapping[str, Any]]:
    """The files, and the predicate. Raises Malformed."""
    try:
        found = json.loads(payload)
        kinds = (found["_type"], found["predicateType"])
        if kinds != (STATEMENT_TYPE, PREDICATE_TYPE):
            raise Malformed(f"it is not a statement about an evidence pack ({PREDICATE_TYPE})")
        files = [
            Listed(str(each["name"]), str(each["digest"]["sha256"]), each["annotations"]["size"])
            for each in found["subject"]
        ]
        if not isinstance(found["predicate"], dict):
            raise Malformed("it has no predicate")
        return files, found["predicate"]
    except Malformed:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Malformed("it is not an in-toto Statement with names, hashes and sizes") from error
