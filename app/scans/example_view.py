"""One example of a scan, with all its scores in words and the number beside each."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from sqlalchemy.orm import Session

from app.access.service import Caller
from app.dashboard.charts import share_bar, terms_chart
from app.dashboard.formatting import number, percent, plural, real, unbroken
from app.dashboard.frame import project_url
from app.datasets.models import Task
from app.datasets.shown import Shown, shown_examples
from app.scans import results, words
from app.scans.gallery import given_text, suggested_text
from app.scans.listing import Listing, Which
from app.scans.results import Results
from app.scans.schemas import FlagOut, ScoreOut


@dataclass(frozen=True)
class ScoreLine:
    name: str
    words: str
    figure: str


@dataclass(frozen=True)
class ExampleView:
    key: str
    position: str
    shown: Shown
    given: str
    suggested: str | None
    is_flagged: bool
    says: str
    suspicion: str
    bar: Markup
    reasons: list[str]
    scores: list[ScoreLine]
    terms: Markup | None
    terms_words: str
    place: str
    list_name: str
    list_url: str
    previous_url: str | None
    next_url: str | None
    next_image_url: str | None


def example_view(
    db: Session, caller: Caller, found: Results, position: int, listing: Listing, url: str
) -> ExampleView:
    """Raises ScoreNotFound; ClassUnknown: the filter names one that is not there."""
    score = results.get_score(db, found, position)
    flag = results.get_flag(db, found, score)
    before, after = results.neighbours(
        db,
        found,
        score.rank,
        flagged=listing.which is Which.flagged,
        label=listing.label,
        predicted=listing.suggested,
    )
    summary = found.scan.summary or {}
    ranked = found.scan.example_count - (summary.get("non_finite") or 0)
    asked = [position] if after is None else [position, after]
    shown = shown_examples(found.dataset, project_url(caller), asked)
    suggested = suggested_text(score, flag)
    steps = [checkpoint["step"] for checkpoint in summary.get("checkpoints", [])]
    terms = score.terms if score.terms and len(score.terms) == len(steps) else None
    return ExampleView(
        key=score.key,
        position=number(position),
        shown=shown[0],
        given=given_text(score),
        suggested=suggested,
        is_flagged=flag is not None,
        says=_says(score, suggested),
        suspicion=real(score.suspicion) if score.suspicion is not None else "not ranked",
        bar=share_bar(score.suspicion or 0.0),
        reasons=_reasons(score, flag, ranked),
        scores=_lines(score, found.dataset.task == Task.classification),
        terms=terms_chart(steps, terms) if terms else None,
        terms_words=_terms_words(steps, terms),
        place="not ranked"
        if score.rank is None
        else f"rank {number(score.rank)} of {number(ranked)}",
        list_name=_list_name(listing),
        list_url=f"{url}{listing.query}#examples",
        previous_url=_example_url(url, before, listing),
        next_url=_example_url(url, after, listing),
        next_image_url=shown[1].image_url if len(shown) > 1 else None,
    )


def _example_url(url: str, position: int | None, listing: Listing) -> str | None:
    return None if position is None else f"{url}/examples/{position}{listing.query}"


def _list_name(listing: Listing) -> str:
    name = {
        Which.flagged: "flagged examples",
        Which.all: "all examples",
        Which.not_finite: "examples that are not finite",
    }[listing.which]
    if listing.label is not None:
        name += f", given {listing.label}"
    if listing.suggested is not None:
        name += f", suggested {listing.suggested}"
    return name


def _says(score: ScoreOut, suggested: str | None) -> str:
    if score.predicted_label is not None:
        agrees = "agrees" if suggested is None else f"says {score.predicted_label}"
        return f"The model {agrees}, {percent(score.probability)} sure."
    if score.predicted_value is not None:
        return f"The model says {real(score.predicted_value)}."
    return "The model says nothing finite."


def _reasons(score: ScoreOut, flag: FlagOut | None, ranked: int) -> list[str]:
    reasons = [unbroken(flag.reason)] if flag else []
    reasons.append(words.suspicion_words(score.rank, score.suspicion, ranked))
    if score.given_probability is not None and score.predicted_label != score.given_label:
        reasons.append(
            f"The model gives the label {given_text(score)} a chance of "
            f"{percent(score.given_probability)}."
        )
    if not score.finite:
        return [
            "Its loss or gradient is not a finite number at some checkpoint: it has no score.",
            "Look for broken values in this example, or for a checkpoint that diverged.",
        ]
    return reasons


def _lines(score: ScoreOut, is_classification: bool) -> list[ScoreLine]:
    share = ""
    if score.self_influence and score.last_layer is not None:
        share = f": {percent(score.last_layer / score.self_influence)} of it is the last layer's"
    lines = [
        ScoreLine(
            "self-influence",
            f"how much the model had to bend for this label{share}",
            real(score.self_influence),
        ),
        ScoreLine(
            "self-influence, equal weights",
            "the same with every checkpoint counted alike",
            real(score.self_influence_equal),
        ),
        ScoreLine("last layer's part", "the same, of the last layer alone", real(score.last_layer)),
        ScoreLine("mean loss", "0 is a perfect fit", real(score.loss)),
    ]
    if is_classification:
        prefers = "the given label" if (score.margin or 0) > 0 else "another label"
        lines += [
            ScoreLine(
                "mean margin",
                f"the model prefers {prefers}; below 0 is against it",
                real(score.margin),
            ),
            ScoreLine("EL2N", "0 is certain and right, 1.41 certain and wrong", real(score.el2n)),
        ]
    else:
        lines.append(
            ScoreLine("mean error", "distance between given and predicted value", real(score.el2n))
        )
    return lines


def _terms_words(steps: list[int], terms: list[float | None] | None) -> str:
    if not terms:
        return ""
    finite = [(term, step) for term, step in zip(terms, steps, strict=True) if term is not None]
    if not finite:
        return "Not finite at any checkpoint."
    largest, at = max(finite)
    first, last = finite[0][0], finite[-1][0]
    told = f"Squared gradient norm over {plural(len(terms), 'checkpoint')}; "
    if last > 0.5 * largest:
        return f"{told}still hard to fit at the end, {real(last)}."
    if largest == first:
        return f"{told}hardest at the start, then learnt: {real(first)} to {real(last)}."
    return f"{told}hardest at step {number(at)}, then learnt: {real(largest)} to {real(last)}."
