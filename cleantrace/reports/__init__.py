"""Reports of evaluations: each format is one pure function from an evaluation's JSON to text."""

from collections.abc import Callable

from cleantrace.reports import github, gitlab, html, junit, markdown, sarif, terminal
from cleantrace.reports.report import Report

FORMATS: dict[str, Callable[[Report], str]] = {
    "terminal": terminal.render,
    "markdown": markdown.render,
    "junit": junit.render,
    "sarif": sarif.render,
    "github": github.render,
    "gitlab": gitlab.render,
    "html": html.render,
}

__all__ = ["FORMATS", "Report"]
