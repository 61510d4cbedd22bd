"""A bound that narrows as a review goes on, as inline SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from app.dashboard.formatting import number, plural, unbroken
from app.dashboard.svg import coordinate, tag

_WIDTH, _HEIGHT = 640.0, 240.0
_TOP, _FOOT = 16.0, 34.0
_STEPS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_Spot = tuple[float, float]
"""How many were reviewed, and a share."""


@dataclass(frozen=True)
class Moment:
    """The share left wrong lay between these when so many were reviewed."""

    reviewed: int
    audits: int
    lowest: float
    highest: float


def bound_chart(
    moments: Sequence[Moment], target: float, say: Callable[[float], str], *, last: str
) -> Markup:
    """The band between the bounds, from the first moment to the last, and what is to be reached.

    What lies above the scale, which fits the last bound and the target, is cut off.

    Args:
        say: a share in words.
        last: what stands at the last bound.
    """
    now = moments[-1]
    step = next((each for each in _STEPS if 4 * each >= max(1.6 * now.highest, 1.3 * target)), 0.25)
    top = min(4 * step, 1.0)
    first, whole = moments[0].reviewed, max(now.reviewed - moments[0].reviewed, 1)

    def x(reviewed: float) -> float:
        return _WIDTH * (reviewed - first) / whole

    def y(share: float) -> float:
        return _HEIGHT - (_HEIGHT - _TOP) * min(share, top) / top

    parts = [*_grid(step, top, y, say)]
    upper = [(each.reviewed, each.highest) for each in moments]
    lower = [(each.reviewed, each.lowest) for each in moments]
    parts.append(tag("polygon", class_="band", points=_points([*upper, *lower[::-1]], x, y)))
    parts.append(tag("polyline", class_="bound", points=_points(list(_below(top, upper)), x, y)))
    wanted = unbroken(f"wanted: {say(target)}")
    parts += [
        tag("line", class_="target", x1=0.0, x2=_WIDTH, y1=y(target), y2=y(target)),
        tag("text", wanted, class_="target-name", x=_WIDTH * 0.3, y=y(target) - 6),
        *_hovers(moments, x, say),
        tag("circle", class_="now", cx=_WIDTH, cy=y(now.highest), r=5.0),
        tag("text", unbroken(last), class_="now-name", x=_WIDTH - 10,
            y=_clear(y(now.highest), y(target)), text_anchor="end"),
    ]  # fmt: skip
    foot = _HEIGHT + 22
    parts += [
        tag("line", class_="axis", x1=0, x2=_WIDTH, y1=_HEIGHT + 0.5, y2=_HEIGHT + 0.5),
        tag("text", number(first), x=0, y=foot),
        tag("text", "examples reviewed →", x=_WIDTH / 2, y=foot, text_anchor="middle"),
        tag("text", number(now.reviewed), x=_WIDTH, y=foot, text_anchor="end"),
    ]
    words = (
        "Bounds on the share of labels still wrong, over the review: at "
        f"{plural(first, 'example')} reviewed {_between(moments[0], say)}, at "
        f"{number(now.reviewed)} with {plural(now.audits, 'audit')} {_between(now, say)}."
    )
    return tag(
        "svg",
        Markup("").join(parts),
        class_="chart-svg bound-chart",
        viewBox=f"-4 0 {coordinate(_WIDTH + 12)} {coordinate(_HEIGHT + _FOOT)}",
        role="img",
        aria_label=words,
    )


def _between(moment: Moment, say: Callable[[float], str]) -> str:
    return f"between {say(moment.lowest)} and {say(moment.highest)}"


def _grid(
    step: float, top: float, y: Callable[[float], float], say: Callable[[float], str]
) -> Iterator[Markup]:
    for number_ in range(1, round(top / step) + 1):
        share = step * number_
        yield tag("line", class_="grid", x1=0.0, x2=_WIDTH, y1=y(share), y2=y(share))
        yield tag("text", unbroken(say(share)), x=0, y=y(share) - 5)


def _clear(bound: float, target: float) -> float:
    """Where the last bound's name stands: under it, where the falling line leaves room, or over."""
    under = bound + 22
    return bound - 12 if under > _HEIGHT - 4 or abs(under - 5 - target) < 14 else under


def _below(top: float, spots: Sequence[_Spot]) -> Iterator[_Spot]:
    """What of a falling line lies below the top, from where it comes in."""
    if spots[0][1] <= top:
        yield spots[0]
    for (x1, y1), (x2, y2) in pairwise(spots):
        if y1 > top >= y2:
            yield x1 + (x2 - x1) * (y1 - top) / (y1 - y2), top
        if y2 <= top:
            yield x2, y2


def _points(
    spots: Sequence[_Spot], x: Callable[[float], float], y: Callable[[float], float]
) -> str:
    return " ".join(f"{coordinate(x(a))},{coordinate(y(b))}" for a, b in spots)


def _hovers(
    moments: Sequence[Moment], x: Callable[[float], float], say: Callable[[float], str]
) -> Iterator[Markup]:
    for before, each in pairwise(moments):
        words = (
            f"{plural(each.audits, 'audit')}, {plural(each.reviewed, 'example')} reviewed: "
            f"{_between(each, say)} left wrong"
        )
        left, width = x(before.reviewed), x(each.reviewed) - x(before.reviewed)
        bar = tag("rect", tag("title", words), class_="hover", x=left, y=0.0, width=width,
                  height=_HEIGHT)  # fmt: skip
        yield tag("g", bar)
