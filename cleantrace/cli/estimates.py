"""`cleantrace scans estimate`, and `cleantrace estimates ...` of what was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cleantrace.cli.results import (
    AsJson,
    Timeout,
    Wait,
    follow,
    print_fields,
    tell_id,
    tell_nothing,
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
from cleantrace.client import Choice, Estimate, EstimateResult

if TYPE_CHECKING:
    from cleantrace.client import Client

app = typer.Typer(
    help="What scans would cost, as asked in the last day.", no_args_is_help=True, callback=remember
)


def estimate(
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
    wait: Wait = True,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a scan would cost, and what cheaper ones would. Starts none."""
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
        asked = client.start_estimate(run, **arguments)
        _follow(client, asked, tell_id, wait=wait, timeout_s=timeout, as_json=as_json)


@app.command("show")
def show(
    context: typer.Context,
    estimate: Annotated[str, typer.Argument(help="Id of the estimate.")],
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Show what a scan would cost, as it was asked before."""
    with connected(context) as client:
        found = client.get_estimate(estimate)
        _follow(client, found, print_fields, wait=wait, timeout_s=timeout, as_json=as_json)


def _follow(
    client: Client,
    asked: Estimate,
    unfinished: Callable[[Estimate], None],
    *,
    wait: bool,
    timeout_s: float | None,
    as_json: bool,
) -> None:
    """What has no table yet is told by `unfinished`."""
    found = follow(
        asked,
        "Estimating",
        lambda bar: client.wait_for_estimate(asked, progress=bar.estimate, timeout_s=timeout_s),
        wait=wait,
        as_json=as_json,
        as_text=tell_nothing,
    )
    if as_json:
        return
    if found.result is None:
        unfinished(found)
    else:
        _print(found.result)


def _print(result: EstimateResult) -> None:
    table = Table("scan", box=None)
    for name in ("time", "memory", "disk", "to compute", "reused", "ranks alike"):
        table.add_column(name, justify="right")
    for each in result.choices:
        table.add_row(*_row(each))
    out.print(table)
    typer.echo(_basis(result), err=True)


def _row(choice: Choice) -> list[str]:
    alike = choice.rank_agreement
    return [
        choice.label,
        duration(choice.seconds),
        size(choice.memory_bytes),
        size(choice.disk_bytes),
        f"{choice.results_to_compute:,}",
        f"{choice.results_reused:,}",
        "" if alike is None else f"{alike:.3f}",
    ]


def _basis(result: EstimateResult) -> str:
    basis, asked = result.basis, result.choices[0]
    return (
        f"Times are for one worker on {basis.device}, from {basis.examples_timed:,} examples in "
        f"batches of {basis.batch_size:,}. Of {duration(asked.seconds)}, "
        f"{duration(asked.scoring_seconds)} are divided among the workers there are."
    )


def duration(seconds: float) -> str:
    """`4.1 s`, `2 min 5 s`, `3 h 12 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def size(count: float) -> str:
    """`640 bytes`, `1.3 MB`: in powers of a thousand."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return (
                f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"
            )
        count /= 1000
    return f"{count:.1f} TB"
