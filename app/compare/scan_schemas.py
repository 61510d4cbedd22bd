"""Two scans side by side, as the API tells it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from app.compare.change_schemas import VersionOut
from app.scans.models import RankedScore
from app.schemas import Out


class Fate(StrEnum):
    """What became of a flag, from the scan before to this one."""

    gone = "gone"
    kept = "kept"
    new = "new"


class ComparedScanOut(Out):
    id: UUID
    dataset: VersionOut
    score: RankedScore = Field(description="By which it ranks.")
    finished_at: datetime | None
    examples: int
    flagged: int


class FlagFates(Out):
    gone: int = Field(description="Flagged before, and not now.")
    gone_removed: int = Field(description="Of these, examples that are no longer there.")
    kept: int = Field(description="Flagged in both.")
    new: int = Field(description="Flagged now, and not before.")
    new_added: int = Field(description="Of these, examples that were not there before.")


class CorrectedOut(Out):
    """The examples whose label is not what it was before."""

    examples: int
    flagged_before: int
    no_longer_flagged: int = Field(description="Of those flagged before.")
    still_flagged: int
    newly_flagged: int
    median_suspicion_before: float | None
    median_suspicion: float | None


class Quantiles(Out):
    """Of a score over all examples of a scan that have one."""

    median: float | None
    p90: float | None = Field(description="90 % are at most this.")
    p99: float | None


class DistributionOut(Out):
    """One score of both scans, over the same bins."""

    score: RankedScore = Field(description="By which this scan ranks.")
    scale: str = Field(description="`sqrt` or `linear`: on which the bins are of one width.")
    edges: list[float]
    counts_before: list[int]
    counts: list[int]
    before: Quantiles
    now: Quantiles


class ComparedExampleOut(Out):
    """An example in both scans; what is of a scan that has it not is null."""

    key: str
    position: int | None = None
    position_before: int | None = None
    label: str | None = None
    label_before: str | None = None
    target: float | None = Field(None, description="In a regression, in place of the label.")
    target_before: float | None = None
    rank: int | None = None
    rank_before: int | None = None
    suspicion: float | None = None
    suspicion_before: float | None = None
    flagged: bool = False
    flagged_before: bool = False


class ScanComparisonOut(Out):
    """Examples are known by their key."""

    scan: ComparedScanOut
    before: ComparedScanOut
    in_both: int = Field(description="Examples that both scans have.")
    added: int
    removed: int
    flags: FlagFates
    rank_correlation: float | None = Field(
        description="Spearman's, over the examples that both rank; null with fewer than two."
    )
    corrected: CorrectedOut
    distribution: DistributionOut
    moved: list[ComparedExampleOut] = Field(
        description="Whose suspicion changed most, the largest change first."
    )
