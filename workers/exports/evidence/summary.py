"""The one page of a pack for people: inert, and it loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.estimates.schemas import LabelEstimateOut, WrongOut
from app.estimates.words import about, at_least, at_most, confidence
from cleantrace.reports.escaping import html
from cleantrace.reports.html import stand_alone, table
from workers.exports.evidence.files import HOLDS

_LONGEST = 120
_MOST_ROWS = 20


def summary_page(
    facts: Mapping[str, Any],
    estimate: LabelEstimateOut,
    gates: Sequence[Mapping[str, Any]],
    gate_count: int,
) -> str:
    """
    Args:
        facts: as provenance.json has them.
        gates: the latest verdicts, the last one last.
    """
    dataset = facts["dataset"]
    title = html(f"Evidence: {dataset['name']} {dataset['version']}", _LONGEST)
    parts = [
        f"<h1>{title}</h1>",
        (
            f"<p>{dataset['examples']:,} examples with the fingerprint "
            f"<code>{html(dataset['fingerprint'])}</code>. The latest thing in this pack is of "
            f"{html(facts['latest'])}.</p>"
        ),
        "<h2>How many labels are wrong</h2>",
        *_wrong(estimate),
        "<h2>Review</h2>",
        _review(facts["queues"]),
        "<h2>Gates</h2>",
        _gates(gates, gate_count),
        "<h2>Method</h2>",
        *_method(facts),
        "<h2>Files</h2>",
        (
            "<p>attestation.intoto.json lists all others with their SHA-256 and is signed. "
            "<code>cleantrace exports verify</code> compares them.</p>"
        ),
        table("Files", ["File", "Holds"], [_row(name, what) for name, what in HOLDS.items()]),
    ]
    return stand_alone(title, "\n".join(parts))


def _row(*cells: object) -> str:
    return "<tr>" + "".join(f"<td>{html(cell, _LONGEST)}</td>" for cell in cells) + "</tr>"


def _wrong(estimate: LabelEstimateOut) -> list[str]:
    head = ["", "At least", "Likeliest", "At most"]
    rows = [
        _row("Before the review", *_range(estimate.wrong.before)),
        _row("After its corrections", *_range(estimate.wrong.after)),
    ]
    audits = estimate.audits
    return [
        f"<p>{html(estimate.says)}</p>",
        table("Wrong labels", head, rows),
        (
            f"<p>{audits.drawn:,} examples were drawn at random, {audits.answered:,} of them are "
            f"decided. {estimate.reviewed:,} examples are reviewed, {estimate.found:,} found "
            f"wrong, {estimate.unknown:,} undecided. Bounds hold with {confidence(estimate.alpha)} "
            "confidence, however often one looked.</p>"
        ),
    ]


def _range(wrong: WrongOut) -> list[str]:
    number, share = wrong.number, wrong.share
    return [
        f"{number.lowest:,} ({at_least(share.lowest)})",
        f"{number.estimate:,} ({about(share.estimate)})",
        f"{number.highest:,} ({at_most(share.highest)})",
    ]


def _review(queues: Sequence[Mapping[str, Any]]) -> str:
    if not queues:
        return "<p>No review queue.</p>"
    head = ["Queue", "Right", "Relabelled", "Not usable", "Disputed", "People", "Verdicts"]
    rows = []
    for queue in queues[:_MOST_ROWS]:
        counts, people = queue["outcomes"], queue["people"]
        numbers = [counts.get(each, 0) for each in ("right", "relabel", "unusable", "disputed")]
        verdicts = sum(each["verdicts"] for each in people)
        rows.append(_row(queue["name"], *numbers, len(people), verdicts))
    return table("Review", head, rows) + _more(len(queues))


def _gates(gates: Sequence[Mapping[str, Any]], count: int) -> str:
    if not gates:
        return "<p>This data set was held against no stored policy.</p>"
    rows = []
    for each in reversed(gates):
        version = "" if each["gate_version"] is None else f" {each['gate_version']}"
        rows.append(_row(each["at"], f"{each['gate']}{version}", each["verdict"], each["by"]))
    return table("Gates", ["When", "Policy", "Verdict", "Asked by"], rows) + _more(count)


def _more(count: int) -> str:
    if count <= _MOST_ROWS:
        return ""
    return f"<p>{count - _MOST_ROWS:,} more are in the files.</p>"


def _method(facts: Mapping[str, Any]) -> list[str]:
    scan, run, code = facts["scan"], facts["run"], facts["code"]
    checkpoints = facts["checkpoints"]
    rows = [_row(each["step"], each["eta"], each["sha256"]) for each in checkpoints[:_MOST_ROWS]]
    coverage = scan["coverage"] or {}
    scored = ""
    if coverage.get("total"):
        scored = f" {coverage['scored']:,} of {coverage['total']:,} parameters."
    return [
        (
            f"<p>{html(scan['method'])}. Model {html(run['model'].get('name'))}, layers "
            f"{html(', '.join(scan['layers']))}.{scored} Ranked by {html(scan['score'])}; "
            f"{scan['flagged'] or 0:,} flagged. Finished {html(scan['finished_at'])}.</p>"
        ),
        table("Checkpoints", ["Step", "Eta", "SHA-256 of the weights"], rows),
        _more(len(checkpoints)),
        (
            f"<p>Made by {html(code['package'])} {html(code['version'])}, whose engine has the "
            f"SHA-256 <code>{html(code['engineSha256'])}</code>.</p>"
        ),
    ]
