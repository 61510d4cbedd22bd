"""GitHub annotations: workflow commands, which a step prints on its standard output."""

from collections.abc import Mapping
from typing import Any

from cleantrace.reports.escaping import workflow_message, workflow_property
from cleantrace.reports.report import Report, example_told, told

_LEVELS = {"fail": "error", "no_verdict": "error", "warn": "warning", "waived": "notice"}
MOST_OF_A_LEVEL = 10
"""GitHub shows no more of a level from one step."""


def render(report: Report) -> str:
    lines: dict[str, list[str]] = {"error": [], "warning": [], "notice": []}
    for rule in report.unmet():
        level = _LEVELS[rule["status"]]
        lines[level].append(_command(level, _place(report, rule), told(rule)))
    for example in report.worst:
        where = _in_file(report.data_path, 1)
        title = f"title={workflow_property('Likely mislabelled')}"
        lines["warning"].append(_command("warning", [*where, title], example_told(example)))
    return "".join(line for each in lines.values() for line in each[:MOST_OF_A_LEVEL])


def _place(report: Report, rule: Mapping[str, Any]) -> list[str]:
    title = f"Gate {report.policy}: {rule['id']}"
    return [
        *_in_file(report.policy_path, report.line(rule)),
        f"title={workflow_property(title)}",
    ]


def _in_file(path: str | None, line: int) -> list[str]:
    return [] if path is None else [f"file={workflow_property(path)}", f"line={line}"]


def _command(level: str, properties: list[str], message: str) -> str:
    return f"::{level} {','.join(properties)}::{workflow_message(message, 1000)}\n"
