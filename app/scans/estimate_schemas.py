from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from app.jobs.models import JobStatus
from app.schemas import FailureOut, Out


class Choice(Out):
    """A way to scan, and what it costs."""

    name: str = Field(
        description="`as_asked`, `last_layer`, `every_second_checkpoint`, `last_checkpoint`."
    )
    label: str
    request_changes: dict[str, Any] = Field(
        description="Put these members over the request, and it starts this scan."
    )
    seconds: float = Field(description="From start to end, with one worker and nothing before it.")
    scoring_seconds: float = Field(
        description="The part of `seconds` that workers share: w of them take a w-th of it."
    )
    memory_bytes: int = Field(
        description="At its peak in one worker: of the GPU where there is one, else of the process."
    )
    disk_bytes: int = Field(description="Artifacts, and rows in the database with their indexes.")
    results_to_compute: int = Field(description="Example by checkpoint.")
    results_reused: int = Field(description="Held by earlier scans of the project.")
    rank_agreement: float | None = Field(
        description="Spearman's correlation of its ranking with that of the scan as asked, on the "
        "timed examples; null where it is not known."
    )


class Basis(Out):
    """What was measured, from which all else is extrapolated."""

    device: str
    batch_size: int
    batches_timed: int
    examples_timed: int = Field(description="Different ones.")
    workers: int = Field(description="That `seconds` is stated for.")
    result_seconds: float = Field(description="The engine's time for an example and checkpoint.")
    read_seconds: float = Field(description="To read and preprocess an example, beside the engine.")
    load_seconds: float = Field(description="To read a checkpoint's weights.")
    handling_seconds: float = Field(
        description="To keep, rank and store an example, in artifacts and database."
    )
    disk_bytes_per_example: float = Field(description="Of the scan as asked.")
    weights_bytes: int = Field(description="One checkpoint's weights on the device.")


class EstimateResult(Out):
    choices: list[Choice] = Field(description="The scan as asked first.")
    basis: Basis


class EstimateOut(Out):
    id: UUID
    run_id: UUID
    request: dict[str, Any] = Field(description="The body that starts the scan as asked.")
    status: JobStatus
    failure: FailureOut | None
    result: EstimateResult | None
    created_at: datetime
