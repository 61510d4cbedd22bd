from __future__ import annotations

from datetime import datetime

from pydantic import Field

from app.schemas import Out


class SigningKeyOut(Out):
    """A public key of this installation."""

    id: str = Field(description="SHA-256 (hex) of the public key as DER (SubjectPublicKeyInfo).")
    public_key: str = Field(description="Ed25519, as PEM.")
    created_at: datetime
    retired_at: datetime | None = Field(description="Null: it signs now.")


class SigningKeysOut(Out):
    """All keys that this installation ever signed with; the one that signs now first."""

    items: list[SigningKeyOut] = Field(description="Empty until something is signed.")
