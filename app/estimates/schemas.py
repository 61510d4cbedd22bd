"""How many labels are wrong: counts and shares, each with bounds."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from app.schemas import Out


class NumberOut(Out):
    """A number of examples: the likeliest, and bounds."""

    estimate: int
    lowest: int
    highest: int


class ShareOut(Out):
    """A share from 0 to 1: the likeliest, and bounds."""

    estimate: float
    lowest: float
    highest: float


class WrongOut(Out):
    number: NumberOut
    share: ShareOut = Field(description="Of all examples.")


class WrongLabelsOut(Out):
    before: WrongOut = Field(description="As the dataset was registered.")
    after: WrongOut = Field(description="Once what was found is corrected or left out.")


class AuditsOut(Out):
    drawn: int
    answered: int = Field(description="The others wait: somebody has them in hand.")


class ClassWrongOut(Out):
    """The same for the examples of one given class."""

    label: str
    examples: int
    reviewed: int
    found: int
    unknown: int
    audits: AuditsOut
    wrong: WrongLabelsOut


class DoublyReviewedOut(Out):
    """Items that two people decided, by their first two answers."""

    items: int
    disagreed: int
    error: ShareOut | None = Field(
        description="How often one verdict is wrong, if people err independently and never alike: "
        "1 - sqrt(1 - disagreed / items). Null without items."
    )


class CanariesOut(Out):
    """Verdicts on examples that were shown with a wrong label on purpose."""

    caught: int
    missed: int
    unsure: int
    caught_share: ShareOut | None = Field(
        description="Of those caught or missed; exact interval. Null without any."
    )


class DetectorOut(Out):
    """Errors that the newest scan with canaries planted in memory: how many it would have flagged.

    An upper estimate: the model was not trained on them, as it was on the real errors.
    """

    scan_id: UUID
    planted: int
    caught: int
    missed: int
    caught_share: ShareOut = Field(description="Exact 95 % interval.")


class SliceOut(Out):
    """The examples that an estimate is about."""

    labels: list[str] = Field(description="Of these given classes; of any if empty.")
    key: str | None = Field(description="With keys like this pattern.")


class ReviewersOut(Out):
    doubly_reviewed: DoublyReviewedOut
    canaries: CanariesOut


class ForecastOut(Out):
    target: float = Field(description="Share of wrong labels after corrections to be shown.")
    is_reached: bool
    audits: int | None = Field(
        description="About how many more answers, in a slice to audits that fall on it, if they "
        "find as many as there seem to be. Null if what is unknown must be decided first, or if it "
        "would be more than 200,000."
    )


class CourseOut(Out):
    """The review as it stood when so many audits had been drawn, by what is known today."""

    audits: int
    reviewed: int
    found: int
    lowest: int = Field(description="Wrong labels before the review, with those found.")
    highest: int


class LabelEstimateOut(Out):
    """How many labels of a dataset version are wrong.

    Bounds hold with confidence 1 - alpha at every moment of the review together, however often
    one looks; each end alone as well. They say how many examples reviewers would find wrong: see
    `reviewers` for how far those err.
    """

    dataset_id: UUID
    slice: SliceOut | None = Field(
        description="What it is about, if not about the whole version: all counts and shares but "
        "those of `reviewers` and `detector` are the slice's."
    )
    says: str = Field(description="The answer in a sentence.")
    alpha: float
    examples: int
    reviewed: int
    found: int = Field(description="Found wrong: another label, or not usable.")
    unknown: int = Field(
        description="Reviewed, but people were unsure, do not agree, or took it back."
    )
    audits: AuditsOut
    wrong: WrongLabelsOut = Field(description="Whatever those are of which nothing is known.")
    open_right: WrongLabelsOut = Field(
        description="If all that are unknown, and all audits that wait, are right."
    )
    open_wrong: WrongLabelsOut = Field(description="If all of them are wrong.")
    forecast: ForecastOut
    joint: bool = Field(description="Whether the bounds of all `classes` hold together.")
    class_alpha: float = Field(
        description="Each class's bounds hold with confidence 1 - class_alpha: alpha, or if joint, "
        "alpha divided by how many classes there are."
    )
    classes: list[ClassWrongOut] = Field(description="Empty for a regression.")
    reviewers: ReviewersOut
    detector: DetectorOut | None = Field(description="Null: no complete scan has canaries.")
    course: list[CourseOut] = Field(description="Up to 101 moments, the last as it stands.")
