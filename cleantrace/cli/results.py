"""How commands tell what they found: text for people, JSON with --json.

One thing is one object; many are JSON Lines, an object on each line, as they come. Members have
the API's own names.
"""

import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from cleantrace.cli.service import out
from cleantrace.client.errors import JobFailed
from cleantrace.client.models import Record
from cleantrace.progress import Bar

R = TypeVar("R", bound=Record)

_LONGEST = 100_000
_LONGEST_NESTED = 400
# What a terminal would act on, and JSON does not escape by itself.
_UNSEEN = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON: an object, or for many one on each line.")
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is done.")]
Timeout = Annotated[
    float | None,
    typer.Option(
        min=0, metavar="SECONDS", help="How long to wait at most; the job goes on. Status 4."
    ),
]


def finite(value: float | None) -> float | None:
    """The callback of options that go into JSON, which has no other numbers."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter("it must be a finite number")
    return value


def tell(found: R, as_json: bool, as_text: Callable[[R], Any] | None = None) -> None:
    """One thing. For people as `as_text` prints it, by default all its fields."""
    if as_json:
        print_json(found)
    else:
        (as_text or print_fields)(found)


def tell_id(made: Any) -> None:
    """All that a script needs of what it made."""
    typer.echo(made.id)


def tell_nothing(_: Any) -> None:
    """Where whoever asks knows it, or is told it otherwise."""


def tell_status(changed: Any) -> None:
    typer.echo(changed.status)


def tell_all(
    found: Iterable[R],
    as_json: bool,
    columns: Sequence[str],
    row: Callable[[R], Sequence[str]],
) -> None:
    """Many. For people a table; what it shows as `id` is there to be copied, and never cut."""
    if as_json:
        for each in found:
            print_json(each, indent=None)
        return
    table = Table(box=None)
    for name in columns:
        table.add_column(name, no_wrap=name == "id", min_width=36 if name == "id" else None)
    for each in found:
        table.add_row(*map(shown, row(each)))
    out.print(table)


def follow(
    made: R,
    what: str,
    job: Callable[[Bar], R],
    *,
    wait: bool,
    as_json: bool,
    as_text: Callable[[R], Any] = tell_id,
) -> R:
    """What was started: its id at once, or with --json all of it once waiting is over.

    That it failed is told as well, before it ends the command.

    Args:
        what: stands before the progress, such as `Scanning`.
        job: waits for it, and returns it as it then is.
    """
    if not as_json:
        as_text(made)
    try:
        if wait:
            with Bar(what) as bar:
                made = job(bar)
    except JobFailed as error:
        if isinstance(error.subject, type(made)):
            made = error.subject
        raise
    finally:
        if as_json:
            print_json(made)
    return made


def print_json(found: Record | dict[str, Any], indent: int | None = 2) -> None:
    values = found.to_json() if isinstance(found, Record) else found
    text = json.dumps(values, indent=indent, ensure_ascii=False)
    typer.echo(_UNSEEN.sub(lambda each: f"\\u{ord(each[0]):04x}", text))


def print_fields(found: Record, without: Collection[str] = ()) -> None:
    """What is long and nested is cut: --json has all of it."""
    table = Table(box=None, show_header=False)
    for name, value in found.to_json().items():
        if isinstance(value, str):
            table.add_row(name, shown(value))
        elif value is not None and name not in without:
            text = json.dumps(value, ensure_ascii=False)
            table.add_row(name, shown(text, _LONGEST_NESTED))
    out.print(table)


def shown(value: str, longest: int = _LONGEST) -> Text:
    """Nothing in it is markup, or means something to a terminal."""
    from cleantrace.reports.escaping import visible

    return Text(visible(value, longest))
