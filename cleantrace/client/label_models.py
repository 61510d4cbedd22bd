"""What `Client.estimate` returns: how many labels are wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cleantrace.client.models import Record, ShareRange


@dataclass(frozen=True)
class NumberRange(Record):
    """A number of examples: the likeliest, and bounds."""

    estimate: int
    lowest: int
    highest: int


@dataclass(frozen=True)
class Wrong(Record):
    """Wrong labels, and their share of all examples."""

    number: NumberRange
    share: ShareRange

    _readers: ClassVar = {"number": NumberRange.from_json, "share": ShareRange.from_json}


@dataclass(frozen=True)
class WrongLabels(Record):
    """As the dataset was registered, and once what was found is corrected or left out."""

    before: Wrong
    after: Wrong

    _readers: ClassVar = {"before": Wrong.from_json, "after": Wrong.from_json}


@dataclass(frozen=True)
class Audits(Record):
    """Examples drawn at random; those without an answer wait for one."""

    drawn: int
    answered: int


_OF_LABELS: Mapping[str, Callable[[Any], Any]] = {
    "audits": Audits.from_json,
    **dict.fromkeys(("wrong", "open_right", "open_wrong"), WrongLabels.from_json),
}


@dataclass(frozen=True)
class ClassWrong(Record):
    """The same for the examples of one given class, with confidence 1 - `class_alpha`."""

    label: str
    examples: int
    reviewed: int
    found: int
    unknown: int
    audits: Audits
    wrong: WrongLabels

    _readers: ClassVar = _OF_LABELS


@dataclass(frozen=True)
class DoublyReviewed(Record):
    """Items that two decided; `error` is how often one verdict is wrong, if each errs alone."""

    items: int
    disagreed: int
    error: ShareRange | None

    _readers: ClassVar = {"error": ShareRange.from_json}


@dataclass(frozen=True)
class Canaries(Record):
    """Verdicts on examples that were shown with a wrong label on purpose."""

    caught: int
    missed: int
    unsure: int
    caught_share: ShareRange | None

    _readers: ClassVar = {"caught_share": ShareRange.from_json}


@dataclass(frozen=True)
class ReviewerErrors(Record):
    doubly_reviewed: DoublyReviewed
    canaries: Canaries

    _readers: ClassVar = {
        "doubly_reviewed": DoublyReviewed.from_json,
        "canaries": Canaries.from_json,
    }


@dataclass(frozen=True)
class Detector(Record):
    """Of the newest scan with canaries: how many errors planted in memory it would have flagged.

    An upper estimate: the model was not trained on them, as it was on the real errors.
    """

    scan_id: str
    planted: int
    caught: int
    missed: int
    caught_share: ShareRange

    _readers: ClassVar = {"caught_share": ShareRange.from_json}


@dataclass(frozen=True)
class Slice(Record):
    """Examples of some given classes (of any if empty), with keys like a pattern."""

    labels: list[str]
    key: str | None


@dataclass(frozen=True)
class Forecast(Record):
    """About how many more answers to audits until `target` is shown; None if none would do."""

    target: float
    is_reached: bool
    audits: int | None


@dataclass(frozen=True)
class Moment(Record):
    """The review when so many audits had been drawn; bounds on all wrong labels, by today's."""

    audits: int
    reviewed: int
    found: int
    lowest: int
    highest: int


@dataclass(frozen=True)
class LabelEstimate(Record):
    """How many labels of a dataset are wrong, before the review and after it.

    Bounds hold with confidence 1 - alpha at every moment of the review together, however often one
    looks. `wrong` holds whatever the examples are that are unknown or wait for an answer;
    `open_right` and `open_wrong` say what follows if all of those are. Of a `slice`, all but
    `reviewers` and `detector` is about its examples.
    """

    dataset_id: str
    slice: Slice | None
    says: str
    alpha: float
    examples: int
    reviewed: int
    found: int
    unknown: int
    audits: Audits
    wrong: WrongLabels
    open_right: WrongLabels
    open_wrong: WrongLabels
    forecast: Forecast
    joint: bool
    class_alpha: float
    classes: list[ClassWrong]
    reviewers: ReviewerErrors
    detector: Detector | None
    course: list[Moment]

    _readers: ClassVar = {
        **_OF_LABELS,
        "slice": Slice.from_json,
        "forecast": Forecast.from_json,
        "detector": Detector.from_json,
        "classes": lambda found: [ClassWrong.from_json(each) for each in found],
        "reviewers": ReviewerErrors.from_json,
        "course": lambda found: [Moment.from_json(each) for each in found],
    }
