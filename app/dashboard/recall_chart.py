"""How many errors are found as more of a ranking is looked at, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from app.dashboard.formatting import percent, unbroken
from app.dashboard.svg import coordinate, tag

_WIDTH, _HEIGHT = 640.0, 220.0
_TOP, _FOOT = 16.0, 34.0
_TICKS = (0.01, 0.05, 0.1, 0.25, 0.5)


def recall_chart(curve: Sequence[tuple[float, float]], *, at: tuple[float, float]) -> Markup:
    """
    Args:
        curve: shares reviewed, ascending, and of the errors found in them.
        at: the same of what is flagged.
    """
    reviewed, caught = at
    spot = _x(reviewed), _y(caught)
    # Its name stands where the curve leaves room: under it, away from the nearer side.
    side = "start" if spot[0] < 0.6 * _WIDTH else "end"
    name = unbroken(f"flagged: {percent(caught)}")
    parts = [
        *(
            tag("line", class_="grid", x1=0.0, x2=_WIDTH, y1=_y(share), y2=_y(share))
            for share in (0.25, 0.5, 0.75, 1.0)
        ),
        tag("text", "100 %", x=0, y=_y(1.0) - 4),
        tag("text", "50 %", x=0, y=_y(0.5) - 4),
        tag("polyline", class_="chance", points=_points([(share, share) for share, _ in curve])),
        tag("polyline", class_="caught", points=_points(curve)),
        tag("line", class_="cut", x1=spot[0], x2=spot[0], y1=_TOP, y2=_HEIGHT),
        tag("circle", cx=spot[0], cy=spot[1], r=5.0),
        tag("text", name, class_="cut-name", x=spot[0] + (10 if side == "start" else -10),
            y=min(spot[1] + 24, _HEIGHT - 8), text_anchor=side),
        tag("line", class_="axis", x1=0, x2=_WIDTH, y1=_HEIGHT + 0.5, y2=_HEIGHT + 0.5),
        *(
            tag("text", unbroken(percent(share)), x=_x(share), y=_HEIGHT + 22,
                text_anchor="middle")
            for share in _TICKS
        ),
        tag("text", "reviewed →", x=_WIDTH, y=_HEIGHT + 22, text_anchor="end"),
    ]  # fmt: skip
    words = (
        f"Share of planted errors found against share of data reviewed, the most suspicious first: "
        f"{percent(caught)} in the {percent(reviewed)} that are flagged"
    )
    told = [(share, hit) for share, hit in curve if share >= 0.5][:1]
    words += "".join(f", {percent(hit)} in {percent(share)}" for share, hit in told) + "."
    return tag(
        "svg",
        Markup("").join(parts),
        class_="chart-svg recall",
        viewBox=f"0 0 {coordinate(_WIDTH)} {coordinate(_HEIGHT + _FOOT)}",
        role="img",
        aria_label=words,
    )


def _x(share: float) -> float:
    """Even in the square root: what is reviewed first matters most."""
    return _WIDTH * math.sqrt(min(max(share, 0.0), 1.0))


def _y(share: float) -> float:
    return _HEIGHT - (_HEIGHT - _TOP) * share


def _points(spots: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{coordinate(_x(a))},{coordinate(_y(b))}" for a, b in spots)
