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
    """The same for the examples of one given class. Each class's bounds hold by themselves."""

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


class ReviewersOut(Out):
    doubly_reviewed: DoublyReviewedOut
    canaries: CanariesOut


class ForecastOut(Out):
    target: float = Field(description="Share of wrong labels after corrections to be shown.")
    is_reached: bool
    audits: int | None = Field(
        description="About how many more answers, if they find as many as there seem to be. Null "
        "if what is unknown must be decided first, or if it would be more than 200,000."
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
    classes: list[ClassWrongOut] = Field(description="Empty for a regression.")
    reviewers: ReviewersOut
    course: list[CourseOut] = Field(description="Up to 101 moments, the last as it stands.")
