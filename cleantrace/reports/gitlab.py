"""GitLab's code quality report: a subset of Code Climate's JSON."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from cleantrace.reports.escaping import visible
from cleantrace.reports.report import Report, example_told, told

_SEVERITIES = {"fail": "blocker", "no_verdict": "critical", "warn": "minor", "waived": "info"}
_NOWHERE = "cleantrace-gate.yaml"


def render(report: Report) -> str:
    return json.dumps([*_issues(report)], indent=2) + "\n"


def _issues(report: Report) -> Iterator[dict[str, Any]]:
    policy = report.policy_path or _NOWHERE
    for rule in report.unmet():
        yield _issue(
            rule["id"],
            _SEVERITIES[rule["status"]],
            told(rule),
            policy,
            report.line(rule),
            f"{report.evaluation['policy']['name']} {rule['id']}",
        )
    for example in report.worst:
        yield _issue(
            "flagged-example",
            "minor",
            example_told(example),
            report.data_path or policy,
            1,
            f"{report.evaluation['dataset']['name']} {example['key']} {example['given']}",
        )


def _issue(
    name: str, severity: str, text: str, path: str, line: int, identity: str
) -> dict[str, Any]:
    return {
        "description": visible(text, 1000),
        "check_name": visible(name),
        "fingerprint": sha256(identity.encode(errors="replace")).hexdigest(),
        "severity": severity,
        "location": {"path": visible(path), "lines": {"begin": line}},
    }
