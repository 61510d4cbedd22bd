"""What every report is made from, and the words that all of them share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

IN_WORDS = {
    "pass": "passed",
    "warn": "warning",
    "fail": "failed",
    "no_verdict": "no verdict",
    "waived": "waived",
}
_VERDICTS = {
    "pass": "Gate passed",
    "warn": "Gate passed with warnings",
    "fail": "Gate failed",
    "no_verdict": "No verdict possible",
}


@dataclass(frozen=True)
class Report:
    """An evaluation, as the service answers it, and where it is reported.

    Attributes:
        policy_path: of the policy's file, relative to the repository; where findings are shown.
        lines: the line of each rule in it, by the rule's id.
        data_path: of the data in the repository, where examples are shown.
        project_url: of the project's pages, for links.
        pictures: of examples, by their position, as the service draws them anew.
        sheet: the file's name of the picture that has the examples numbered side by side.
    """

    evaluation: Mapping[str, Any]
    policy_path: str | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    data_path: str | None = None
    project_url: str | None = None
    pictures: Mapping[int, bytes] = field(default_factory=dict)
    sheet: str | None = None

    @property
    def policy(self) -> str:
        policy = self.evaluation["policy"]
        return policy["name"] + (f" {policy['version']}" if policy.get("version") else "")

    @property
    def dataset(self) -> str:
        dataset = self.evaluation["dataset"]
        return f"{dataset['name']} {dataset['version']}"

    @property
    def verdict(self) -> str:
        return _VERDICTS[self.evaluation["verdict"]]

    @property
    def rules(self) -> list[Mapping[str, Any]]:
        """Those that stop first, then those that warn, as in the policy otherwise."""
        order = list(reversed(("pass", "waived", "warn", "no_verdict", "fail")))
        return sorted(self.evaluation["rules"], key=lambda rule: order.index(rule["status"]))

    @property
    def worst(self) -> list[Mapping[str, Any]]:
        return list(self.evaluation["worst"])

    def unmet(self) -> Iterator[Mapping[str, Any]]:
        """Rules that have something to say."""
        return (rule for rule in self.rules if rule["status"] != "pass")

    def line(self, rule: Mapping[str, Any]) -> int:
        return self.lines.get(rule["id"], 1)

    def example_url(self, example: Mapping[str, Any]) -> str | None:
        scan = self.evaluation["scan"]
        if self.project_url is None or scan is None:
            return None
        return f"{self.project_url}/scans/{scan['id']}/examples/{example['position']}"

    def compared(self) -> str | None:
        """What with, if with anything."""
        baseline = self.evaluation["baseline"]
        if baseline is None:
            return None
        told = f"compared with {baseline['name']} {baseline['version']}"
        changed = self.evaluation["changed_examples"]
        return told if changed is None else f"{told}: {changed:,} examples new or changed"


def told(rule: Mapping[str, Any]) -> str:
    """A rule's reason, what to do, and its waiver."""
    return " ".join(filter(None, [rule["reason"], _remedy(rule), waiver(rule)]))


def _remedy(rule: Mapping[str, Any]) -> str | None:
    remedy: str | None = rule["remedy"]
    return None if rule["status"] == "pass" else remedy


def waiver(rule: Mapping[str, Any]) -> str | None:
    found = rule["waiver"]
    if found is None:
        return None
    if found["expired"]:
        return f"Its waiver by {found['owner']} ended on {found['until']}."
    if rule["status"] != "waived":
        return f"Its waiver by {found['owner']} until {found['until']} is not needed."
    return f"Waived by {found['owner']} until {found['until']}: {found['reason']}"


def example_told(example: Mapping[str, Any]) -> str:
    """`point-7: given “0”, suggested “1”, suspicion 0.998. Harder to fit than 99 % of the 0s.`"""
    suggested = example["suggested"]
    instead = f", suggested “{suggested}”" if suggested is not None else ""
    return (
        f"{example['key']}: given “{example['given']}”{instead}, suspicion "
        f"{example['suspicion']:.3f}. {example['reason']}"
    )
