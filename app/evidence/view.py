"""Evidence as the example's page shows it: who speaks for the label, and who against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from sqlalchemy.orm import Session

from app.access.service import Caller
from app.dashboard.charts import share_bar
from app.dashboard.formatting import number, plural, real
from app.dashboard.frame import project_url
from app.datasets.models import Task
from app.datasets.shown import Shown, shown_examples
from app.evidence.errors import ExampleNotFinite
from app.evidence.schemas import InfluenceOut
from app.evidence.service import evidence_of
from app.scans.results import Results
from app.scans.schemas import ScoreOut

SHOWN_AT_ONCE = 8


@dataclass(frozen=True)
class Neighbour:
    """A training example beside the one looked at."""

    url: str
    name: str
    shown: Shown
    label: str
    is_other_label: bool
    bar: Markup
    title: str


@dataclass(frozen=True)
class EvidenceView:
    opponents: list[Neighbour]
    proponents: list[Neighbour]
    opponents_say: str
    proponents_say: str
    nothing: str | None = None


def evidence_view(
    db: Session, caller: Caller, found: Results, score: ScoreOut, url: str, query: str
) -> EvidenceView:
    """Raises NoEvidence.

    Args:
        url: of the scan's page.
        query: of the list that the user walks through, kept in links.
    """
    try:
        evidence = evidence_of(db, found, [score.position], k=SHOWN_AT_ONCE)
    except ExampleNotFinite:
        return EvidenceView([], [], "", "", "Its gradient is not finite: nothing can be said.")
    given = _label(score)
    largest = max(
        (abs(each.influence) for each in (*evidence.proponents, *evidence.opponents)), default=1.0
    )

    def neighbours(side: Sequence[InfluenceOut]) -> list[Neighbour]:
        shown = shown_examples(
            found.dataset,
            project_url(caller),
            [each.position for each in side],
            longest_text=160,
            most_cells=4,
        )
        return [
            Neighbour(
                url=f"{url}/examples/{each.position}{query}",
                name=each.key,
                shown=content,
                label=_label(each),
                is_other_label=_label(each) != given,
                bar=share_bar(abs(each.influence) / largest),
                title=f"{each.key}, influence {real(each.influence)}",
            )
            for each, content in zip(side, shown, strict=True)
        ]

    is_classes = found.dataset.task == Task.classification
    return EvidenceView(
        opponents=neighbours(evidence.opponents),
        proponents=neighbours(evidence.proponents),
        opponents_say=_in_words(evidence.opponents, "against", given if is_classes else None),
        proponents_say=_in_words(evidence.proponents, "for", given if is_classes else None),
    )


def _label(each: InfluenceOut | ScoreOut) -> str:
    return each.given_label if each.given_label is not None else real(each.given_target)


def _in_words(side: Sequence[InfluenceOut], way: str, given: str | None) -> str:
    """The most frequent label among them, against the one given."""
    if not side:
        return f"No example speaks {way} it."
    if given is None:
        return (
            f"The {plural(len(side), 'example')} that speak{'s' * (len(side) == 1)} most {way} it."
        )
    labels = [_label(each) for each in side]
    top = max(labels, key=labels.count)
    return f"{number(labels.count(top))} of {number(len(labels))} are labelled {top}."
