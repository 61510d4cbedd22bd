"""`cleantrace scans ...` and `cleantrace flags ...`."""

import csv
import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, fields
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

from cleantrace.cli.estimates import estimate
from cleantrace.cli.scan_options import (
    Canaries,
    Fresh,
    KeepEvidence,
    Layers,
    Precision,
    PrecisionOption,
    RankedScore,
    RunId,
    ScoreOption,
    Share,
    Threshold,
    TopK,
    Weighting,
    WeightingOption,
    scan_arguments,
)
from cleantrace.cli.service import connected, id_column, out, remember
from cleantrace.client import Client, Flag, Scan
from cleantrace.progress import Bar

app = typer.Typer(help="Scans.", no_args_is_help=True, callback=remember)
flags = typer.Typer(help="Flagged examples.", no_args_is_help=True, callback=remember)

ScanId = Annotated[str, typer.Argument(help="Id of the scan.")]


class Output(StrEnum):
    table = "table"
    json = "json"
    csv = "csv"


app.command("estimate")(estimate)


@app.command("start")
def start(
    context: typer.Context,
    run: RunId,
    layers: Layers = "all",
    weighting: WeightingOption = Weighting.eta,
    score: ScoreOption = RankedScore.self_influence,
    top_k: TopK = None,
    share: Share = None,
    threshold: Threshold = None,
    evidence: KeepEvidence = False,
    fresh: Fresh = False,
    precision: PrecisionOption = Precision.full,
    canaries: Canaries = 0,
    wait: Annotated[bool, typer.Option(help="Wait until it is complete.")] = False,
) -> None:
    """Start a scan, and print its id."""
    arguments = scan_arguments(
        layers=layers,
        weighting=weighting,
        score=score,
        top_k=top_k,
        share=share,
        threshold=threshold,
        evidence=evidence,
        fresh=fresh,
        precision=precision,
        canaries=canaries,
    )
    with connected(context) as client:
        made = client.start_scan(run, **arguments)
        typer.echo(made.id)
        if wait:
            _wait(client, made.id)


@app.command("show")
def show(context: typer.Context, scan: ScanId) -> None:
    """Show a scan as JSON."""
    with connected(context) as client:
        found = client.get_scan(scan)
    typer.echo(json.dumps(asdict(found), indent=2, default=str))


@app.command("watch")
def watch(context: typer.Context, scan: ScanId) -> None:
    """Follow a scan to its end. Status 5 if it failed or was cancelled."""
    with connected(context) as client:
        _wait(client, scan)


@app.command("cancel")
def cancel(context: typer.Context, scan: ScanId) -> None:
    """Cancel a scan."""
    with connected(context) as client:
        typer.echo(client.cancel_scan(scan).status)


@app.command("retry")
def retry(context: typer.Context, scan: ScanId) -> None:
    """Go on with a failed or cancelled scan."""
    with connected(context) as client:
        typer.echo(client.retry_scan(scan).status)


@app.command("evidence")
def evidence(
    context: typer.Context,
    scan: ScanId,
    key: Annotated[str, typer.Argument(help="Key of the example.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many of each.")] = 10,
    label: Annotated[str | None, typer.Option(help="Only among those given this class.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the training examples that oppose an example's label, and those that support it."""
    with connected(context) as client:
        found = client.evidence(scan, key=key, k=k, label=label)
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False))
        return
    table = Table("", "key", "given", "model says", "influence", box=None)
    for way, side in (("against", found.opponents), ("for", found.proponents)):
        for each in side:
            given = each.given_target if each.given_label is None else each.given_label
            says = each.predicted_value if each.predicted_label is None else each.predicted_label
            table.add_row(way, each.key, str(given), str(says), f"{each.influence:.4g}")
    out.print(table)


@app.command("list")
def list_scans(
    context: typer.Context,
    dataset: Annotated[str | None, typer.Option(help="Only those of this dataset's id.")] = None,
) -> None:
    """List scans, newest first."""
    table = Table("started", "status", "done", "flagged", "score", id_column(), box=None)
    with connected(context) as client:
        for each in client.scans(dataset):
            table.add_row(*_row(each))
    out.print(table)


@flags.command("list")
def list_flags(
    context: typer.Context,
    scan: Annotated[str, typer.Option(help="Id of the scan.")],
    output: Annotated[Output, typer.Option("--format", help="How to print.")] = Output.table,
    label: Annotated[str | None, typer.Option(help="Only those given this class.")] = None,
    suggested: Annotated[str | None, typer.Option(help="Only those suggested this one.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
) -> None:
    """List a scan's flags, the most suspicious first. json prints one object a line."""
    with connected(context) as client:
        found = itertools.islice(client.flags(scan, label=label, suggested=suggested), limit)
        _PRINTERS[output](found)


def _wait(client: Client, scan: str) -> None:
    with Bar("Scanning") as bar:
        over = client.wait_for_scan(scan, progress=bar.scan)
    typer.echo(f"{over.flagged_count or 0:,} examples are flagged.", err=True)
    recall = over.recall
    if recall is not None:
        share = recall.caught_share
        typer.echo(
            f"Of {recall.planted:,} planted errors {recall.caught:,} would have been: "
            f"{share.estimate:.1%}, between {share.lowest:.1%} and {share.highest:.1%}. "
            "At best: of real ones, which the model was trained on, mostly fewer are found.",
            err=True,
        )


def _row(scan: Scan) -> list[str]:
    done = f"{scan.progress.examples_done:,} of {scan.progress.example_count:,}"
    flagged = "" if scan.flagged_count is None else f"{scan.flagged_count:,}"
    return [f"{scan.created_at:%Y-%m-%d %H:%M}", scan.status, done, flagged, scan.score, scan.id]


def _print_table(found: Iterator[Flag]) -> None:
    table = Table("rank", "key", "given", "suggested", "suspicion", "reason", box=None)
    for each in found:
        given = each.given_target if each.given_label is None else each.given_label
        instead = each.suggested_value if each.suggested_label is None else each.suggested_label
        table.add_row(
            str(each.rank),
            each.key,
            str(given),
            "" if instead is None else str(instead),
            f"{each.suspicion:.4f}",
            each.reason,
        )
    out.print(table)


def _print_json(found: Iterator[Flag]) -> None:
    for each in found:
        typer.echo(json.dumps(asdict(each), ensure_ascii=False))


def _print_csv(found: Iterator[Flag]) -> None:
    writer = csv.DictWriter(sys.stdout, [each.name for each in fields(Flag)])
    writer.writeheader()
    writer.writerows(asdict(each) for each in found)


_PRINTERS = {Output.table: _print_table, Output.json: _print_json, Output.csv: _print_csv}
