"""What changed between two versions of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from app.access.service import Caller
from app.compare import queries
from app.compare.change_schemas import (
    ChangeCounts,
    ChangedExampleOut,
    ChangeKind,
    ChangesOut,
    ClassChange,
    ExportOnTheWay,
    Relabelled,
    VersionOut,
)
from app.compare.errors import NoParent
from app.compare.joining import all_classes, joined
from app.compare.origins import origins, steps_between
from app.datasets.content import open_store
from app.datasets.models import Dataset, Task
from app.datasets.service import get_ready_dataset
from app.kept import KeptArrays
from app.paging import cut_page, decode_cursor, parse_position
from app.reviews.blindness import require_sight
from app.scans.errors import ClassUnknown

MOST_PAIRS = 1000
_MOST_BYTES = 64 * 1024 * 1024
_BITS = {kind: 1 << number for number, kind in enumerate(ChangeKind)}
_kept: KeptArrays[tuple[UUID, UUID]] = KeptArrays(_MOST_BYTES)


class Versions:
    """Two ready versions of a dataset that the caller may see. Neither changes any more.

    steps: the exports that lead from the one to the other, the latest first.
    changed: a row for each example that changed, in the order of their positions, those that were
        removed last: `now`, `was` (-1 for none), `kinds` (bits), `label`, `label_was`.
    """

    def __init__(self, db: Session, caller: Caller, now: Dataset, was: Dataset) -> None:
        self.now = now
        self.was = was
        self.steps = steps_between(db, caller, now, was)
        self.classes = all_classes(now, was)
        self.changed = _changed(db, now, was)

    @property
    def has_targets(self) -> bool:
        return self.now.task == Task.regression

    def of_kind(self, kind: ChangeKind) -> np.ndarray:
        found: np.ndarray = self.changed["kinds"] & _BITS[kind] > 0
        return found

    def name(self, label: Any) -> str | None:
        return None if self.has_targets or label < 0 else self.classes[int(label)]

    def target(self, label: Any, position: int) -> float | None:
        return float(label) if self.has_targets and position >= 0 else None

    def label_index(self, name: str, field: str) -> int:
        if name not in self.classes:
            raise ClassUnknown(
                f"Neither version has a class {name!r}.",
                field=field,
                remedy=f"Their classes are: {', '.join(self.classes[:20])}"
                + (", …." if len(self.classes) > 20 else "."),
            )
        return self.classes.index(name)


def open_versions(db: Session, caller: Caller, dataset_id: UUID, since_id: UUID | None) -> Versions:
    """A version and an earlier one; without its id, the one that it is a correction of.

    Raises:
        DatasetNotFound, DatasetNotReady, NoParent, NotComparable.
        UnderBlindReview: what changed would tell what reviewers found.
    """
    now = get_ready_dataset(db, caller, dataset_id)
    if since_id is None:
        since_id = now.parent_id
    if since_id is None:
        raise NoParent(
            "This version is no correction of another.",
            field="since",
            remedy="Name the version to compare with: its id as `since`.",
        )
    was = get_ready_dataset(db, caller, since_id)
    for each in (now, was):
        require_sight(db, caller, each.id)
    return Versions(db, caller, now, was)


def _changed(db: Session, now: Dataset, was: Dataset) -> np.ndarray:
    key = (now.id, was.id)
    found = _kept.get(key)
    if found is None:
        found = _find_changed(db, now, was)
        _kept.put(key, found)
    return found


def _find_changed(db: Session, now: Dataset, was: Dataset) -> np.ndarray:
    number = "f8" if now.task == Task.regression else "i4"
    row = np.dtype(
        [("now", "i4"), ("was", "i4"), ("kinds", "u1"), ("label", number), ("label_was", number)]
    )
    store, store_was = open_store(now), open_store(was)
    parts = [np.empty(0, row)]
    for block in joined(db, now, was):
        kinds = _BITS[ChangeKind.added] * (block.was < 0)
        kinds += _BITS[ChangeKind.removed] * (block.now < 0)
        kinds += _BITS[ChangeKind.relabelled] * block.is_relabelled
        both = np.flatnonzero(block.in_both)
        unlike = store.digests_at(block.now[both]) != store_was.digests_at(block.was[both])
        kinds[both[unlike.any(1)]] += _BITS[ChangeKind.content]
        chosen = np.flatnonzero(kinds)
        part = np.empty(len(chosen), row)
        for name in ("now", "was", "label", "label_was"):
            part[name] = getattr(block, name)[chosen]
        part["kinds"] = kinds[chosen]
        parts.append(part)
    changed = np.concatenate(parts)
    order = np.lexsort((changed["was"], changed["now"], changed["now"] < 0))
    return changed[order]


def describe_changes(versions: Versions) -> ChangesOut:
    """What changed, in figures."""
    now, was = versions.now, versions.was
    before, after = was.example_count or 0, now.example_count or 0
    count = {kind: int(versions.of_kind(kind).sum()) for kind in ChangeKind}
    pairs = [] if versions.has_targets else _relabelled(versions)
    return ChangesOut(
        dataset=VersionOut.model_validate(now),
        since=VersionOut.model_validate(was),
        counts=ChangeCounts(
            before=before,
            after=after,
            added=count[ChangeKind.added],
            removed=count[ChangeKind.removed],
            relabelled=count[ChangeKind.relabelled],
            content=count[ChangeKind.content],
            unchanged=before - len(versions.changed) + count[ChangeKind.added],
        ),
        pair_count=len(pairs),
        relabelled=pairs[:MOST_PAIRS],
        classes=None if versions.has_targets else _classes(versions),
        exports=[
            ExportOnTheWay(
                id=step.export.id,
                dataset_id=step.made.id,
                version=step.made.version,
                as_of=step.as_of,
                created_by=step.export.created_by,
            )
            for step in versions.steps
        ],
    )


def _relabelled(versions: Versions) -> list[Relabelled]:
    rows = versions.changed[versions.of_kind(ChangeKind.relabelled)]
    width = len(versions.classes) or 1
    codes = rows["label_was"].astype(np.int64) * width + rows["label"]
    found, counts = np.unique(codes, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [
        Relabelled(
            old=versions.classes[code // width], new=versions.classes[code % width], count=count
        )
        for code, count in zip(found[order].tolist(), counts[order].tolist(), strict=True)
    ]


def _classes(versions: Versions) -> list[ClassChange]:
    changed, width = versions.changed, len(versions.classes)

    def by_class(kind: ChangeKind, column: str) -> list[int]:
        labels = changed[column][versions.of_kind(kind)]
        counts: list[int] = np.bincount(labels, minlength=width).tolist()
        return counts

    added, removed = by_class(ChangeKind.added, "label"), by_class(ChangeKind.removed, "label_was")
    gained = by_class(ChangeKind.relabelled, "label")
    lost = by_class(ChangeKind.relabelled, "label_was")
    before, after = versions.was.class_counts or {}, versions.now.class_counts or {}
    return [
        ClassChange(
            label=name,
            before=before.get(name, 0),
            after=after.get(name, 0),
            added=added[i],
            removed=removed[i],
            gained=gained[i],
            lost=lost[i],
        )
        for i, name in enumerate(versions.classes)
    ]


def list_changed(
    db: Session,
    versions: Versions,
    *,
    kind: ChangeKind | None = None,
    old: str | None = None,
    new: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[ChangedExampleOut], str | None]:
    """Those that changed, in the order of the dataset; what was removed comes last.

    Raises:
        ClassUnknown, CursorInvalid.
    """
    rows = versions.changed
    wanted = np.ones(len(rows), bool) if kind is None else versions.of_kind(kind)
    for name, column, field in ((old, "label_was", "old"), (new, "label", "new")):
        if name is not None:
            wanted &= rows[column] == versions.label_index(name, field)
    cursor = decode_cursor(after, parse_position, parse_position)
    if cursor is not None:
        gone, position = cursor
        is_gone = rows["now"] < 0
        at = np.where(is_gone, rows["was"], rows["now"])
        wanted &= (is_gone > gone) | ((is_gone == gone) & (at > position))
    chosen = rows[np.flatnonzero(wanted)[: limit + 1]]
    page, following = cut_page(list(chosen), limit, lambda row: (int(row["now"] < 0), _at(row)))
    return _examples(db, versions, page), following


def _at(row: Any) -> int:
    return int(row["was"]) if row["now"] < 0 else int(row["now"])


def _examples(db: Session, versions: Versions, rows: Sequence[Any]) -> list[ChangedExampleOut]:
    keys = queries.keys_at(
        db, versions.now.id, [int(row["now"]) for row in rows if row["now"] >= 0]
    )
    keys_was = queries.keys_at(
        db, versions.was.id, [int(row["was"]) for row in rows if row["now"] < 0]
    )
    examples = []
    for row in rows:
        now, was = int(row["now"]), int(row["was"])
        examples.append(
            ChangedExampleOut(
                key=keys[now] if now >= 0 else keys_was[was],
                kinds=[kind for kind, bit in _BITS.items() if row["kinds"] & bit],
                position=now if now >= 0 else None,
                position_before=was if was >= 0 else None,
                label=versions.name(row["label"]),
                label_before=versions.name(row["label_was"]),
                target=versions.target(row["label"], now),
                target_before=versions.target(row["label_was"], was),
                origin=None,
            )
        )
    found = origins(db, versions.steps, examples)
    return [each.model_copy(update={"origin": found.get(each.key)}) for each in examples]
