"""Numbers, times and shares as people say them. Every figure carries its unit."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta

from markupsafe import Markup, escape

from app.db import now
from app.percent import percent as in_percent

NBSP = "\N{NO-BREAK SPACE}"  # a number and its unit stay on one line
NONE = "\N{EN DASH}"  # where there is nothing to show


def number(value: float | None) -> str:
    """A count: `1,797`."""
    return NONE if value is None else f"{value:,.0f}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 example`, `1,797 examples`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def percent(share: float | None) -> str:
    """A share of 0..1: `10.2 %`. What is not quite all or nothing never reads as such."""
    if share is None or not math.isfinite(share):
        return NONE
    if 0 < share < 0.001:
        return f"<{NBSP}0.1{NBSP}%"
    if 0.999 < share < 1:
        return f"99.9{NBSP}%"
    return unbroken(in_percent(share, 1))


def real(value: float | None) -> str:
    """A measured number to three figures: `12.3`, `0.00451`, `1,840`, `3.2e-07`."""
    if value is None or not math.isfinite(value):
        return NONE
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e7 or size < 1e-4:
        return f"{value:.2e}".replace("-", "\N{MINUS SIGN}")
    digits = max(0, 2 - math.floor(math.log10(size)))
    return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def duration(seconds: float | None) -> str:
    """`4.1 s`, `2 min 5 s`, `3 h 12 min`, `2 d 4 h`."""
    if seconds is None:
        return NONE
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f}{NBSP}s"
    whole = round(seconds)
    for unit, size, small, small_size in (
        ("d", 86_400, "h", 3_600),
        ("h", 3_600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= size:
            rest = whole % size // small_size
            return f"{whole // size}{NBSP}{unit}" + (f" {rest}{NBSP}{small}" if rest else "")
    return f"{whole}{NBSP}s"


def size(count: float) -> str:
    """Bytes in powers of a thousand: `640 bytes`, `1.3 MB`."""
    if count < 1000:
        return f"{count:.0f}{NBSP}bytes"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.5:
            return f"{real(count)}{NBSP}{unit}"
    return f"{real(count / 1000)}{NBSP}TB"


def speed(per_second: float | None) -> str:
    """`438 examples/s`."""
    if per_second is None:
        return NONE
    return f"{real(per_second) if per_second < 10 else number(per_second)}{NBSP}examples/s"


def ago(moment: datetime | None, at: datetime | None = None) -> str:
    """`just now`, `3 minutes ago`, `yesterday`, `24 Nov 2026`."""
    if moment is None:
        return NONE
    at = at or now()
    passed = at - moment
    if passed < timedelta(seconds=45):
        return "just now"
    if passed < timedelta(hours=1):
        return f"{plural(max(1, round(passed.total_seconds() / 60)), 'minute')} ago"
    if passed < timedelta(hours=24):
        return f"{plural(max(1, round(passed.total_seconds() / 3600)), 'hour')} ago"
    if passed < timedelta(hours=48):
        return "yesterday"
    if passed < timedelta(days=14):
        return f"{passed.days} days ago"
    return f"{moment.day} {moment:%b %Y}"


def moment(value: datetime | None) -> str:
    """The full time, for the hover: `24 Nov 2026, 14:05:09 UTC`."""
    return NONE if value is None else f"{value.day} {value:%b %Y, %H:%M:%S} UTC"


def unbroken(text: str) -> str:
    """A sentence whose percentages stay on one line."""
    return text.replace(" %", f"{NBSP}%")


def shortened(text: str, longest: int = 48) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def coded(text: str) -> Markup:
    """A sentence in which what stands in backticks is code; all else is escaped as ever."""
    parts = re.split(r"`([^`]+)`", text)
    marked = [
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    ]
    return Markup("").join(marked)


def caller_name(label: str) -> str:
    """`key first (6f1c…)` → `key first`; `session 6f1c…` → `a browser session`."""
    if label.startswith("session "):
        return "a browser session"
    return label.partition(" (")[0]


FILTERS = {
    "number": number,
    "percent": percent,
    "real": real,
    "duration": duration,
    "size": size,
    "speed": speed,
    "ago": ago,
    "moment": moment,
    "shortened": shortened,
    "coded": coded,
    "caller_name": caller_name,
}
