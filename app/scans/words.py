"""A scan's settings and scores in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.dashboard.formatting import number, percent, plural, real, shortened
from app.scans.models import Scan, ScanStatus, Weighting
from app.scans.schemas import ScanOut

SCORE_NAMES = {
    "self_influence": "self-influence",
    "last_layer": "last layer's self-influence",
    "loss": "mean loss",
    "margin": "mean margin",
    "el2n": "EL2N",
}
AXIS_NAMES = {
    "self_influence": "self-influence",
    "self_influence_equal": "self-influence, checkpoints alike",
    "last_layer": "last layer's part",
    "loss": "loss",
    "margin": "margin",
    "el2n": "EL2N",
    "given_probability": "given label's probability",
    "probability": "predicted label's probability",
    "suspicion": "suspicion",
    "given_target": "given value",
    "predicted_value": "model's value",
}


def score_name(score: str) -> str:
    return SCORE_NAMES.get(score, score)


def policy_in_words(policy: dict[str, Any], higher_is_suspicious: bool = True) -> str:
    match policy["kind"]:
        case "top_k":
            return f"the {number(policy['k'])} most suspicious"
        case "share":
            return f"the most suspicious {percent(policy['share'])}"
        case _:
            side = "at least" if higher_is_suspicious else "at most"
            return f"a score of {side} {real(policy['score'])}"


def layers_in_words(layers: Sequence[str]) -> str:
    if list(layers) == ["all"]:
        return "all layers"
    if list(layers) == ["last"]:
        return "last layer"
    if list(layers) == ["auto"]:
        return "layers chosen by a sample"
    return shortened("layers " + ", ".join(layers), 60)


def weighting_in_words(weighting: str) -> str:
    if weighting == Weighting.eta:
        return "weighted by learning rate"
    return "checkpoints weighted equally"


def setting_facts(scan: Scan) -> list[str]:
    """What the scan was asked to do."""
    return [
        plural(len(scan.checkpoint_ids), "checkpoint"),
        layers_in_words(scan.layers),
        weighting_in_words(scan.weighting),
    ]


def waiting_words(scan: ScanOut) -> str:
    """What an unfinished scan is doing."""
    match scan.status:
        case ScanStatus.queued:
            return "Waiting for a worker to plan it"
        case ScanStatus.finalising:
            return "All examples are scored; ranking and flagging them"
        case _:
            return "Scoring"


def coverage_in_words(coverage: dict[str, Any] | None) -> tuple[str, str] | None:
    """A figure and a sentence on how much of the model the scores account for."""
    if not coverage or not coverage.get("total"):
        return None
    share = coverage["scored"] / coverage["total"]
    notes = []
    if coverage.get("excluded"):
        names = ", ".join(coverage["excluded"][:3])
        more = len(coverage["excluded"]) - 3
        notes.append(f"without {names}" + (f" and {more} more" if more > 0 else ""))
    if coverage.get("frozen"):
        notes.append(f"{plural(len(coverage['frozen']), 'tensor')} frozen")
    if coverage.get("slow_path"):
        took = coverage.get("slow_share")
        notes.append(
            f"{plural(len(coverage['slow_path']), 'tensor')} by the slow path"
            + (f", about {percent(took)} of the time" if took else "")
        )
    off = coverage.get("precision_error")
    if off:
        notes.append(
            f"in {coverage['precision']}: off by {percent(off['median'])} (median), "
            f"{percent(off['largest'])} at most"
        )
    of = f"{number(coverage['scored'])} of {number(coverage['total'])}"
    return percent(share), "; ".join([of, *notes])


def suspicion_words(rank: int | None, suspicion: float | None, ranked: int) -> str:
    if rank is None or suspicion is None:
        return "Not ranked: its scores are not finite."
    return f"More suspicious than {percent(suspicion)} of all {plural(ranked, 'example')}."


def range_words(axis: str, low: float | None, high: float | None) -> str:
    """`loss from 0.5 to 2`; an empty text for no range."""
    parts = [f"from {real(low)}"] if low is not None else []
    parts += [f"to {real(high)}"] if high is not None else []
    return " ".join([AXIS_NAMES[axis], *parts]) if parts else ""


def region_words(region: Mapping[str, Any]) -> str:
    """What a region of a scatter holds, from its members."""
    x, y = region["x"], region["y"]
    parts = [
        range_words(x, region.get("x_from"), region.get("x_to")),
        range_words(y, region.get("y_from"), region.get("y_to")),
    ]
    if region.get("polygons"):
        parts.append(f"drawn round in {AXIS_NAMES[x]} against {AXIS_NAMES[y]}")
    if region.get("positions"):
        parts.append(f"{number(len(region['positions']))} chosen one by one")
    parts += [f"{name} {region[name]}" for name in ("given", "suggested") if region.get(name)]
    if region.get("flagged") is not None:
        parts.append("flagged" if region["flagged"] else "not flagged")
    return ", ".join(filter(None, parts)) or "all that have a place in the scatter"
