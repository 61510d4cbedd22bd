"""Verdicts over time, and a number held against its limit, as inline SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from app.dashboard.formatting import moment, plural, unbroken
from app.dashboard.svg import coordinate, tag
from app.estimates.words import at_least, at_most
from app.gates.results import Finding, Verdict

VERDICTS = {
    Verdict.passed: "passed",
    Verdict.warn: "passed with warnings",
    Verdict.fail: "failed",
    Verdict.no_verdict: "no verdict",
}
_SLOT, _TALL = 18.0, 20.0
_WIDTH, _HEIGHT = 320.0, 52.0
_TOP, _BAR = 19.0, 10.0
_CLEAR = 96.0
"""So far apart two names under the bar do not touch."""


@dataclass(frozen=True)
class Past:
    """A verdict in a history."""

    verdict: Verdict
    at: datetime
    on: str


def mark(status: str, words: str) -> Markup:
    """A verdict, or what a rule came to, as a shape and words."""
    shape = tag(
        "svg", _sign(status), viewBox="-7 -7 14 14", width=14, height=14, aria_hidden="true",
        focusable="false",
    )  # fmt: skip
    return tag("span", shape + words, class_=f"verdict {status}")


def _sign(status: str) -> Markup:
    """A shape for each: filled circle, triangle, cross, ring, bar."""
    match status:
        case "pass":
            return tag("circle", class_="pass", cx=0, cy=0, r=4.5)
        case "warn":
            return tag("path", class_="warn", d="M0-5.5 5.5 4.5H-5.5Z")
        case "fail":
            return tag("path", class_="fail", d="M-4.5-4.5 4.5 4.5M4.5-4.5-4.5 4.5")
        case "waived":
            return tag("path", class_="waived", d="M-5-3.5H5M-5 3.5H5")
        case _:
            return tag("circle", class_="no_verdict", cx=0, cy=0, r=4.0)


def verdict_strip(history: Sequence[Past]) -> Markup:
    """One sign for each verdict, from the oldest to the latest at the right."""
    parts = []
    for index, each in enumerate(history):
        words = f"{VERDICTS[each.verdict]} on {each.on}, {moment(each.at)}"
        place = f"translate({coordinate(_SLOT * (index + 0.5))} {coordinate(_TALL / 2)})"
        parts.append(tag("g", tag("title", words) + _sign(each.verdict.value), transform=place))
    counts = Counter(each.verdict for each in history)
    told = ", ".join(f"{counts[each]} {name}" for each, name in VERDICTS.items() if counts[each])
    width = _SLOT * max(len(history), 1)
    return tag(
        "svg",
        Markup("").join(parts),
        class_="verdict-strip",
        viewBox=f"0 0 {coordinate(width)} {coordinate(_TALL)}",
        width=round(width),
        height=round(_TALL),
        role="img",
        aria_label=f"The last {plural(len(history), 'verdict')}, the latest at the right: {told}.",
    )


@dataclass(frozen=True)
class Held:
    """A number held against a limit.

    Attributes:
        told: the number in words.
        limit: None where only the baseline's number counts.
        other_end, likeliest: where the number is an end of an interval.
        less_is_better: the limit is the most that it may be.
        is_share: of 1.
    """

    value: float
    told: str
    limit: float | None
    baseline: float | None
    finding: Finding
    less_is_better: bool
    is_share: bool
    in_words: Callable[[float], str]
    other_end: float | None = None
    likeliest: float | None = None


def limit_picture(held: Held) -> Markup:
    """A bar from 0 to the number, or the interval it is in, and where it may be."""
    x = _scale(held)
    marks = [("limit", held.limit), ("baseline", held.baseline)]
    given = [(name, value) for name, value in marks if value is not None]
    parts = [
        tag("rect", class_="track", x=0.0, y=_TOP, width=_WIDTH, height=_BAR, rx=3),
        *_allowed(held, given, x),
        *_measured(held, x),
    ]
    taken: list[float] = []
    for name, value in given:
        at = x(value)
        parts.append(
            tag("line", class_=f"mark {name}", x1=at, x2=at, y1=_TOP - 5, y2=_TOP + _BAR + 5)
        )
        if all(abs(at - other) > _CLEAR for other in taken):
            words = unbroken(f"{name} {held.in_words(value)}")
            parts.append(_name(words, at, _HEIGHT - 4, f"{name}-name"))
            taken.append(at)
    parts.append(_name(unbroken(held.told), x(held.value), _TOP - 8, "value-name"))
    told = [f"{held.told} found"]
    if held.other_end is not None:
        ends = (held.told, at_most(held.other_end))
        if held.less_is_better:
            ends = (at_least(held.other_end), held.told)
        told = [f"between {' and '.join(ends)}"]
    most = "at most" if held.less_is_better else "at least"
    told += [
        f"{most} {held.in_words(value)}" if name == "limit" else f"baseline {held.in_words(value)}"
        for name, value in given
    ]
    return tag(
        "svg",
        Markup("").join(parts),
        class_="limit-picture",
        viewBox=f"-6 0 {coordinate(_WIDTH + 12)} {coordinate(_HEIGHT)}",
        role="img",
        aria_label=f"{', '.join(told)}.",
    )


def _scale(held: Held) -> Callable[[float], float]:
    numbers = (held.value, held.limit, held.baseline, held.other_end)
    known = [each for each in numbers if each is not None]
    low, most = min([0.0, *known]), max(known)
    high = most + 0.25 * (most - low)
    if held.is_share:
        high = min(high, 1.0)
    whole = (high - low) or 1.0

    def x(value: float) -> float:
        return _WIDTH * min(max((value - low) / whole, 0.0), 1.0)

    return x


def _allowed(
    held: Held, given: Sequence[tuple[str, float]], x: Callable[[float], float]
) -> list[Markup]:
    """Where the number may be: on the right side of every mark."""
    if not given:
        return []
    ends = [x(value) for _, value in given]
    left, right = (0.0, min(ends)) if held.less_is_better else (max(ends), _WIDTH)
    return [tag("rect", class_="allowed", x=left, y=_TOP, width=right - left, height=_BAR)]


def _measured(held: Held, x: Callable[[float], float]) -> list[Markup]:
    kind, middle = held.finding.value, _TOP + _BAR / 2
    at = x(held.value)
    if held.other_end is None:
        begin = x(0.0)
        left, width = min(begin, at), abs(at - begin)
        return [
            tag("rect", class_=f"bar {kind}", x=left, y=_TOP + 2, width=width, height=_BAR - 4),
            tag("circle", class_=f"end {kind}", cx=at, cy=middle, r=5),
        ]
    left, right = sorted((x(held.other_end), at))
    parts = [
        tag("rect", class_=f"bar {kind}", x=left, y=_TOP + 2, width=max(right - left, 1.0),
            height=_BAR - 4),
        tag("path", class_=f"ends {kind}",
            d=f"M{coordinate(left)} {_TOP - 1:g}v{_BAR + 2:g}M{coordinate(right)} {_TOP - 1:g}"
            f"v{_BAR + 2:g}"),
    ]  # fmt: skip
    if held.likeliest is not None:
        parts.append(tag("circle", class_=f"end {kind}", cx=x(held.likeliest), cy=middle, r=4))
    return parts


def _name(words: str, at: float, y: float, kind: str) -> Markup:
    side = "start" if at < _WIDTH * 0.2 else "end" if at > _WIDTH * 0.8 else "middle"
    x = at if side == "middle" else max(at - 4, 0) if side == "start" else min(at + 4, _WIDTH)
    return tag("text", words, class_=kind, x=float(x), y=float(y), text_anchor=side)
