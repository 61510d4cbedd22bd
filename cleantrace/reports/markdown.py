"""For a job's summary, or a comment on a pull request."""

from collections.abc import Mapping
from typing import Any

from cleantrace.reports.escaping import html, markdown, markdown_code
from cleantrace.reports.report import IN_WORDS, Report, waiver

_SIGNS = {"pass": "✅", "warn": "⚠️", "fail": "❌", "no_verdict": "❔", "waived": "⏳"}
_MOST_EXAMPLES = 10
LONGEST = 65_536
"""Characters of a comment on GitHub. A job's summary has room for more."""


def render(report: Report) -> str:
    """Examples are left out, the last first, until it fits into a comment."""
    for count in range(min(len(report.worst), _MOST_EXAMPLES), -1, -1):
        found = _with_examples(report, count)
        if len(found) <= LONGEST:
            return found
    return _without_rules(report)


def _with_examples(report: Report, count: int) -> str:
    lines = _head(report)
    lines += ["", "| | rule | asked for | found |", "|---|---|---|---|"]
    lines += [_row(rule) for rule in report.rules]
    if count:
        lines += ["", "**Most suspicious**", ""]
        lines += ["| example | given | suggested | suspicion | why |", "|---|---|---|---|---|"]
        numbered = enumerate(report.worst[:count], start=1)
        lines += [_example(report, number, example) for number, example in numbered]
        if report.sheet:
            lines += ["", f"Pictures of them, numbered alike: {markdown_code(report.sheet)}"]
    return "\n".join(lines) + "\n"


def _head(report: Report) -> list[str]:
    sign = _SIGNS[report.evaluation["verdict"]]
    lines = [
        f"### {sign} {report.verdict}: {markdown(report.policy)}",
        "",
        f"Dataset {markdown_code(report.dataset)}",
    ]
    if compared := report.compared():
        lines[-1] += f", {markdown(compared)}"
    return lines


def _without_rules(report: Report) -> str:
    unmet = sum(1 for _ in report.unmet())
    text = f"{unmet} of {len(report.rules)} rules have something to say: too much to show here."
    return "\n".join([*_head(report), "", text, ""])


def _row(rule: Mapping[str, Any]) -> str:
    remedy = "" if rule["status"] == "pass" or not rule["remedy"] else rule["remedy"]
    told = "<br>".join(
        markdown(line, 1000) for line in (rule["reason"], remedy, waiver(rule)) if line
    )
    status = f"{_SIGNS[rule['status']]} {IN_WORDS[rule['status']]}"
    return f"| {status} | {markdown_code(rule['id'])} | {markdown(rule['limit'] or '')} | {told} |"


def _example(report: Report, number: int, example: Mapping[str, Any]) -> str:
    key = markdown_code(example["key"], 100)
    if url := report.example_url(example):
        key = f'<a href="{html(url)}">{key}</a>'
    key = f"{number}. {key}"
    if example["snippet"]:
        key += f"<br>{markdown(example['snippet'], 200)}"
    suggested = "" if example["suggested"] is None else markdown_code(example["suggested"], 100)
    return (
        f"| {key} | {markdown_code(example['given'], 100)} | {suggested} "
        f"| {example['suspicion']:.3f} | {markdown(example['reason'])} |"
    )
