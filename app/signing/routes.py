"""The public keys, for whoever is to verify something: needs no key."""

from __future__ import annotations

from fastapi import APIRouter

from app.db import ReadSession
from app.signing import service
from app.signing.schemas import SigningKeyOut, SigningKeysOut

router = APIRouter(tags=["exports"])


@router.get("/api/v1/signing-keys", response_model=SigningKeysOut)
def list_signing_keys(db: ReadSession) -> SigningKeysOut:
    """The public keys that evidence packs of this installation are verified with."""
    keys = service.public_keys(db)
    return SigningKeysOut(items=[SigningKeyOut.model_validate(key) for key in keys])
