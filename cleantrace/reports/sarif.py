"""SARIF 2.1.0, for code scanning: what is not met, then examples, the worst first."""

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from cleantrace.reports.escaping import sarif, visible
from cleantrace.reports.report import Report, example_told, told
from cleantrace.version import __version__

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"fail": "error", "no_verdict": "error", "warn": "warning", "waived": "note"}
MOST_RESULTS = 5_000
"""GitHub shows no more of a run; the first are kept."""
_FLAGGED = "flagged-example"
_NOWHERE = "cleantrace-gate.yaml"


def render(report: Report) -> str:
    results = [*_of_rules(report), *_of_examples(report)][:MOST_RESULTS]
    driver = {
        "name": "Cleantrace",
        "version": __version__,
        "rules": [*_rules(report)],
    }
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "properties": {
            "verdict": report.evaluation["verdict"],
            "dataset": visible(report.dataset),
            "policy": visible(report.policy),
        },
        "results": results,
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rules(report: Report) -> Iterator[dict[str, Any]]:
    for rule in report.evaluation["rules"]:
        yield {
            "id": visible(rule["id"]),
            "name": visible(rule["rule"]),
            "shortDescription": {"text": sarif(f"{rule['rule']}: {rule['limit'] or ''}")},
        }
    text = "An example whose label is likely wrong."
    yield {"id": _FLAGGED, "name": "flagged_example", "shortDescription": {"text": text}}


def _of_rules(report: Report) -> Iterator[dict[str, Any]]:
    for rule in report.unmet():
        found = _result(
            rule["id"],
            _LEVELS[rule["status"]],
            told(rule),
            {
                "artifactLocation": {"uri": _uri(report.policy_path or _NOWHERE)},
                "region": {"startLine": report.line(rule)},
            },
            f"{report.evaluation['policy']['name']} {rule['id']}",
        )
        if rule["status"] == "waived":
            why = f"{rule['waiver']['owner']}: {rule['waiver']['reason']}"
            found["suppressions"] = [{"kind": "external", "justification": visible(why)}]
        yield found


def _of_examples(report: Report) -> Iterator[dict[str, Any]]:
    path = report.data_path or report.policy_path or _NOWHERE
    for example in report.worst:
        found = _result(
            _FLAGGED,
            "warning",
            example_told(example),
            {"artifactLocation": {"uri": _uri(path)}, "region": {"startLine": 1}},
            f"{report.evaluation['dataset']['name']} {example['key']} {example['given']}",
        )
        key = {"name": visible(example["key"]), "kind": "member"}
        found["locations"][0]["logicalLocations"] = [key]
        # Of 100: how GitHub orders within a level.
        found["rank"] = round(100 * example["suspicion"], 3)
        yield found


def _result(
    rule: str, level: str, text: str, place: Mapping[str, Any], identity: str
) -> dict[str, Any]:
    return {
        "ruleId": visible(rule),
        "level": level,
        "message": {"text": sarif(text, 1000)},
        "locations": [{"physicalLocation": dict(place)}],
        # So that an alert stays the same one from run to run.
        "partialFingerprints": {
            "cleantrace/v1": sha256(identity.encode(errors="replace")).hexdigest()
        },
    }


def _uri(path: str) -> str:
    return quote(path, safe="/", errors="replace")
