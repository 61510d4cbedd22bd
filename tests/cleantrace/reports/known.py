"""Evaluations as the service answers them."""

from __future__ import annotations

from typing import Any

from cleantrace.reports import Report


def rule(name: str, status: str = "pass", **changes: Any) -> dict[str, Any]:
    findings = {"pass": "holds", "no_verdict": "unknown"}
    return {
        "id": name,
        "rule": "flags",
        "level": "warn" if status == "warn" else "fail",
        "status": status,
        "finding": findings.get(status, "broken"),
        "measured": "3",
        "limit": "at most 2",
        "value": 3.0,
        "baseline": None,
        "reason": "3 flags; at most 2 is asked for.",
        "remedy": None if status == "pass" else "Review these flags.",
        "waiver": None,
        "worst": [],
    } | changes


def waiver(**changes: Any) -> dict[str, Any]:
    return {"owner": "ada", "reason": "known", "until": "2026-12-31", "expired": False} | changes


def example(position: int = 7, **changes: Any) -> dict[str, Any]:
    return {
        "position": position,
        "key": f"point-{position}",
        "given": "cat",
        "suggested": "dog",
        "suspicion": 0.998,
        "rank": position,
        "reason": "Harder to fit than 99 % of the cats.",
        "snippet": "A dog runs over the grass",
        "rules": ["flags"],
    } | changes


def evaluation(verdict: str = "fail", **changes: Any) -> dict[str, Any]:
    return {
        "id": "0d9c5f8e-2f3a-4f0e-8a57-0c6f6f8f2b11",
        "policy": {"name": "release", "version": 3},
        "dataset": {"id": "1", "name": "pets", "version": "2", "examples": 1000},
        "scan": {"id": "77e0", "finished_at": "2026-11-27T12:00:00+00:00"},
        "baseline": {"name": "pets", "version": "1", "scan_id": "66d0"},
        "changed_examples": 200,
        "at": "2026-11-28T12:30:15.123456+01:00",
        "by": "key ci",
        "verdict": verdict,
        "rules": [
            rule("age"),
            rule("flags", "fail"),
            rule("audit", "no_verdict", measured=None, value=None, reason="Nothing was audited."),
            rule("drift", "warn"),
            rule("same-data", "waived", waiver=waiver()),
        ],
        "worst": [example(number) for number in range(1, 4)],
    } | changes


def report(**changes: Any) -> Report:
    return Report(
        evaluation(**changes),
        policy_path="ci/gate.yaml",
        lines={"age": 4, "flags": 6, "audit": 9},
        data_path="data/pets, new.csv",
        project_url="https://cleantrace.example/projects/lab",
    )


HOSTILE = {
    "element": "<img src=x onerror=alert(1)>",
    "attribute": '"><script>alert(1)</script>',
    "link": "[click](javascript:alert(1))",
    "picture": "![](https://evil.example/p.png)",
    "address": "https://evil.example www.evil.example mail@evil.example",
    "emphasis": "**bold** _x_ ~~y~~ `code` ``",
    "table": "a | b \\| c |",
    "mention": "@octocat closes #1",
    "heading": "# big",
    "list": "- point",
    "entity": "&lt;b&gt; &#60;b&#62;",
    "colour": "\x1b[31mred\x1b[0m",
    "title": "\x1b]0;owned\x07",
    "C1": "\x9b31m",
    "formula": '=HYPERLINK("http://evil.example")',
    "plus": "+1+cmd|' /C calc'!A0",
    "minus": "-2+3",
    "at": "@SUM(1+1)",
    "command": "::error file=a::owned",
    "new line": "a\n::set-output name=x::y\r\n::stop-commands::t",
    "percent": "%0A::error::owned",
    "cdata": "]]><x/>",
    "right to left": "abc\u202edcba\u2066",
    "braces": "{0} {} [x](0)",
    "not a character": "\ufffe\uffff\ud800",
    "tabs": "\t=1\t\x0b\x0c",
    "long": "x" * 5000,
}


def hostile_report(text: str) -> Report:
    """With the text wherever a user's text can stand."""
    policy = {"name": text, "version": None}
    rules = [
        rule(
            f"{number}{text}", status, reason=text, limit=text, remedy=text, rule=text, waiver=found
        )
        for number, (status, found) in enumerate(
            [
                ("fail", None),
                ("no_verdict", waiver(owner=text, reason=text, expired=True)),
                ("warn", None),
                ("waived", waiver(owner=text, reason=text)),
            ]
        )
    ]
    worst = [example(key=text, given=text, suggested=text, reason=text, snippet=text)]
    made = evaluation(
        policy=policy,
        dataset={"id": "1", "name": text, "version": text, "examples": 1},
        baseline={"name": text, "version": text, "scan_id": "1"},
        by=text,
        rules=rules,
        worst=worst,
    )
    return Report(made, policy_path=text, data_path=text, project_url="https://c.example/p")
