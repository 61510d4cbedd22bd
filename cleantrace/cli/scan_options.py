"""The options that say what to scan, for the commands that start a scan or ask what it costs."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from cleantrace.cli.results import finite


class Weighting(StrEnum):
    eta = "eta"
    equal = "equal"


class RankedScore(StrEnum):
    self_influence = "self_influence"
    last_layer = "last_layer"
    loss = "loss"
    margin = "margin"
    el2n = "el2n"


class Precision(StrEnum):
    full = "full"
    tf32 = "tf32"
    bf16 = "bf16"


RunId = Annotated[str, typer.Argument(help="Id of the training run.")]
Layers = Annotated[
    str, typer.Option(help="all, last, auto, or names and patterns with commas between.")
]
WeightingOption = Annotated[Weighting, typer.Option(help="Of checkpoints.")]
ScoreOption = Annotated[RankedScore, typer.Option(help="The score that ranks.")]
TopK = Annotated[int | None, typer.Option(help="Flag so many examples.")]
Share = Annotated[float | None, typer.Option(callback=finite, help="Flag this share of them.")]
Threshold = Annotated[float | None, typer.Option(callback=finite, help="Flag from this score on.")]
KeepEvidence = Annotated[
    bool, typer.Option("--evidence", help="Keep what `scans evidence` looks in.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Compute even what earlier scans hold.")]

PrecisionOption = Annotated[
    Precision, typer.Option(help="bf16 and tf32: quicker on a GPU, with an error that is stated.")
]

Canaries = Annotated[
    int, typer.Option(min=0, help="Plant so many errors in memory; tells how many it finds.")
]


def scan_arguments(
    *,
    layers: str,
    weighting: Weighting,
    score: RankedScore,
    top_k: int | None,
    share: float | None,
    threshold: float | None,
    evidence: bool,
    fresh: bool,
    precision: Precision,
    canaries: int,
) -> dict[str, Any]:
    """What the client's methods take for them."""
    if sum(each is not None for each in (top_k, share, threshold)) > 1:
        raise typer.BadParameter("give one of --top-k, --share and --threshold")
    return {
        "layers": layers if layers in {"all", "last", "auto"} else layers.split(","),
        "weighting": weighting.value,
        "score": score.value,
        "top_k": top_k,
        "share": share,
        "threshold": threshold,
        "evidence": evidence,
        "fresh": fresh,
        "precision": precision.value,
        "canaries": canaries,
    }
