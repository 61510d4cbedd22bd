from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, now


class SigningKey(Base):
    """An Ed25519 key of this installation. One signs; the others are kept to verify by."""

    __tablename__ = "signing_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 (hex) of the public key as DER: a fingerprint that anybody can compute."""
    public_key: Mapped[str]
    """PEM."""
    private_key: Mapped[str | None]
    """PKCS#8, encrypted (`app/sealing.py`). Null once it is retired: it signs nothing more."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    retired_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_signing_keys_active",
            "retired_at",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("retired_at IS NULL"),
        ),
    )
