"""What the page of a dataset's wrong labels shows: the answer first, then what it rests on."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from sqlalchemy.orm import Session

from app.access.models import Role
from app.access.service import Caller
from app.dashboard.bound_chart import Moment, bound_chart
from app.dashboard.charts import share_bar
from app.dashboard.formatting import NONE, number, plural, unbroken
from app.dashboard.frame import project_url
from app.datasets.models import Dataset
from app.datasets.views import dataset_url
from app.estimates.schemas import ClassWrongOut, LabelEstimateOut, ShareOut, WrongOut
from app.estimates.service import estimate_wrong_labels
from app.estimates.slices import Slice
from app.estimates.words import about, at_least, at_most, confidence, slice_in_words

_TARGETS = (0.001, 0.005, 0.01, 0.02, 0.05)
_ALPHAS = (0.1, 0.05, 0.01)
_CLASSES_SHOWN = 20


@dataclass(frozen=True)
class Figure:
    name: str
    figure: str
    note: str


@dataclass(frozen=True)
class RangeRow:
    """Wrong labels at a time, or under an assumption."""

    name: str
    likeliest: str
    share: str
    between: str
    shares: str


@dataclass(frozen=True)
class ClassRow:
    name: str
    examples: int
    audits: str
    found: int
    likeliest: str
    most: str
    bar: Markup


@dataclass(frozen=True)
class EstimateView:
    title: str
    says: str
    more: str
    forecast: str
    says_something: bool
    """There are audits, or everything is reviewed."""
    targets: list[tuple[float, str, bool]]
    confidences: list[tuple[float, str, bool]]
    confidence: str
    figures: list[Figure]
    chart: Markup | None
    ranges: list[RangeRow]
    classes: list[ClassRow]
    more_classes: list[ClassRow]
    classes_hold: str
    slice: Slice
    slice_words: str
    class_names: list[tuple[str, bool]]
    """To choose from: each class, and whether it was chosen."""
    joint: bool
    reviewers: list[Figure]
    detector: Figure | None
    url: str
    dataset_url: str
    new_queue_url: str | None
    is_begun: bool
    """Something is reviewed, be it without audits."""


def estimate_view(
    db: Session,
    caller: Caller,
    dataset: Dataset,
    *,
    alpha: float,
    target: float,
    part: Slice,
    joint: bool,
) -> EstimateView:
    """Raises DatasetNotReady, ClassUnknown, SliceEmpty, UnderBlindReview."""
    found = estimate_wrong_labels(
        db, caller, dataset.id, alpha=alpha, target=target, part=part, joint=joint
    )
    classes = _class_rows(found)
    url = dataset_url(caller, dataset)
    is_whole = found.reviewed == found.examples
    answered = found.audits.answered > 0 or is_whole
    return EstimateView(
        title=f"{dataset.name} {dataset.version}",
        says=unbroken(found.says),
        more=unbroken(_more(found)) if answered else "",
        forecast=unbroken(_forecast(found)),
        says_something=found.audits.drawn > 0 or is_whole,
        targets=[(each, at_most(each), each == target) for each in sorted({*_TARGETS, target})],
        confidences=[(each, confidence(each), each == alpha) for each in sorted({*_ALPHAS, alpha})],
        confidence=confidence(alpha),
        figures=_figures(found),
        chart=_chart(found) if found.audits.answered else None,
        ranges=_ranges(found),
        classes=classes[:_CLASSES_SHOWN],
        more_classes=classes[_CLASSES_SHOWN:],
        classes_hold=_classes_hold(found),
        slice=part,
        slice_words=slice_in_words(part).strip(),
        class_names=[(name, name in part.labels) for name in dataset.classes or []],
        joint=joint,
        reviewers=_reviewers(found),
        detector=_detector(found),
        url=f"{url}/estimate",
        dataset_url=url,
        new_queue_url=f"{project_url(caller)}/queues/new"
        if caller.role.includes(Role.engineer)
        else None,
        is_begun=found.reviewed > 0,
    )


def _more(found: LabelEstimateOut) -> str:
    left = found.wrong.after.number.estimate
    return (
        f"Most likely {plural(left, 'label')} of {number(found.examples)} "
        f"{'is' if left == 1 else 'are'}, once the {number(found.found)} found wrong "
        f"{'is' if found.found == 1 else 'are'} corrected. Before the review it was "
        f"{_between(found.wrong.before.share)}."
    )


def _forecast(found: LabelEstimateOut) -> str:
    forecast = found.forecast
    wanted = at_most(forecast.target)
    if forecast.is_reached:
        return f"That is within the {wanted} that you want."
    if forecast.audits is None:
        if found.unknown / max(found.examples, 1) > forecast.target:
            return (
                f"To show at most {wanted}, have some of the "
                f"{plural(found.unknown, 'example')} decided of which nothing is known."
            )
        return f"To show at most {wanted} would take more than 200,000 audits."
    there = " that fall there" if found.slice else ""
    told = (
        f"About {plural(forecast.audits, 'more answer')} to audits{there} would show at most "
        f"{wanted}"
    )
    if found.wrong.after.number.estimate == 0:
        return f"{told}, if none finds a wrong label."
    return f"{told}, if they find as many wrong labels as there seem to be."


def _between(share: ShareOut) -> str:
    if share.lowest == share.highest:
        return about(share.lowest)
    return f"between {at_least(share.lowest)} and {at_most(share.highest)}"


def _classes_hold(found: LabelEstimateOut) -> str:
    if found.joint:
        return (
            f"All rows hold together with {confidence(found.alpha)} confidence, as each does with "
            f"{confidence(found.class_alpha)}."
        )
    return (
        f"Every row holds with {confidence(found.alpha)} confidence by itself, not all of them "
        "together."
    )


def _detector(found: LabelEstimateOut) -> Figure | None:
    detector = found.detector
    if detector is None:
        return None
    return Figure(
        "planted errors flagged",
        _estimate(detector.caught_share),
        unbroken(
            f"at best: {number(detector.caught)} of {number(detector.planted)} that the newest "
            f"scan planted in memory; between {_shares(detector.caught_share)}"
        ),
    )


def _figures(found: LabelEstimateOut) -> list[Figure]:
    waiting = found.audits.drawn - found.audits.answered
    audits = "drawn at random, without anybody's knowing which they are"
    if waiting:
        audits = f"of {number(found.audits.drawn)} drawn; the others wait for an answer"
    shown = [
        Figure("audits answered", number(found.audits.answered), audits),
        Figure(
            "reviewed", number(found.reviewed), f"of {plural(found.examples, 'example')}, in all"
        ),
        Figure("found wrong", number(found.found), "with another label, or not usable"),
    ]
    if found.unknown:
        note = "reviewed, but people were unsure, do not agree, or took it back"
        shown.append(Figure("unknown", number(found.unknown), note))
    return shown


def _chart(found: LabelEstimateOut) -> Markup:
    whole = max(found.examples, 1)
    moments = [
        Moment(
            reviewed=each.reviewed,
            audits=each.audits,
            lowest=(each.lowest - each.found) / whole,
            highest=(each.highest - each.found) / whole,
        )
        for each in found.course
    ]
    last = f"now: at most {at_most(found.wrong.after.share.highest)}"
    return bound_chart(moments, found.forecast.target, at_most, last=last)


def _ranges(found: LabelEstimateOut) -> list[RangeRow]:
    rows = [
        _range("before the review", found.wrong.before),
        _range("after corrections", found.wrong.after),
    ]
    open_ = found.unknown + found.audits.drawn - found.audits.answered
    if open_:
        those = f"the {number(open_)} undecided are" if open_ > 1 else "the one undecided is"
        rows += [
            _range(f"after, if {those} right", found.open_right.after),
            _range(f"after, if {those} wrong", found.open_wrong.after),
        ]
    return rows


def _range(name: str, wrong: WrongOut) -> RangeRow:
    counts, shares = wrong.number, wrong.share
    return RangeRow(
        name=name,
        likeliest=number(counts.estimate),
        share=unbroken(about(shares.estimate)),
        between=f"{number(counts.lowest)} to {number(counts.highest)}",
        shares=unbroken(f"{at_least(shares.lowest)} to {at_most(shares.highest)}"),
    )


def _class_rows(found: LabelEstimateOut) -> list[ClassRow]:
    """Those with the most left wrong first."""

    def most(each: ClassWrongOut) -> tuple[float, float]:
        share = each.wrong.after.share
        return (-share.estimate, -share.highest)

    return [
        ClassRow(
            name=each.label,
            examples=each.examples,
            audits=number(each.audits.answered),
            found=each.found,
            likeliest=unbroken(about(each.wrong.after.share.estimate)),
            most=unbroken(at_most(each.wrong.after.share.highest)),
            bar=share_bar(each.wrong.after.share.highest, "plain"),
        )
        for each in sorted(found.classes, key=most)
    ]


def _reviewers(found: LabelEstimateOut) -> list[Figure]:
    doubles, canaries = found.reviewers.doubly_reviewed, found.reviewers.canaries
    told = "No item has two verdicts: a queue in which two people decide each tells."
    if doubles.items:
        told = (
            f"two people differed on {number(doubles.disagreed)} of "
            f"{plural(doubles.items, 'item')}; between {_shares(doubles.error)}"
        )
    shown = [Figure("one verdict is wrong", _estimate(doubles.error), unbroken(told))]
    told = "Nobody has decided a canary: a queue can mix some in."
    if canaries.caught + canaries.missed:
        told = (
            f"{number(canaries.caught)} seen, {number(canaries.missed)} missed"
            + (f", {number(canaries.unsure)} unsure" if canaries.unsure else "")
            + f"; between {_shares(canaries.caught_share)}"
        )
    return [*shown, Figure("planted errors seen", _estimate(canaries.caught_share), unbroken(told))]


def _estimate(share: ShareOut | None) -> str:
    return NONE if share is None else unbroken(about(share.estimate))


def _shares(share: ShareOut | None) -> str:
    return NONE if share is None else f"{at_least(share.lowest)} and {at_most(share.highest)}"
