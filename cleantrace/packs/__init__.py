"""Evidence packs: the form in which they are signed, and verifying one without the service."""

from cleantrace.packs.verify import Finding, Verification, verify_pack

__all__ = ["Finding", "Verification", "verify_pack"]
