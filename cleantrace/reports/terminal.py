"""For people at a terminal; without colours it is plain text."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from cleantrace.reports.escaping import visible
from cleantrace.reports.report import IN_WORDS, Report, waiver

_STYLES = {
    "pass": "green",
    "warn": "yellow",
    "fail": "bold red",
    "no_verdict": "bold magenta",
    "waived": "cyan",
}
_SIGNS = {"pass": "✓", "warn": "!", "fail": "✗", "no_verdict": "?", "waived": "~"}
_MOST_EXAMPLES = 10


def styled(report: Report) -> Text:
    """Lines of their own words first: no text of a user's begins a line."""
    text = Text()
    text.append(f"{report.verdict}", style=_STYLES[report.evaluation["verdict"]])
    text.append(f": {visible(report.policy)}, on {visible(report.dataset)}\n")
    if compared := report.compared():
        text.append(f"  {visible(compared)}\n")
    for rule in report.rules:
        _add_rule(text, rule)
    if report.worst:
        text.append("\nMost suspicious:\n")
        for example in report.worst[:_MOST_EXAMPLES]:
            _add_example(text, example)
    return text


def render(report: Report) -> str:
    return styled(report).plain


def _add_rule(text: Text, rule: Mapping[str, Any]) -> None:
    status = rule["status"]
    text.append(f"  {_SIGNS[status]} {IN_WORDS[status]:<10} ", style=_STYLES[status])
    text.append(f"{visible(rule['id'])}", style="bold")
    if rule["limit"]:
        text.append(f" ({visible(rule['limit'])})")
    text.append("\n")
    remedy = None if status == "pass" else rule["remedy"]
    for line in filter(None, (rule["reason"], remedy, waiver(rule))):
        text.append(f"      {visible(line, 1000)}\n")


def _add_example(text: Text, example: Mapping[str, Any]) -> None:
    suggested = example["suggested"]
    instead = "" if suggested is None else f" → “{visible(suggested, 60)}”"
    text.append(f"  {visible(example['key'], 80)}", style="bold")
    text.append(
        f"  “{visible(example['given'], 60)}”{instead}  {example['suspicion']:.3f}  "
        f"{visible(example['reason'])}\n"
    )
    if example["snippet"]:
        text.append(f"      {visible(example['snippet'], 120)}\n", style="dim")
