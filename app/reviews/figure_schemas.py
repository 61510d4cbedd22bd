"""How far a queue is, who did it, and how far they agree."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from app.schemas import Out


class MineOut(Out):
    today: int = Field(description="Items that the caller decided today, in UTC.")
    decided: int
    skipped: int


class ProgressOut(Out):
    item_count: int
    open: int = Field(description="Items that want verdicts, with those in hand.")
    held: int = Field(description="Claims that are live.")
    done: int
    disputed: int
    skipped: int = Field(description="Skips that stand, each by one person.")
    per_hour: float = Field(description="Decisions at the pace of the last ten minutes.")
    mine: MineOut


class ReviewerOut(Out):
    principal_id: UUID
    name: str
    decided: int
    today: int
    skipped: int
    seconds_each: float | None = Field(description="Mean time of a decision, where it was told.")
    per_hour: float


class PairAgreement(Out):
    """Two people on the items that both decided."""

    first: UUID
    second: UUID
    items: int
    agreed: int
    alpha: float | None


class ClassAgreement(Out):
    """Items of a class pair that two or more decided."""

    given_label: str | None
    suggested_label: str | None
    items: int
    agreed: int
    alpha: float | None


class AgreementOut(Out):
    """Krippendorff's alpha: 1 is full agreement, 0 what chance would give; null if not defined.

    Nominal over classes and `unusable`; interval over the numbers of a regression. `unsure` and
    skips are no answers.
    """

    items: int = Field(description="With two or more answers.")
    agreed: int = Field(description="Where all answers are alike, within the queue's tolerance.")
    alpha: float | None
    people: list[PairAgreement] = Field(description="The most items first; up to 500.")
    classes: list[ClassAgreement] = Field(description="The most items first; up to 500.")
