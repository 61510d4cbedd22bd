"""One HTML file that stands alone: no script, nothing loaded from anywhere."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cleantrace.reports.escaping import html
from cleantrace.reports.pictures import data_uri, has_few_pixels
from cleantrace.reports.report import IN_WORDS, Report, waiver

_STYLE = """
:root { color-scheme: light dark; --canvas: #f6f6f4; --surface: #fff; --line: #deded8;
  --ink: #1c1d1a; --ink-2: #55564f; --accent: #2f5bd0; --pass: #1d6f42; --pass-soft: #e0f2e7;
  --warn: #a34a00; --warn-soft: #fdeedd; --fail: #b3261e; --fail-soft: #fbe5e3; }
@media (prefers-color-scheme: dark) { :root { --canvas: #131412; --surface: #1c1d1a;
  --line: #33352f; --ink: #ececE6; --ink-2: #b5b6ad; --accent: #8eabff; --pass: #7fd3a2;
  --pass-soft: #173024; --warn: #ffb566; --warn-soft: #3a2a14; --fail: #ff9b93;
  --fail-soft: #3b1b19; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 2rem 1.5rem 3rem; background: var(--canvas);
  color: var(--ink); font: .9375rem/1.5 ui-sans-serif, system-ui, "Segoe UI", sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.125rem; margin: 2rem 0 .75rem; }
p { margin: 0 0 .25rem; color: var(--ink-2); }
.scroll { overflow-x: auto; background: var(--surface); border: 1px solid var(--line);
  border-radius: 10px; }
table { border-collapse: collapse; width: 100%; min-width: 42rem; }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
tr:last-child td { border-bottom: 0; }
th { font-size: .8125rem; font-weight: 600; color: var(--ink-2); white-space: nowrap; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font: .8125rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
a { color: var(--accent); display: inline-flex; align-items: center; min-height: 2.5rem; }
img.few { image-rendering: pixelated; }
.id { min-width: 11rem; }
.remedy, .snippet { display: block; color: var(--ink-2); }
.snippet { font-size: .8125rem; }
img { display: block; width: 5rem; height: 5rem; object-fit: contain; margin-bottom: .25rem;
  border-radius: 6px; background: var(--canvas); }
.status { display: inline-block; padding: 0 .5rem; border-radius: 6px; white-space: nowrap;
  font-weight: 600; }
.pass { color: var(--pass); background: var(--pass-soft); }
.warn, .waived { color: var(--warn); background: var(--warn-soft); }
.fail, .no_verdict { color: var(--fail); background: var(--fail-soft); }
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{may}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


# Pictures stand in the page itself.
_MAY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def render(report: Report) -> str:
    title = f"{report.verdict}: {html(report.policy)}"
    parts = [f"<h1>{title}</h1>", *_about(report), "<h2>Rules</h2>", _rules(report)]
    if report.worst:
        parts += ["<h2>Most suspicious examples</h2>", _examples(report)]
    return stand_alone(title, "\n".join(parts))


def stand_alone(title: str, body: str) -> str:
    """A page of its own. Both must be HTML already."""
    return _PAGE.format(title=title, may=_MAY, style=_STYLE, body=body)


def _about(report: Report) -> list[str]:
    evaluation = report.evaluation
    lines = [f"Dataset <code>{html(report.dataset)}</code>"]
    if compared := report.compared():
        lines.append(html(compared[:1].upper() + compared[1:]))
    at = datetime.fromisoformat(evaluation["at"]).astimezone(UTC)
    lines.append(f"Evaluated on {at:%Y-%m-%d at %H:%M} UTC by {html(evaluation['by'])}")
    if evaluation["id"]:
        lines.append(f"Evaluation <code>{html(evaluation['id'])}</code>")
    return [f"<p>{line}</p>" for line in lines]


def table(name: str, head: list[str], rows: list[str]) -> str:
    cells = "".join(f'<th scope="col">{column}</th>' for column in head)
    body = "\n".join(rows)
    return (
        # Focusable, so that the keyboard can scroll it.
        f'<div class="scroll" tabindex="0" role="region" aria-label="{name}"><table>\n'
        f"<thead><tr>{cells}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _rules(report: Report) -> str:
    head = ["Status", "Rule", "Asked for", "Found"]
    return table("Rules", head, [_rule(each) for each in report.rules])


def _rule(rule: Mapping[str, Any]) -> str:
    status = rule["status"]
    told = html(rule["reason"], 1000)
    for line in (None if status == "pass" else rule["remedy"], waiver(rule)):
        if line:
            told += f'<span class="remedy">{html(line, 1000)}</span>'
    return (
        f'<tr><td><span class="status {html(status)}">{IN_WORDS[status]}</span></td>'
        f'<td class="id"><code>{html(rule["id"])}</code></td><td>{html(rule["limit"] or "")}</td>'
        f"<td>{told}</td></tr>"
    )


def _examples(report: Report) -> str:
    head = ["Example", "Given", "Suggested", "Suspicion", "Why"]
    return table("Examples", head, [_example(report, each) for each in report.worst])


def _picture(data: bytes) -> str:
    """Without a text of its own: the key stands beside it."""
    address = data_uri(data)
    if address is None:
        return ""
    few = ' class="few"' if has_few_pixels(data) else ""
    return f'<img src="{address}" alt="" width="80" height="80"{few}>'


def _example(report: Report, example: Mapping[str, Any]) -> str:
    key = f"<code>{html(example['key'], 200)}</code>"
    if url := report.example_url(example):
        key = f'<a href="{html(url)}">{key}</a>'
    key = _picture(report.pictures.get(example["position"], b"")) + key
    if example["snippet"]:
        key += f'<span class="snippet">{html(example["snippet"], 300)}</span>'
    suggested = "" if example["suggested"] is None else html(example["suggested"], 200)
    return (
        f"<tr><td>{key}</td><td>{html(example['given'], 200)}</td><td>{suggested}</td>"
        f'<td class="number">{example["suspicion"]:.3f}</td><td>{html(example["reason"])}</td></tr>'
    )
