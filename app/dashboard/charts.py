"""Charts as inline SVG and tables: ready markup, coloured by classes of the style sheet alone.

Every chart says in words what it shows (its `aria-label`), and colour never carries a meaning
that shape or text does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from app.dashboard.formatting import number, percent, plural, real
from app.dashboard.svg import coordinate, tag

_WIDTH, _HEIGHT = 640.0, 220.0
_FOOT = 34.0  # room for the axis's words, which are drawn larger on small screens
_LEAST = 2.0  # one example among millions must still be seen


def share_bar(share: float, kind: str = "suspect") -> Markup:
    """A thin horizontal bar for a share of 0..1; the number stands beside it in text."""
    width = 100.0 * min(max(share, 0.0), 1.0)
    bars = tag("rect", class_="track", width=100.0, height=6.0) + tag(
        "rect", class_=f"fill {kind}", width=width, height=6.0
    )
    return tag(
        "svg",
        bars,
        class_="share-bar",
        viewBox="0 0 100 6",
        preserveAspectRatio="none",
        aria_hidden="true",
        focusable="false",
    )


def parts_bar(parts: Sequence[tuple[str, int]], whole: int) -> Markup:
    """A horizontal bar of several parts of a whole; what is left over is its track.

    Args:
        parts: for each its class in the style sheet and its size, from the left.
    """
    bars = tag("rect", class_="track", width=100.0, height=6.0)
    left = 0.0
    for kind, size in parts:
        # However few, they must be seen.
        width = max(100.0 * size / max(whole, 1), 0.5) if size > 0 else 0.0
        if width:
            bars += tag("rect", class_=f"fill {kind}", x=left, width=width, height=6.0)
        left += width
    return tag(
        "svg",
        bars,
        class_="share-bar parts",
        viewBox="0 0 100 6",
        preserveAspectRatio="none",
        aria_hidden="true",
        focusable="false",
    )


@dataclass(frozen=True)
class _Axis:
    """Values to x coordinates, evenly on the drawn scale."""

    low: float
    high: float
    to_scale: Callable[[float], float]
    width: float = _WIDTH

    def x(self, value: float) -> float:
        low, high = self.to_scale(self.low), self.to_scale(self.high)
        part = (self.to_scale(value) - low) / ((high - low) or 1.0)
        return self.width * min(max(part, 0.0), 1.0)


def _root(value: float) -> float:
    return math.copysign(math.sqrt(abs(value)), value)


def _nice(value: float) -> float:
    """The nearest 1, 2 or 5 times a power of ten."""
    if abs(value) < 1e-300:  # smaller, and its power of ten would be 0
        return 0.0
    power = 10.0 ** math.floor(math.log10(abs(value)))
    return min((1, 2, 5, 10), key=lambda step: abs(step - abs(value) / power)) * math.copysign(
        power, value
    )


def _ticks(axis: _Axis, taken: Sequence[float]) -> list[float]:
    """Round values between the ends, clear of each other and of x positions taken."""
    chosen: list[float] = []
    for part in (0.3, 0.5, 0.7):
        if axis.to_scale is _root:
            value = (_root(axis.low) + part * (_root(axis.high) - _root(axis.low))) ** 2
        else:
            value = axis.low + part * (axis.high - axis.low)
        value = _nice(value)
        if not axis.low < value < axis.high:
            continue
        spots = [*taken, *(axis.x(other) for other in chosen)]
        if all(abs(axis.x(value) - spot) > 80 for spot in spots):
            chosen.append(value)
    return chosen


def histogram(
    data: dict[str, Any], *, cut: float | None, higher_is_suspicious: bool, score_name: str
) -> Markup:
    """Distribution of a score; flagged examples orange, on top of the others.

    Args:
        data: `histogram` of a scan's summary: scale, edges (n+1), counts (n), flagged (n).
        cut: value of the least suspicious flagged example.
    """
    edges, counts, flagged = data["edges"], data["counts"], data["flagged"]
    axis = _Axis(edges[0], edges[-1], _root if data["scale"] == "sqrt" else float)
    tallest = max(counts, default=0) or 1
    base = _HEIGHT
    top = 22.0

    def height(count: int) -> float:
        return max((base - top) * count / tallest, _LEAST) if count else 0.0

    bars = []
    for (low, high), count, hot in zip(pairwise(edges), counts, flagged, strict=True):
        if not count:
            continue
        left, width = axis.x(low), max(axis.x(high) - axis.x(low) - 2.0, 1.0)
        whole, lit = height(count), height(hot)
        words = f"{real(low)} to {real(high)}: {plural(count, 'example')}, {number(hot)} flagged"
        parts = tag("title", words)
        if whole > lit:
            parts += tag(
                "rect", class_="rest", x=left, y=base - whole, width=width, height=whole - lit, rx=2
            )
        if lit:
            parts += tag(
                "rect", class_="flagged", x=left, y=base - lit, width=width, height=lit, rx=2
            )
        bars.append(tag("g", parts))
    marks = [tag("line", class_="axis", x1=0, x2=_WIDTH, y1=base + 0.5, y2=base + 0.5)]
    at_ends = [0.0, _WIDTH]
    if cut is not None:
        x = axis.x(cut)
        side = "start" if x < _WIDTH * 0.7 else "end"
        arrow = f"cut {real(cut)} →" if higher_is_suspicious else f"← cut {real(cut)}"
        marks.append(tag("line", class_="cut", x1=x, x2=x, y1=0, y2=base))
        marks.append(
            tag("text", arrow, class_="cut-name", x=x + (6 if side == "start" else -6), y=14.0,
                 text_anchor=side)
        )  # fmt: skip
    foot = base + 22.0
    marks.append(tag("text", real(edges[0]), x=0, y=foot))
    marks.append(tag("text", real(edges[-1]), x=_WIDTH, y=foot, text_anchor="end"))
    marks += [
        tag("text", real(value), x=axis.x(value), y=foot, text_anchor="middle")
        for value in _ticks(axis, at_ends)
    ]
    words = (
        f"Distribution of {score_name} over {plural(sum(counts), 'example')}, from "
        f"{real(edges[0])} to {real(edges[-1])}; {number(sum(flagged))} are flagged"
        + (f", {'above' if higher_is_suspicious else 'below'} the cut at {real(cut)}." if cut is not
           None else ".")
    )  # fmt: skip
    return tag(
        "svg",
        Markup("").join([*bars, *marks]),
        class_="chart-svg histogram",
        viewBox=f"0 0 {coordinate(_WIDTH)} {coordinate(_HEIGHT + _FOOT)}",
        role="img",
        aria_label=words,
    )


def terms_chart(steps: Sequence[int], terms: Sequence[float | None]) -> Markup:
    """An example's squared gradient norm at each checkpoint, in the order of steps."""
    values = [value for value in terms if value is not None]
    largest = max(values, default=0.0) or 1.0
    slot = _WIDTH / max(len(terms), 1)
    base, top = 150.0, 26.0
    parts = [tag("line", class_="axis", x1=0, x2=_WIDTH, y1=base + 0.5, y2=base + 0.5)]
    for index, (step, value) in enumerate(zip(steps, terms, strict=True)):
        middle = slot * (index + 0.5)
        words = f"step {number(step)}: " + ("not finite" if value is None else real(value))
        width = min(slot * 0.7, 56.0)
        bar: Markup | str
        if value is None:
            bar = tag(
                "text",
                "\N{MULTIPLICATION SIGN}",
                class_="cut-name",
                x=middle,
                y=base - 6,
                text_anchor="middle",
            )
        else:
            tall = max((base - top) * value / largest, _LEAST)
            bar = tag(
                "rect", class_="term", x=middle - width / 2, y=base - tall, width=width,
                height=tall, rx=3,
            )  # fmt: skip
            if slot >= 56:
                bar += tag(
                    "text", real(value), class_="value", x=middle, y=base - tall - 7,
                    text_anchor="middle",
                )  # fmt: skip
        parts.append(tag("g", tag("title", words) + bar))
        every = max(1, math.ceil(56 / slot))
        if index % every == 0:
            parts.append(tag("text", number(step), x=middle, y=base + 22, text_anchor="middle"))
    told = "; ".join(
        f"step {number(step)} {'not finite' if value is None else real(value)}"
        for step, value in list(zip(steps, terms, strict=True))[:40]
    )
    return tag(
        "svg",
        Markup("").join(parts),
        class_="chart-svg terms",
        viewBox=f"0 0 {coordinate(_WIDTH)} {coordinate(base + _FOOT)}",
        role="img",
        aria_label=f"Squared gradient norm at each checkpoint: {told}.",
    )


@dataclass(frozen=True)
class Dot:
    """An example of a regression: its given value, the model's, and where it is shown."""

    given: float
    predicted: float
    url: str
    name: str


def scatter(dots: Sequence[Dot], targets: tuple[float, float]) -> Markup:
    """Given value against the model's value; on the diagonal they agree. Dots are links."""
    both = [value for dot in dots for value in (dot.given, dot.predicted)]
    low, high = min([targets[0], *both]), max([targets[1], *both])
    width, height = 420.0, 300.0
    across = _Axis(low, high, float, width)
    up = _Axis(low, high, float, height)
    parts = [
        tag("line", class_="axis", x1=0, x2=width, y1=height + 0.5, y2=height + 0.5),
        tag("line", class_="axis", x1=0.5, x2=0.5, y1=0, y2=height),
        tag("line", class_="agree", x1=0, y1=height, x2=width, y2=0),
    ]
    for dot in dots:
        words = f"{dot.name}: given {real(dot.given)}, the model says {real(dot.predicted)}"
        circle = tag(
            "circle", tag("title", words), cx=across.x(dot.given),
            cy=height - up.x(dot.predicted), r=6,
        )  # fmt: skip
        parts.append(tag("a", circle, href=dot.url, aria_label=words))
    parts += [
        tag("text", real(low), x=0, y=height + 22),
        tag("text", "given value →", x=width / 2, y=height + 22, text_anchor="middle"),
        tag("text", real(high), x=width, y=height + 22, text_anchor="end"),
        tag("text", "↑ the model's value", x=10, y=14.0),
    ]
    return tag(
        "svg",
        Markup("").join(parts),
        class_="chart-svg scatter",
        viewBox=f"-8 -8 {coordinate(width + 16)} {coordinate(height + 8 + _FOOT)}",
        role="group",
        aria_label=f"Given value against the model's value of {plural(len(dots), 'example')}.",
    )


_SHOWN_CLASSES = 12
_SHOWN_PAIRS = 12
_HEAT_LEVELS = 8


@dataclass(frozen=True)
class HeatCell:
    count: int
    level: int
    """0 for none, else 1.._HEAT_LEVELS for the colour."""
    url: str | None
    words: str
    is_same: bool
    """On the diagonal."""


@dataclass(frozen=True)
class PairLink:
    given: str
    suggested: str
    count: int
    share: Markup
    url: str


@dataclass(frozen=True)
class HeatMap:
    """Examples by given (rows) and another (columns) class."""

    names: list[str]
    rows: list[tuple[str, list[HeatCell]]]
    largest: list[PairLink]
    left_out: int
    """Classes that are not drawn: only those with the most flagged pairs are."""

    @property
    def has_long_names(self) -> bool:
        return any(len(name) > 4 for name in self.names)


def heat_map(
    pairs: Sequence[dict[str, Any]],
    classes: Sequence[str],
    url_of: Callable[[str, str], str],
    *,
    says: str = "suggested",
) -> HeatMap | None:
    """Class pairs as a table whose cells are links; None if empty.

    Args:
        pairs: each with `given`, `suggested` and `count`; of a class with itself they are not
            coloured, and not among the largest.
        says: what the second class is.
    """
    if not pairs:
        return None
    weight = dict.fromkeys(classes, 0)
    unlike = [pair for pair in pairs if pair["given"] != pair["suggested"]]
    for pair in unlike:
        weight[pair["given"]] = weight.get(pair["given"], 0) + pair["count"]
        weight[pair["suggested"]] = weight.get(pair["suggested"], 0) + pair["count"]
    heaviest = sorted(weight, key=lambda name: -weight[name])[:_SHOWN_CLASSES]
    names = [name for name in weight if name in set(heaviest)]
    counts = {(pair["given"], pair["suggested"]): pair["count"] for pair in pairs}
    most = max((pair["count"] for pair in unlike), default=0) or 1
    rows = [
        (given, [_cell(given, other, counts.get((given, other), 0), most, url_of, says)
                 for other in names])
        for given in names
    ]  # fmt: skip
    ordered = sorted(unlike, key=lambda pair: -pair["count"])[:_SHOWN_PAIRS]
    largest = [
        PairLink(
            pair["given"],
            pair["suggested"],
            pair["count"],
            share_bar(pair["count"] / most),
            url_of(pair["given"], pair["suggested"]),
        )
        for pair in ordered
    ]
    return HeatMap(names, rows, largest, len(weight) - len(names))


def _cell(
    given: str, other: str, count: int, most: int, url_of: Callable[[str, str], str], says: str
) -> HeatCell:
    level = math.ceil(_HEAT_LEVELS * count / most) if count and given != other else 0
    words = f"{plural(count, 'example')} given {given}, {says} {other}"
    return HeatCell(count, level, url_of(given, other) if count else None, words, given == other)


@dataclass(frozen=True)
class ClassRow:
    """Flagged examples of one given class."""

    name: str
    examples: int
    flagged: int
    share: str
    bar: Markup
    url: str


def class_rows(classes: Sequence[dict[str, Any]], url_of: Callable[[str], str]) -> list[ClassRow]:
    """Classes by their share of flagged examples, the largest first."""

    def share(item: dict[str, Any]) -> float:
        return item["flagged"] / item["examples"] if item["examples"] else 0.0

    largest = max(map(share, classes), default=0.0) or 1.0
    return [
        ClassRow(
            item["label"],
            item["examples"],
            item["flagged"],
            percent(share(item)) if item["examples"] else "no examples",
            share_bar(share(item) / largest),
            url_of(item["label"]),
        )
        for item in sorted(classes, key=lambda item: (-share(item), -item["examples"]))
    ]
