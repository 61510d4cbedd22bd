"""Evidence packs: the form in which they are signed, and verifying one without the service."""

from cleantrace.packs.contents import PackUnreadable
from cleantrace.packs.verify import (
    CryptographyMissing,
    Finding,
    KeyUnreadable,
    Verification,
    verify_pack,
)

__all__ = [
    "CryptographyMissing",
    "Finding",
    "KeyUnreadable",
    "PackUnreadable",
    "Verification",
    "verify_pack",
]
