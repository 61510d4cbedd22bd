"""JUnit XML: a gate is a suite, a rule a test. No verdict is an error, a waived rule is skipped."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cleantrace.reports.escaping import visible
from cleantrace.reports.report import Report, example_told, told

_ELEMENTS = {"fail": "failure", "no_verdict": "error", "waived": "skipped"}
_MOST_EXAMPLES = 10


def render(report: Report) -> str:
    rules = report.evaluation["rules"]
    statuses = [rule["status"] for rule in rules]
    at = datetime.fromisoformat(report.evaluation["at"]).astimezone(UTC)
    root = ET.Element("testsuites")
    suite = ET.SubElement(
        root,
        "testsuite",
        {
            "name": visible(f"Cleantrace gate {report.policy}"),
            "package": "cleantrace.gate",
            "id": "0",
            "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}",
            "hostname": "localhost",
            "tests": str(len(rules)),
            "failures": str(statuses.count("fail")),
            "errors": str(statuses.count("no_verdict")),
            "skipped": str(statuses.count("waived")),
            "time": "0",
        },
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(report):
        ET.SubElement(properties, "property", {"name": name, "value": visible(value)})
    for rule in rules:
        _add_rule(suite, rule)
    ET.SubElement(suite, "system-out").text = _out(report)
    ET.SubElement(suite, "system-err").text = ""
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _properties(report: Report) -> list[tuple[str, str]]:
    scan = report.evaluation["scan"]
    found = [("verdict", report.verdict), ("dataset", report.dataset)]
    found += [("scan", scan["id"])] if scan else []
    return [*found, ("evaluation", report.evaluation["id"] or "a dry run")]


def _add_rule(suite: ET.Element, rule: Mapping[str, Any]) -> None:
    name = visible(rule["id"])
    case = ET.SubElement(
        suite, "testcase", {"name": name, "classname": "cleantrace.gate", "time": "0"}
    )
    if element := _ELEMENTS.get(rule["status"]):
        found = ET.SubElement(case, element, {"message": visible(rule["reason"])})
        if element != "skipped":
            found.set("type", visible(rule["rule"]))
        found.text = visible(told(rule), 2000)


def _out(report: Report) -> str:
    """What is no test's result: warnings, and the worst examples."""
    lines = [
        f"warning: {visible(rule['id'])}: {visible(told(rule), 1000)}"
        for rule in report.rules
        if rule["status"] == "warn"
    ]
    lines += [f"example {visible(example_told(each))}" for each in report.worst[:_MOST_EXAMPLES]]
    return "\n".join(lines)
