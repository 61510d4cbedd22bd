from __future__ import annotations

from app.errors import Conflict


class SigningUnavailable(Conflict):
    title = "Signing not set up"
    code = "signing-unavailable"
