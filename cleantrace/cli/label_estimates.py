"""`cleantrace datasets estimate`."""

import math
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from cleantrace.cli.dataset_names import find_dataset
from cleantrace.cli.exits import harmless
from cleantrace.cli.results import AsJson, tell
from cleantrace.cli.service import connected, out
from cleantrace.client import LabelEstimate, Wrong


def estimate(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Id, or name:version.")],
    alpha: Annotated[
        float, typer.Option(min=0.0001, max=0.5, help="Bounds hold with confidence 1 - alpha.")
    ] = 0.05,
    target: Annotated[
        float, typer.Option(min=0, max=0.9999, help="Share to tell the audits for that show it.")
    ] = 0.01,
    label: Annotated[
        list[str] | None, typer.Option(help="Only examples given this class; repeat for several.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Only examples with keys like this: night/*")
    ] = None,
    joint: Annotated[
        bool, typer.Option("--joint", help="Bounds of all classes hold together.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell how many labels are wrong, with bounds that hold however often you ask."""
    with connected(context) as client:
        found = client.estimate(
            find_dataset(client, dataset),
            alpha=alpha,
            target=target,
            label=label or (),
            key=key,
            joint=joint,
        )
    tell(found, as_json, _print)


def _print(found: LabelEstimate) -> None:
    typer.echo(harmless(found.says))
    table = Table("wrong labels", box=None)
    for name in ("likeliest", "lowest", "highest", "share, at most"):
        table.add_column(name, justify="right")
    table.add_row("before the review", *_row(found.wrong.before))
    table.add_row("after corrections", *_row(found.wrong.after))
    for each in found.classes:
        table.add_row(Text(f"  of these {harmless(each.label)}"), *_row(each.wrong.after))
    out.print(table)
    typer.echo(_basis(found), err=True)


def _row(wrong: Wrong) -> list[str]:
    counts = (wrong.number.estimate, wrong.number.lowest, wrong.number.highest)
    return [*(f"{count:,}" for count in counts), _at_most(wrong.share.highest)]


def _at_most(share: float) -> str:
    """A bound is never rounded to less than it is."""
    return f"{math.ceil(1e4 * share - 1e-6) / 100:.2f} %"


def _basis(found: LabelEstimate) -> str:
    told = (
        f"From {found.audits.answered:,} answered audits of {found.audits.drawn:,}; "
        f"{found.reviewed:,} of {found.examples:,} examples are reviewed, "
        f"{found.found:,} were found wrong."
    )
    if found.forecast.audits:
        there = " to audits that fall there" if found.slice else ""
        told += (
            f" About {found.forecast.audits:,} more answers{there} would show at most "
            f"{100 * found.forecast.target:.4g} % left wrong."
        )
    return told
