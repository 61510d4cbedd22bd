from __future__ import annotations

from app.errors import Invalid


class NotComparable(Invalid):
    title = "Not comparable"
    code = "not-comparable"


class NoParent(Invalid):
    title = "No parent"
    code = "no-parent"
