"""Pictures of two scans: what became of the flags, and how a score shifted. Inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from app.compare.scan_schemas import DistributionOut, FlagFates
from app.dashboard.formatting import number, plural, real
from app.dashboard.svg import coordinate, tag

_WIDTH = 640.0
_BAR = 14.0
_LEAST = 3.0  # one flag among thousands must still be seen


def flow(flags: FlagFates) -> Markup:
    """Flags before at the left, flags now at the right; the band between them was kept."""
    height, top = 200.0, 30.0
    most = max(flags.gone + flags.kept, flags.kept + flags.new) or 1

    def tall(count: int) -> float:
        return max(height * count / most, _LEAST) if count else 0.0

    gone, kept, new = tall(flags.gone), tall(flags.kept), tall(flags.new)
    right = _WIDTH - _BAR
    # What has no other end fades away.
    parts = [tag("defs", _fading("gone", 0.4, 0.0) + _fading("new", 0.0, 0.4))]
    # The kept ones lie below those gone at the left, and above the new ones at the right.
    if gone:
        parts += [
            _band("gone", (_BAR, top, top + gone), (_WIDTH * 0.4, top, top + gone * 0.6)),
            tag("rect", class_="gone", x=0.0, y=top, width=_BAR, height=gone),
        ]
    if kept:
        left_top = top + gone
        parts += [
            _band("kept", (_BAR, left_top, left_top + kept), (right, top, top + kept)),
            tag("rect", class_="kept", x=0.0, y=left_top, width=_BAR, height=kept),
            tag("rect", class_="kept", x=right, y=top, width=_BAR, height=kept),
        ]
    if new:
        below = top + kept
        parts += [
            _band(
                "new", (_WIDTH * 0.6, below + new * 0.4, below + new), (right, below, below + new)
            ),
            tag("rect", class_="new", x=right, y=below, width=_BAR, height=new),
        ]
    before, now = flags.gone + flags.kept, flags.kept + flags.new
    parts += [
        tag("text", f"before: {number(before)} flagged", x=0.0, y=16.0),
        tag("text", f"now: {number(now)} flagged", x=_WIDTH, y=16.0, text_anchor="end"),
    ]
    # Beside the bars, where there is room for their words.
    for count, kind, x, y, anchor in (
        (flags.gone, "gone", _BAR + 10, top + gone / 2, "start"),
        (flags.kept, "kept", _WIDTH / 2, top + (gone + kept) / 2, "middle"),
        (flags.new, "new", right - 10, top + kept + new / 2, "end"),
    ):
        if count:
            words = f"{number(count)} {kind}"
            parts.append(tag("text", words, class_="name", x=x, y=y + 5, text_anchor=anchor))
    return tag(
        "svg",
        Markup("").join(parts),
        class_="chart-svg flow",
        viewBox=f"0 0 {coordinate(_WIDTH)} {coordinate(top + height + 8)}",
        role="img",
        aria_label=f"Of {plural(before, 'flag')} before, {number(flags.gone)} are gone and "
        f"{number(flags.kept)} were kept; {number(flags.new)} are new.",
    )


def _fading(kind: str, left: float, right: float) -> Markup:
    stops = [
        tag("stop", class_=f"of-{kind}", offset=offset, stop_opacity=opacity)
        for offset, opacity in ((0.0, left), (1.0, right))
    ]
    return tag("linearGradient", Markup("").join(stops), id=f"flow-{kind}")


def _band(kind: str, left: tuple[float, float, float], right: tuple[float, float, float]) -> Markup:
    """A band from one edge to another, each at x from one y down to another."""
    x, upper, lower = left
    far, far_upper, far_lower = right
    middle = (x + far) / 2
    steps = (
        f"M{x:.1f} {upper:.1f} C{middle:.1f} {upper:.1f} {middle:.1f} {far_upper:.1f} "
        f"{far:.1f} {far_upper:.1f} L{far:.1f} {far_lower:.1f} "
        f"C{middle:.1f} {far_lower:.1f} {middle:.1f} {lower:.1f} {x:.1f} {lower:.1f} Z"
    )
    return tag("path", class_=f"band {kind}", d=steps)


def two_histograms(told: DistributionOut, score_name: str) -> Markup:
    """The score before, upwards, and now, downwards, from one line, over the same bins."""
    # Shares, so that versions of different sizes compare.
    before, now = _shares(told.counts_before), _shares(told.counts)
    # Both sides on one scale, and as much room for each as it needs.
    scale = 210.0 / ((max(before) + max(now)) or 1.0)
    base = 6.0 + scale * max(before)
    end = base + max(scale * max(now), 24.0)
    slot = _WIDTH / len(before)
    parts = []
    for i, (share_before, share) in enumerate(zip(before, now, strict=True)):
        words = (
            f"{real(told.edges[i])} to {real(told.edges[i + 1])}: "
            f"{plural(told.counts_before[i], 'example')} before, {number(told.counts[i])} now"
        )
        bars = tag("title", words)
        for kind, value in (("rest", share_before), ("term", share)):
            if value:
                tall = max(scale * value, 2.0)
                y = base - 1 - tall if kind == "rest" else base + 1
                bars += tag(
                    "rect", class_=kind, x=i * slot + 1, y=y, width=slot - 2, height=tall, rx=2
                )
        parts.append(tag("g", bars))
    foot = end + 24
    middle = told.edges[len(told.edges) // 2]
    parts += [
        tag("line", class_="axis", x1=0, x2=_WIDTH, y1=base, y2=base),
        tag("text", "before ↑", x=_WIDTH, y=base - 10, text_anchor="end"),
        tag("text", "now ↓", x=_WIDTH, y=base + 20, text_anchor="end"),
        tag("text", real(told.edges[0]), x=0, y=foot),
        tag("text", real(middle), x=_WIDTH / 2, y=foot, text_anchor="middle"),
        tag("text", real(told.edges[-1]), x=_WIDTH, y=foot, text_anchor="end"),
    ]
    return tag(
        "svg",
        Markup("").join(parts),
        class_="chart-svg two-histograms",
        viewBox=f"0 0 {coordinate(_WIDTH)} {coordinate(foot + 8)}",
        role="img",
        aria_label=f"Distribution of {score_name} before and now. Half of the examples were at "
        f"most at {real(told.before.median)} and are at {real(told.now.median)}; 90 % at "
        f"{real(told.before.p90)}, now {real(told.now.p90)}.",
    )


def _shares(counts: Sequence[int]) -> list[float]:
    whole = sum(counts) or 1
    return [count / whole for count in counts]
