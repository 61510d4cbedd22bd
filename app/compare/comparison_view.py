"""What the page of two scans shows: ready values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from markupsafe import Markup
from sqlalchemy.orm import Session

from app.access.service import Caller
from app.compare import queries
from app.compare.charts import flow, two_histograms
from app.compare.compared_examples import list_compared_flags
from app.compare.pairs import Pair
from app.compare.scan_comparison import describe_comparison
from app.compare.scan_schemas import ComparedExampleOut, Fate, FlagFates, ScanComparisonOut
from app.compare.shown import in_a_page, label_text, modality_of, shown_at
from app.dashboard.charts import share_bar
from app.dashboard.formatting import number, percent, plural, real
from app.dashboard.frame import project_url, with_query
from app.datasets.shown import Shown
from app.scans.gallery import Tab
from app.scans.results import Results
from app.scans.views import Stat, dataset_title, scan_url
from app.scans.words import score_name, setting_facts

_MOST_OTHERS = 50
_MOST_MOVED = 24
_FATE_NAMES = {Fate.gone: "flags gone", Fate.kept: "kept", Fate.new: "new"}


@dataclass(frozen=True)
class Other:
    """A scan to compare with."""

    id: UUID
    name: str
    is_chosen: bool


def other_scans(db: Session, found: Results, chosen: UUID | None) -> list[Other]:
    """Complete scans of the dataset's versions, the newest first. If none is named, the last one
    before is chosen, or else the newest.
    """
    rows = queries.comparable_scans(db, found.scan, found.dataset.name, _MOST_OTHERS)
    if chosen is None:
        earlier = [row.Scan.id for row in rows if row.Scan.created_at < found.scan.created_at]
        chosen = next(iter(earlier or [row.Scan.id for row in rows]), None)
    return [
        Other(
            row.Scan.id,
            f"version {row.version}, {score_name(row.Scan.score)}, "
            f"{row.Scan.created_at:%Y-%m-%d %H:%M}",
            row.Scan.id == chosen,
        )
        for row in rows
    ]


@dataclass(frozen=True)
class ComparedCard:
    """An example; its link leads to its page in the later scan that has it."""

    url: str
    key: str
    shown: Shown
    label: str
    label_before: str | None
    """Where it is another."""
    ranks: str
    flag: str
    bar_before: Markup
    bar: Markup


@dataclass(frozen=True)
class ComparisonView:
    before_title: str
    before_url: str
    before_at: datetime | None
    facts: list[str]
    says: str
    stats: list[Stat]
    flow: Markup
    histograms: Markup
    score: str
    scale_words: str
    quantiles: list[tuple[str, str, str]]
    """Name, before and now."""
    is_same_dataset: bool
    changes_url: str
    tabs: list[Tab]
    heading: str
    modality: str
    cards: list[ComparedCard]
    first_url: str | None
    next_url: str | None


def comparison_view(
    db: Session, caller: Caller, pair: Pair, *, fate: Fate | None, after: str | None
) -> ComparisonView:
    """Raises CursorInvalid."""
    told = describe_comparison(db, pair, most=0 if fate else _MOST_MOVED)
    examples: Sequence[ComparedExampleOut] = told.moved
    following = None
    if fate is not None:
        examples, following = list_compared_flags(
            db, pair, fate, after=after, limit=in_a_page(pair.now.dataset)
        )
    page_url = f"{scan_url(caller, pair.now.scan)}/comparison"

    def url(fate: Fate | None, after: str | None = None) -> str:
        query = {"with": pair.was.scan.id, "fate": fate and fate.value, "after": after}
        return with_query(page_url, **query) + "#examples"

    distribution = told.distribution
    name = score_name(distribution.score)
    return ComparisonView(
        before_title=dataset_title(pair.was.dataset),
        before_url=scan_url(caller, pair.was.scan),
        before_at=told.before.finished_at,
        facts=setting_facts(pair.was.scan),
        says=_says(told),
        stats=_stats(told),
        flow=flow(told.flags),
        histograms=two_histograms(distribution, name),
        score=f"{name[0].upper()}{name[1:]}",
        scale_words=f"{'square-root' if distribution.scale == 'sqrt' else 'linear'} scale",
        quantiles=[
            (words, real(getattr(distribution.before, each)), real(getattr(distribution.now, each)))
            for words, each in (("Half", "median"), ("90 %", "p90"), ("99 %", "p99"))
        ],
        is_same_dataset=pair.now.dataset.id == pair.was.dataset.id,
        changes_url=with_query(
            f"{project_url(caller)}/datasets/{pair.now.dataset.id}/changes",
            since=pair.was.dataset.id,
        ),
        tabs=_tabs(told.flags, fate, url),
        heading="Examples that moved most" if fate is None else f"Examples: {_FATE_NAMES[fate]}",
        modality=modality_of(pair.now.dataset).value,
        cards=_cards(caller, pair, examples),
        first_url=url(fate) if after else None,
        next_url=url(fate, following) if following else None,
    )


def _says(told: ScanComparisonOut) -> str:
    flags, corrected = told.flags, told.corrected
    if corrected.flagged_before:
        return (
            f"Of {plural(corrected.flagged_before, 'corrected example')} that had been flagged, "
            f"{number(corrected.no_longer_flagged)} no longer "
            f"{'is' if corrected.no_longer_flagged == 1 else 'are'}."
        )
    every = flags.gone + flags.kept
    return f"Of {plural(every, 'flag')} before, {number(flags.kept)} are still there."


def _stats(told: ScanComparisonOut) -> list[Stat]:
    flags, corrected = told.flags, told.corrected
    removed = f", {number(flags.gone_removed)} with their examples" if flags.gone_removed else ""
    added = f"{number(flags.new_added)} of added examples" if flags.new_added else "not before"
    stats = [
        Stat("flags gone", number(flags.gone), f"of {number(flags.gone + flags.kept)}{removed}"),
        Stat("flags kept", number(flags.kept), "in both scans"),
        Stat("new flags", number(flags.new), added),
        Stat(
            "ranked alike",
            "–" if told.rank_correlation is None else f"{told.rank_correlation:.2f}",  # noqa: RUF001
            f"rank correlation over {plural(told.in_both, 'example')}",
        ),
    ]
    if corrected.examples:
        shift = ""
        if corrected.median_suspicion is not None and corrected.median_suspicion_before is not None:
            shift = (
                "; half of them were more suspicious than "
                f"{percent(corrected.median_suspicion_before)} of all, now than "
                f"{percent(corrected.median_suspicion)}"
            )
        stats.insert(
            0,
            Stat(
                "corrected, flag gone",
                f"{number(corrected.no_longer_flagged)} of {number(corrected.flagged_before)}",
                f"{plural(corrected.examples, 'example')} corrected{shift}",
            ),
        )
    return stats


def _tabs(flags: FlagFates, current: Fate | None, url: Callable[..., str]) -> list[Tab]:
    return [
        Tab("moved most", url(None), current is None),
        *(
            Tab(f"{name} {number(getattr(flags, fate.value))}", url(fate), fate is current)
            for fate, name in _FATE_NAMES.items()
        ),
    ]


def _cards(
    caller: Caller, pair: Pair, examples: Sequence[ComparedExampleOut]
) -> list[ComparedCard]:
    now = shown_at(caller, pair.now.dataset, [each.position for each in examples])
    gone = [each.position_before if each.position is None else None for each in examples]
    was = shown_at(caller, pair.was.dataset, gone)
    cards = []
    for each in examples:
        if each.position is None:
            assert each.position_before is not None, "it is in one of the scans"
            place, shown = (pair.was, each.position_before), was[each.position_before]
        else:
            place, shown = (pair.now, each.position), now[each.position]
        label = label_text(each.label, each.target)
        label_before = label_text(each.label_before, each.target_before)
        is_relabelled = None not in (each.position, each.position_before) and label != label_before
        cards.append(
            ComparedCard(
                url=f"{scan_url(caller, place[0].scan)}/examples/{place[1]}",
                key=each.key,
                shown=shown,
                label=(label if each.position is not None else label_before) or "",
                label_before=label_before if is_relabelled else None,
                ranks=f"{_rank(each.rank_before, 'not there')} → {_rank(each.rank, 'removed')}",
                flag=_flag(each),
                bar_before=share_bar(each.suspicion_before or 0.0, "plain"),
                bar=share_bar(each.suspicion or 0.0),
            )
        )
    return cards


def _rank(rank: int | None, otherwise: str) -> str:
    return otherwise if rank is None else f"#{number(rank)}"


def _flag(each: ComparedExampleOut) -> str:
    if each.flagged:
        return "still flagged" if each.flagged_before else "newly flagged"
    return "flag gone" if each.flagged_before else "not flagged"
