"""`cleantrace flags ...` and `cleantrace scores ...`: what a scan says of examples."""

import csv
import itertools
import sys
from collections.abc import Iterator
from dataclasses import fields
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import typer

from cleantrace.cli.results import AsJson, tell, tell_all
from cleantrace.cli.service import connected, remember
from cleantrace.client import Flag, Score
from cleantrace.client.models import Record

flags = typer.Typer(help="Flagged examples.", no_args_is_help=True, callback=remember)
scores = typer.Typer(help="Scores of all examples.", no_args_is_help=True, callback=remember)

R = TypeVar("R", bound=Record)


class Order(StrEnum):
    rank = "rank"
    position = "position"
    self_influence = "self_influence"
    self_influence_equal = "self_influence_equal"
    last_layer = "last_layer"
    loss = "loss"
    margin = "margin"
    el2n = "el2n"
    given_probability = "given_probability"


Scan = Annotated[str, typer.Option(help="Id of the scan.")]
Given = Annotated[str | None, typer.Option(help="Only those given this class.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
Key = Annotated[str, typer.Argument(help="Key of the example.")]


@flags.command("list")
def list_flags(
    context: typer.Context,
    scan: Scan,
    label: Given = None,
    suggested: Annotated[str | None, typer.Option(help="Only those suggested this one.")] = None,
    limit: Limit = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """List a scan's flags, the most suspicious first."""
    with connected(context) as client:
        found = itertools.islice(client.flags(scan, label=label, suggested=suggested), limit)
        if as_csv:
            _print_csv(Flag, found)
        else:
            tell_all(found, as_json, _FLAG_COLUMNS, _flag_row)


@scores.command("list")
def list_scores(
    context: typer.Context,
    scan: Scan,
    order: Annotated[Order, typer.Option(help="The most suspicious first, by this.")] = Order.rank,
    label: Given = None,
    predicted: Annotated[str | None, typer.Option(help="Only those predicted this one.")] = None,
    limit: Limit = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """List the scores of every example."""
    with connected(context) as client:
        pages = client.scores(scan, order=order.value, label=label, predicted=predicted)
        found = itertools.islice(pages, limit)
        if as_csv:
            _print_csv(Score, found)
        else:
            tell_all(found, as_json, _SCORE_COLUMNS, _score_row)


@flags.command("show")
@scores.command("show")
def show(context: typer.Context, scan: Scan, key: Key, as_json: AsJson = False) -> None:
    """Show all that a scan says of an example."""
    with connected(context) as client:
        tell(client.get_score(scan, key=key), as_json)


_FLAG_COLUMNS = ("rank", "key", "given", "suggested", "suspicion", "reason")


def _flag_row(flag: Flag) -> list[str]:
    given = flag.given_target if flag.given_label is None else flag.given_label
    instead = flag.suggested_value if flag.suggested_label is None else flag.suggested_label
    return [
        str(flag.rank),
        flag.key,
        str(given),
        "" if instead is None else str(instead),
        f"{flag.suspicion:.4f}",
        flag.reason,
    ]


_SCORE_COLUMNS = ("rank", "key", "given", "predicted", "suspicion", "self-influence", "loss")


def _score_row(score: Score) -> list[str]:
    given = score.given_target if score.given_label is None else score.given_label
    found = score.predicted_value if score.predicted_label is None else score.predicted_label
    numbers = (score.suspicion, score.self_influence, score.loss)
    return [
        "" if score.rank is None else str(score.rank),
        score.key,
        str(given),
        "" if found is None else str(found),
        *("" if each is None else f"{each:.4g}" for each in numbers),
    ]


def _print_csv(kind: type[R], found: Iterator[R]) -> None:
    writer = csv.DictWriter(sys.stdout, [each.name for each in fields(kind)])
    writer.writeheader()
    writer.writerows(_inert(each.to_json()) for each in found)


def _inert(row: dict[str, Any]) -> dict[str, Any]:
    """Nothing in it is a formula, or means something to a terminal: as in exports."""
    from cleantrace.reports.escaping import csv_cell

    return {name: csv_cell(it) if isinstance(it, str) else it for name, it in row.items()}
