"""What the page of a version's changes shows: ready values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.access.service import Caller
from app.compare.change_schemas import (
    ChangeCounts,
    ChangedExampleOut,
    ChangeKind,
    ChangesOut,
    ClassChange,
    OriginOut,
)
from app.compare.changes import Versions, describe_changes, list_changed
from app.compare.shown import in_a_page, label_text, modality_of, shown_at
from app.dashboard.charts import HeatMap, heat_map
from app.dashboard.formatting import number, percent, plural
from app.dashboard.frame import project_url, with_query
from app.datasets.shown import Shown
from app.scans.gallery import Chip, Tab
from app.scans.views import Stat

_MOVES = {"gained": "+", "lost": "−", "added": "+", "removed": "−"}  # noqa: RUF001
_KIND_NAMES = {
    ChangeKind.relabelled: "relabelled",
    ChangeKind.removed: "removed",
    ChangeKind.added: "added",
    ChangeKind.content: "other content",
}


@dataclass(frozen=True)
class ClassRow:
    name: str
    before: int
    after: int
    moves: list[tuple[str, str]]
    """Of each column of the table, its name and what it says."""


@dataclass(frozen=True)
class ChangedCard:
    """An example that changed. What is not there, or is as it was, is None."""

    key: str
    shown: Shown
    shown_before: Shown | None
    """Where the content is another."""
    label: str | None
    label_before: str | None
    is_relabelled: bool
    says: str
    origin: OriginOut | None


@dataclass(frozen=True)
class ChangeView:
    since: str
    since_url: str
    says: str
    by: list[tuple[str, str, datetime | None]]
    """Version, link and moment of the exports on the way, the latest first."""
    stats: list[Stat]
    heat: HeatMap | None
    moves: list[str]
    classes: list[ClassRow]
    tabs: list[Tab]
    chips: list[Chip]
    modality: str
    cards: list[ChangedCard]
    first_url: str | None
    next_url: str | None


def change_view(
    db: Session,
    caller: Caller,
    versions: Versions,
    *,
    kind: ChangeKind | None,
    old: str | None,
    new: str | None,
    after: str | None,
) -> ChangeView:
    """Raises ClassUnknown, CursorInvalid."""
    told = describe_changes(versions)
    old, new = old or None, new or None
    examples, following = list_changed(
        db,
        versions,
        kind=kind,
        old=old,
        new=new,
        after=after,
        limit=in_a_page(versions.now),
    )
    datasets = f"{project_url(caller)}/datasets"
    page_url = f"{datasets}/{versions.now.id}/changes"

    def url(**changes: str | None) -> str:
        asked = {"kind": kind and kind.value, "old": old, "new": new} | changes
        return with_query(page_url, since=versions.was.id, **asked) + "#examples"

    return ChangeView(
        since=f"{versions.was.name} {versions.was.version}",
        since_url=f"{datasets}/{versions.was.id}",
        says=_says(told),
        by=[(each.version, f"{datasets}/{each.dataset_id}", each.as_of) for each in told.exports],
        stats=_stats(told.counts),
        heat=heat_map(
            [
                {"given": each.old, "suggested": each.new, "count": each.count}
                for each in told.relabelled
            ],
            versions.classes,
            lambda a, b: url(kind=ChangeKind.relabelled.value, old=a, new=b),
            says="now",
        ),
        moves=_moves(told),
        classes=_classes(told),
        tabs=_tabs(told.counts, kind, url),
        chips=[
            Chip(name, url(**{field: None}))
            for field, value, name in (("old", old, f"was {old}"), ("new", new, f"now {new}"))
            if value is not None
        ],
        modality=modality_of(versions.now).value,
        cards=_cards(caller, versions, examples),
        first_url=url() if after else None,
        next_url=url(after=following) if following else None,
    )


def _says(told: ChangesOut) -> str:
    counts = told.counts
    if counts.unchanged == counts.before == counts.after:
        return "Nothing changed: every key has the label and the content that it had."
    parts = [
        f"{number(getattr(counts, kind.value))} {words}"
        for kind, words in (
            (ChangeKind.relabelled, "relabelled"),
            (ChangeKind.removed, "removed"),
            (ChangeKind.added, "added"),
            (ChangeKind.content, "with other content"),
        )
        if getattr(counts, kind.value)
    ]
    listed = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
    return f"Of {plural(counts.before, 'example')}: {listed}."


def _stats(counts: ChangeCounts) -> list[Stat]:
    def share(count: int) -> str:
        return f"{percent(count / (counts.before or 1))} of {number(counts.before)}"

    stats = [
        Stat("relabelled", number(counts.relabelled), share(counts.relabelled)),
        Stat("removed", number(counts.removed), share(counts.removed)),
        Stat("added", number(counts.added), f"{number(counts.after)} examples now"),
        Stat("as they were", number(counts.unchanged), share(counts.unchanged)),
    ]
    if counts.content:
        stats.insert(3, Stat("other content", number(counts.content), "under the same key"))
    return stats


def _moves(told: ChangesOut) -> list[str]:
    """Columns of the table of classes that have anything in them."""
    every = told.classes or []
    return [name for name in _MOVES if any(getattr(each, name) for each in every)]


def _classes(told: ChangesOut) -> list[ClassRow]:
    """Those that changed, the most changed first."""
    names = _moves(told)

    def moved(each: ClassChange) -> int:
        return sum(getattr(each, name) for name in names)

    changed = [each for each in told.classes or [] if moved(each)]
    return [
        ClassRow(
            each.label,
            each.before,
            each.after,
            [
                (name, f"{_MOVES[name]}{number(count)}" if (count := getattr(each, name)) else "")
                for name in names
            ],
        )
        for each in sorted(changed, key=moved, reverse=True)
    ]


def _tabs(counts: ChangeCounts, current: ChangeKind | None, url: Callable[..., str]) -> list[Tab]:
    tabs = [Tab("all changes", url(kind=None, old=None, new=None), current is None)]
    for kind, name in _KIND_NAMES.items():
        count = getattr(counts, kind.value)
        if count or kind is current:
            tabs.append(
                Tab(
                    f"{name} {number(count)}",
                    url(kind=kind.value, old=None, new=None),
                    kind is current,
                )
            )
    return tabs


def _cards(
    caller: Caller, versions: Versions, examples: Sequence[ChangedExampleOut]
) -> list[ChangedCard]:
    now = shown_at(caller, versions.now, [each.position for each in examples])
    was = shown_at(
        caller,
        versions.was,
        [
            each.position_before
            if each.position is None or ChangeKind.content in each.kinds
            else None
            for each in examples
        ],
    )
    cards = []
    for each in examples:
        before = None if each.position_before is None else was.get(each.position_before)
        shown = before if each.position is None else now[each.position]
        assert shown is not None, "a removed example is shown as it was"
        cards.append(
            ChangedCard(
                key=each.key,
                shown=shown,
                shown_before=before if each.position is not None else None,
                label=label_text(each.label, each.target),
                label_before=label_text(each.label_before, each.target_before),
                is_relabelled=ChangeKind.relabelled in each.kinds,
                says=", ".join(_KIND_NAMES[kind] for kind in each.kinds),
                origin=each.origin,
            )
        )
    return cards
