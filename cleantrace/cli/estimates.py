"""`cleantrace scans estimate`."""

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

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
from cleantrace.cli.service import connected, out
from cleantrace.client import Choice, Estimate, EstimateResult
from cleantrace.progress import Bar


class Output(StrEnum):
    table = "table"
    json = "json"


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
    output: Annotated[Output, typer.Option("--format", help="How to print.")] = Output.table,
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
    with connected(context) as client, Bar("Estimating") as bar:
        found = client.estimate_scan(run, **arguments, progress=bar.estimate)
    _PRINTERS[output](found)


def _print_json(found: Estimate) -> None:
    typer.echo(json.dumps(asdict(found), indent=2, default=str))


def _print_table(found: Estimate) -> None:
    result = found.result
    assert result is not None, "only what is done is printed"
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


_PRINTERS = {Output.table: _print_table, Output.json: _print_json}
