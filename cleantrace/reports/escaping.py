"""The one place where text that is not ours is made harmless, for each kind of report.

Keys, labels, texts, names and reasons may hold anything: markup, terminal sequences, formulas,
workflow commands. `visible` comes first everywhere; the others add what their format needs.
"""

import html as html_module
import json
import re
import string

_LONGEST = 500
_JOINERS = "\u200c\u200d"
"""Needed to write some languages, and harmless."""
FORMULA_SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"
"""What spreadsheets take for a formula where a cell begins with it, full width too."""
_FORMULA = re.escape(FORMULA_SIGNS)
# Patterns for whoever reads them, Python or Arrow: characters as they are where the two differ.
CONTROLS = r"\x00-\x1f\x7f-" + "\x9f\u2028-\u202e\u2066-\u2069"
"""What a terminal would act on, and what turns the direction of text."""
UNSAFE_IN_CSV = rf"""^\s*[{_FORMULA}]|^'|[;|]["'\s]*[{_FORMULA}]|[{CONTROLS}]"""
"""At the start, or after what some spreadsheets split lines at."""
_KEPT_IN_MARKDOWN = set(" ,;%()?'") | {"\N{RIGHT SINGLE QUOTATION MARK}"}


def visible(text: object, longest: int = _LONGEST) -> str:
    """On one line, cut, and with all that is not to be seen written out: ESC becomes `\\x1b`."""
    line = " ".join(str(text).split())
    if len(line) > longest:
        line = line[: longest - 1].rstrip() + "…"
    return written_out(line)


def written_out(text: str) -> str:
    """All of it, with what is not to be seen written out."""
    return "".join(c if c.isprintable() or c in _JOINERS else _code_of(c) for c in text)


def _code_of(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def cell(text: object, longest: int = _LONGEST) -> str:
    """For a table that may be pasted into a spreadsheet: never a formula."""
    found = visible(text, longest)
    return f"'{found}" if found.startswith(tuple(FORMULA_SIGNS)) else found


def csv_cell(text: str) -> str:
    """Exact where that is harmless; else after a ' and with JSON's escapes, as exports have it."""
    return escaped_cell(text) if re.search(UNSAFE_IN_CSV, text) else text


def escaped_cell(text: str) -> str:
    escaped = json.dumps(text)[1:-1].replace('\\"', '"')
    return "'" + escaped.replace(";", r"\u003b").replace("|", r"\u007c").replace("\x7f", r"\u007f")


def html(text: object, longest: int = _LONGEST) -> str:
    return html_module.escape(cell(text, longest), quote=True)


def markdown(text: object, longest: int = _LONGEST) -> str:
    """Plain words in Markdown, in a table too: every sign that could mean something is an entity.

    A zero-width space after @ and # keeps people from being notified and issues from being linked.
    """
    return "".join(_in_markdown(character) for character in cell(text, longest))


def _in_markdown(character: str) -> str:
    if character not in string.punctuation or character in _KEPT_IN_MARKDOWN:
        return character
    entity = f"&#{ord(character)};"
    return f"{entity}&#8203;" if character in "@#" else entity


def markdown_code(text: object, longest: int = _LONGEST) -> str:
    """The same as code. Not between backticks: in a table they do not protect a |."""
    return f"<code>{markdown(text, longest)}</code>"


def sarif(text: object, longest: int = _LONGEST) -> str:
    """A plain-text message of SARIF, in which [text](target) is a link, {0} a placeholder."""
    found = visible(text, longest).replace("\\", "\\\\")
    found = found.replace("[", "\\[").replace("]", "\\]")
    return found.replace("{", "{{").replace("}", "}}")


def workflow_message(text: object, longest: int = _LONGEST) -> str:
    """The message of a GitHub workflow command."""
    return visible(text, longest).replace("%", "%25")


def workflow_property(text: object, longest: int = _LONGEST) -> str:
    """A property of a GitHub workflow command."""
    return workflow_message(text, longest).replace(":", "%3A").replace(",", "%2C")
