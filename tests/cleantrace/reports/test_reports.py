"""Reports in every format: valid by its schema, complete, and harmless whatever texts say."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console
from sarif_pydantic import Sarif

from cleantrace.reports import FORMATS, Report, escaping, github, markdown, sarif, terminal
from cleantrace.reports.escaping import cell, visible
from tests.cleantrace.reports.known import HOSTILE, example, hostile_report, report, rule

TAGS_OF_MARKDOWN = {
    *("h3", "p", "code", "table", "thead", "tbody", "tr", "th", "td", "br", "a", "strong")
}
ZERO_WIDTH = "\u200b"

every_text = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)


class Parsed(HTMLParser):
    """Elements with their attributes, and the text of each cell and of all."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.cells:
            self.cells[-1] += data.removesuffix("\n")

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


def rendered_markdown(found: Report) -> Parsed:
    renderer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return Parsed(renderer.render(markdown.render(found)))


@pytest.fixture(scope="session")
def xsd() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))


def require_sarif(found: dict[str, Any]) -> None:
    """The models of SARIF 2.1.0 take it, and know every member of it."""
    read = Sarif.model_validate(found)
    assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == found


def test_markdown_says_all_that_matters() -> None:
    found = rendered_markdown(report())
    assert "Gate failed: release 3" in found.text
    assert "compared with pets 1: 200 examples new or changed" in found.text
    for words in ("3 flags; at most 2 is asked for.", "Review these flags.", "Waived by ada until"):
        assert words in found.text
    assert "A dog runs over the grass" in found.text
    links = [attributes["href"] for tag, attributes in found.elements if tag == "a"]
    assert links[0] == "https://cleantrace.example/projects/lab/scans/77e0/examples/1"
    # What stops comes first.
    assert found.text.index("❌ failed") < found.text.index("❔ no verdict")
    assert found.text.index("⚠️ warning") < found.text.index("✅ passed")


def test_markdown_fits_into_a_comment() -> None:
    many = [example(number, reason="long " * 2000) for number in range(100)]
    assert len(markdown.render(report(worst=many))) <= markdown.LONGEST
    endless = [rule(f"rule-{number}", "fail", reason="#" * 5000) for number in range(100)]
    short = markdown.render(report(rules=endless))
    assert len(short) <= markdown.LONGEST
    assert "100 of 100 rules" in short


@every_text
def test_markdown_is_harmless(text: str) -> None:
    found = rendered_markdown(hostile_report(text))
    assert found.tags <= TAGS_OF_MARKDOWN
    assert {tag for tag, attributes in found.elements if attributes} <= {"a", "th", "td"}
    hrefs = {attributes.get("href") for tag, attributes in found.elements if tag == "a"}
    assert hrefs == {"https://c.example/p/scans/77e0/examples/7"}
    # 4 rules and an example, in tables whose cells are where they should be.
    assert len(found.cells) == 4 + 4 * 4 + 5 + 5
    # What is asked for by the first rule: the text alone.
    assert found.cells[6].replace(ZERO_WIDTH, "") == cell(text)
    assert not re.search(r"@\w|#\d", found.text)
    source = markdown.render(hostile_report(text))
    # Bare addresses would become links where GitHub renders it.
    assert "evil.example" not in source
    assert not controls_in(source)


@every_text
def test_html_is_harmless(text: str) -> None:
    page = FORMATS["html"](hostile_report(text))
    found = Parsed(page)
    assert found.tags.isdisjoint({"script", "img", "x", "b", "iframe", "form"})
    names = {name for _, attributes in found.elements for name in attributes}
    ours = "lang charset http-equiv content name scope class href tabindex role aria-label"
    assert names <= set(ours.split())
    hrefs = {attributes.get("href") for tag, attributes in found.elements if tag == "a"}
    assert hrefs == {"https://c.example/p/scans/77e0/examples/7"}
    assert found.cells[6] == cell(text)
    assert not any(words.startswith(("=", "+", "-", "@")) for words in found.cells)
    assert not controls_in(page)
    assert page.encode()


@every_text
def test_terminal_is_harmless(text: str) -> None:
    found = hostile_report(text)
    plain = terminal.render(found)
    assert not controls_in(plain)
    assert "\n::" not in plain
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, color_system="standard", width=200)
    console.print(terminal.styled(found), soft_wrap=True)
    sequences = set(re.findall(r"\x1b[^m]*m", shown.getvalue()))
    assert all(re.fullmatch(r"\x1b\[[\d;]*m", each) for each in sequences)
    assert "\x07" not in shown.getvalue()


@every_text
def test_junit_is_valid_and_harmless(text: str, xsd: xmlschema.XMLSchema) -> None:
    found = FORMATS["junit"](hostile_report(text))
    xsd.validate(found)
    suite = ET.fromstring(found)[0]
    cases = suite.findall("testcase")
    assert [case.attrib["name"] for case in cases] == [
        visible(f"{number}{text}") for number in range(4)
    ]
    assert {each.tag for each in suite.iter()} <= {
        *("testsuite", "properties", "property", "testcase", "failure", "error", "skipped"),
        *("system-out", "system-err"),
    }
    assert not controls_in(found)


def test_junit_counts_what_stops(xsd: xmlschema.XMLSchema) -> None:
    found = FORMATS["junit"](report())
    xsd.validate(found)
    suite = ET.fromstring(found)[0]
    counted = {name: suite.attrib[name] for name in ("tests", "failures", "errors", "skipped")}
    assert counted == {"tests": "5", "failures": "1", "errors": "1", "skipped": "1"}
    assert suite.attrib["timestamp"] == "2026-11-28T11:30:15"
    failure = suite.find("testcase[@name='flags']/failure")
    assert failure is not None
    assert failure.attrib["message"] == "3 flags; at most 2 is asked for."
    assert "Review these flags." in (failure.text or "")
    out = suite.findtext("system-out") or ""
    assert "warning: drift" in out
    assert "point-1: given “cat”, suggested “dog”" in out


@every_text
def test_sarif_is_valid_and_harmless(text: str) -> None:
    found = json.loads(sarif.render(hostile_report(text)))
    require_sarif(found)
    for result in found["runs"][0]["results"]:
        message = result["message"]["text"]
        assert not re.search(r"(?<!\\)\[[^\]\\]*\]\(", message)
        assert not {*"{}"} & {*message.replace("{{", "").replace("}}", "")}
        assert not controls_in(message)


def test_sarif_has_the_worst_first_and_fits() -> None:
    many = [example(number, key=f"point-{number}") for number in range(6000)]
    found = json.loads(sarif.render(report(worst=many)))
    results = found["runs"][0]["results"]
    assert len(results) == sarif.MOST_RESULTS
    assert [each["level"] for each in results[:5]] == [
        *("error", "error", "warning", "note", "warning")
    ]
    assert results[4]["message"]["text"].startswith("point-0: given “cat”")
    place = results[0]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "ci/gate.yaml"}, "region": {"startLine": 6}}
    data = results[4]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert data == {"uri": "data/pets%2C%20new.csv"}
    assert results[3]["suppressions"][0]["justification"] == "ada: known"
    prints = [json.dumps(each["partialFingerprints"]) for each in results]
    assert len(set(prints)) == len(prints)
    require_sarif(json.loads(sarif.render(report())))


@every_text
def test_github_annotations_are_one_command_a_line(text: str) -> None:
    lines = github.render(hostile_report(text)).splitlines()
    assert len(lines) == 5
    for line in lines:
        command = re.fullmatch(
            r"::(error|warning|notice) ((?:file|line|title)=[^:,]*(?:,(?:file|line|title)=[^:,]*)*)"
            r"::(.*)",
            line,
        )
        assert command, line
        assert not re.search(r"%(?!25|3A|2C)", line)
        assert not controls_in(line)


def test_github_shows_ten_of_a_level_and_where() -> None:
    lines = github.render(report(worst=[example(number) for number in range(30)])).splitlines()
    levels = [line.split(" ")[0] for line in lines]
    assert levels == ["::error"] * 2 + ["::warning"] * 10 + ["::notice"]
    assert lines[0].startswith("::error file=ci/gate.yaml,line=6,title=Gate release 3%3A flags::3 ")
    assert "file=data/pets%2C new.csv,line=1,title=Likely mislabelled::point-0" in lines[3]


@every_text
def test_gitlab_issues_have_what_is_asked_for(text: str) -> None:
    issues = json.loads(FORMATS["gitlab"](hostile_report(text)))
    assert len(issues) == 5
    for issue in issues:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert issue["location"]["lines"]["begin"] >= 1
        assert not controls_in(issue["description"])


@pytest.mark.parametrize("verdict", ["pass", "warn", "fail", "no_verdict"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_knows_every_verdict_and_what_may_be_absent(name: str, verdict: str) -> None:
    bare = report(
        verdict=verdict, scan=None, baseline=None, changed_examples=None, worst=[], id=None
    )
    assert FORMATS[name](Report(bare.evaluation))


@settings(deadline=None)
@given(st.text(max_size=60))
def test_whatever_a_text_is_it_reads_as_itself(text: str) -> None:
    renderer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    page = renderer.render(f"| a | b |\n|---|---|\n| {escaping.markdown(text)} | end |\n")
    found = Parsed(page)
    assert found.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert found.cells[2].replace(ZERO_WIDTH, "") == cell(text)
    assert Parsed(f"<td>{escaping.html(text)}</td>").cells == [cell(text)]
    assert "\n" not in escaping.workflow_message(text)


def controls_in(text: str) -> list[str]:
    return [c for c in text if c != "\n" and not c.isprintable() and c not in "\u200b\u200c\u200d"]


PIXEL = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x08\0\0\0\x08\x08\x02\0\0\0Km)\xdc"
PHOTO = b"\xff\xd8\xff\xe0 and so on"


@pytest.mark.parametrize(
    ("data", "address"),
    [
        (PIXEL, "data:image/png;base64,iVBORw0KGgo"),
        (PHOTO, "data:image/jpeg;base64,/9j/4"),
        (b"<svg onload=alert(1)>", None),
        (b"GIF89a", None),
        (b'" onerror="alert(1)', None),
        (PHOTO + bytes(200_000), None),
        (b"", None),
    ],
)
def test_only_small_pictures_come_into_the_page(data: bytes, address: str | None) -> None:
    found = report(worst=[example(7)])
    page = FORMATS["html"](replace(found, pictures={7: data}))
    images = [attributes for tag, attributes in Parsed(page).elements if tag == "img"]
    assert [str(each["src"]).startswith(address or "-") for each in images] == [True] * bool(
        address
    )
    assert "onerror" not in page
    (policy,) = [
        attributes["content"]
        for tag, attributes in Parsed(page).elements
        if tag == "meta" and "http-equiv" in attributes
    ]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_few_pixels_are_drawn_as_squares() -> None:
    found = replace(report(), pictures={1: PIXEL, 2: PHOTO})
    elements = Parsed(FORMATS["html"](found)).elements
    assert [attributes.get("class") for tag, attributes in elements if tag == "img"] == [
        "few",
        None,
    ]


@every_text
def test_the_name_of_the_sheet_is_harmless(text: str) -> None:
    found = replace(hostile_report("plain"), sheet=text)
    source = markdown.render(found)
    assert "evil.example" not in source
    assert not controls_in(source)
    assert rendered_markdown(found).tags <= TAGS_OF_MARKDOWN


def test_markdown_numbers_the_examples_as_the_sheet_does() -> None:
    found = rendered_markdown(replace(report(), sheet="gate.png"))
    assert "1. point-1" in found.text
    assert "3. point-3" in found.text
    assert "Pictures of them, numbered alike: gate.png" in found.text
