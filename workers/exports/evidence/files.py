"""The files of a pack: what they are called, and what they hold."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import PurePosixPath

PARQUET = "application/vnd.apache.parquet"
SCORES, FLAGS = "scores.parquet", "flags.parquet"

HOLDS = {
    "summary.html": "What this pack says, on a page.",
    "provenance.json": "Data set, training run, checkpoints, scan, queues and code, with hashes.",
    "estimate.json": "How many labels are wrong: the bounds, and the forecaster behind them.",
    "audits.parquet": "Examples drawn at random, each with the probability that it had.",
    "reviewed.parquet": "All other examples that were reviewed, and after how many draws.",
    "verdicts.parquet": "What people decided and took back: who, when, why. Only ever added to.",
    "outcomes.parquet": "What became of each item that is done or disputed.",
    "gates.jsonl": "Stored verdicts of gates, with all inputs.",
    SCORES: "Each example: key, given label, hash of its content, all scores.",
    FLAGS: "Examples that the scan flagged, and why.",
}
_MEDIA_TYPES = {
    ".html": "text/html",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".parquet": PARQUET,
}


def form_of(name: str) -> tuple[str, str]:
    """A file's suffix and media type."""
    suffix = PurePosixPath(name).suffix
    return suffix, _MEDIA_TYPES[suffix]


def moment(at: datetime | None) -> str | None:
    """As in-toto writes times."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
