"""`cleantrace scans ...`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cleantrace.cli.comparisons import compare
from cleantrace.cli.dataset_names import find_dataset
from cleantrace.cli.estimates import estimate
from cleantrace.cli.results import (
    AsJson,
    Timeout,
    Wait,
    follow,
    print_fields,
    shown,
    tell,
    tell_all,
    tell_id,
    tell_nothing,
    tell_status,
)
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
from cleantrace.cli.service import connected, out, remember
from cleantrace.client import DetectorRecall, Evidence, Scan

if TYPE_CHECKING:
    from cleantrace.client import Client

app = typer.Typer(help="Scans.", no_args_is_help=True, callback=remember)
ScanId = Annotated[str, typer.Argument(metavar="SCAN", help="Id of the scan.")]


app.command("estimate")(estimate)
app.command("compare")(compare)


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
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: AsJson = False,
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
        _follow(client, made, tell_id, wait=wait, timeout_s=timeout, as_json=as_json)


@app.command("show")
def show(context: typer.Context, scan: ScanId, as_json: AsJson = False) -> None:
    """Show a scan; with --json all of its summary, too, once it is complete."""
    with connected(context) as client:
        tell(client.get_scan(scan), as_json, _print_scan)


def _print_scan(scan: Scan) -> None:
    print_fields(scan, without={"summary"})
    if scan.recall is not None:
        typer.echo(_recall_in_words(scan.recall))


@app.command("watch")
def watch(
    context: typer.Context, scan: ScanId, timeout: Timeout = None, as_json: AsJson = False
) -> None:
    """Follow a scan to its end. Status 1 if it failed or was cancelled."""
    with connected(context) as client:
        found = client.get_scan(scan)
        _follow(client, found, tell_nothing, wait=True, timeout_s=timeout, as_json=as_json)


@app.command("cancel")
def cancel(context: typer.Context, scan: ScanId, as_json: AsJson = False) -> None:
    """Cancel a scan."""
    with connected(context) as client:
        tell(client.cancel_scan(scan), as_json, tell_status)


@app.command("retry")
def retry(
    context: typer.Context,
    scan: ScanId,
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a failed or cancelled scan."""
    with connected(context) as client:
        again = client.retry_scan(scan)
        _follow(client, again, tell_status, wait=wait, timeout_s=timeout, as_json=as_json)


def _follow(
    client: Client,
    scan: Scan,
    as_text: Callable[[Scan], None],
    *,
    wait: bool,
    timeout_s: float | None,
    as_json: bool,
) -> None:
    over = follow(
        scan,
        "Scanning",
        lambda bar: client.wait_for_scan(scan, progress=bar.scan, timeout_s=timeout_s),
        wait=wait,
        as_json=as_json,
        as_text=as_text,
    )
    if wait:
        typer.echo(f"{over.flagged_count or 0:,} examples are flagged.", err=True)
        if over.recall is not None:
            typer.echo(_recall_in_words(over.recall), err=True)


def _recall_in_words(recall: DetectorRecall) -> str:
    share = recall.caught_share
    # No bound is told as tighter than it is.
    lowest = math.floor(1000 * share.lowest + 1e-6) / 10
    highest = math.ceil(1000 * share.highest - 1e-6) / 10
    return (
        f"Of {recall.planted:,} planted errors {recall.caught:,} would have been flagged: "
        f"{100 * share.estimate:.1f} %, between {lowest:.1f} % and {highest:.1f} %. "
        "At best: of real ones, which the model was trained on, mostly fewer are found."
    )


@app.command("evidence")
def evidence(
    context: typer.Context,
    scan: ScanId,
    key: Annotated[str, typer.Argument(help="Key of the example.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many of each.")] = 10,
    label: Annotated[str | None, typer.Option(help="Only among those given this class.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the training examples that oppose an example's label, and those that support it."""
    with connected(context) as client:
        found = client.evidence(scan, key=key, k=k, label=label)
    tell(found, as_json, _print_evidence)


def _print_evidence(found: Evidence) -> None:
    table = Table("", "key", "given", "model says", "influence", box=None)
    for way, side in (("against", found.opponents), ("for", found.proponents)):
        for each in side:
            given = each.given_target if each.given_label is None else each.given_label
            says = each.predicted_value if each.predicted_label is None else each.predicted_label
            row = (way, each.key, str(given), str(says), f"{each.influence:.4g}")
            table.add_row(*map(shown, row))
    out.print(table)


@app.command("list")
def list_scans(
    context: typer.Context,
    dataset: Annotated[
        str | None, typer.Option(help="Only those of this one: id, or name:version.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List scans, newest first."""
    columns = ["started", "status", "done", "flagged", "score", "id"]
    with connected(context) as client:
        only = None if dataset is None else find_dataset(client, dataset)
        tell_all(client.scans(only), as_json, columns, _row)


def _row(scan: Scan) -> list[str]:
    done = f"{scan.progress.examples_done:,} of {scan.progress.example_count:,}"
    flagged = "" if scan.flagged_count is None else f"{scan.flagged_count:,}"
    return [f"{scan.created_at:%Y-%m-%d %H:%M}", scan.status, done, flagged, scan.score, scan.id]
