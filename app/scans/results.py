"""Reading a scan's results: scores, flags, and one example with all its scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.access.service import Caller
from app.datasets.models import Dataset
from app.datasets.service import find_position, get_dataset, label_name
from app.paging import cut_page, decode_cursor, parse_position
from app.reviews.blindness import require_sight
from app.scans import score_queries
from app.scans.errors import ClassUnknown, ScanNotComplete, ScoreNotFound
from app.scans.models import Flag, Scan, ScanStatus, Score
from app.scans.schemas import FlagOut, Order, ScoreOut
from app.scans.service import get_scan


@dataclass(frozen=True)
class Results:
    """A complete scan with its dataset: what every reading of results begins from."""

    scan: Scan
    dataset: Dataset

    def label_index(self, name: str | None, field: str) -> int | None:
        if name is None:
            return None
        classes = self.dataset.classes or []
        if name not in classes:
            raise ClassUnknown(
                f"The dataset has no class {name!r}.",
                field=field,
                remedy=f"Its classes are: {', '.join(classes[:20])}"
                + (", …." if len(classes) > 20 else "."),
            )
        return classes.index(name)


def open_results(db: Session, caller: Caller, scan_id: UUID) -> Results:
    """What a scan found, for whoever may know it.

    Raises:
        ScanNotFound.
        ScanNotComplete: there are no results yet.
        UnderBlindReview: the caller reviews the dataset, and is not to know.
    """
    found = results_of_scan(db, caller, scan_id)
    require_sight(db, caller, found.dataset.id)
    return found


def results_of_scan(db: Session, caller: Caller, scan_id: UUID) -> Results:
    """The same for a page that tells a reviewer no more than they may know itself."""
    scan = get_scan(db, caller, scan_id)
    if scan.status != ScanStatus.complete:
        raise ScanNotComplete(
            f"The scan has no results: it is {scan.status}.",
            remedy="Wait until its `status` is `complete`; if it failed, mend the cause and retry.",
        )
    return Results(scan, get_dataset(db, caller, scan.dataset_id))


def list_scores(
    db: Session,
    results: Results,
    *,
    order: Order = Order.rank,
    label: str | None = None,
    predicted: str | None = None,
    finite: bool | None = None,
    flagged: bool | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[ScoreOut], str | None]:
    kind = parse_position if order in (Order.rank, Order.position) else float
    cursor = decode_cursor(after, kind, parse_position)
    rows = score_queries.scores_page(
        db,
        results.scan,
        order=order,
        given_label=results.label_index(label, "label"),
        predicted_label=results.label_index(predicted, "predicted"),
        finite=finite,
        flagged=flagged,
        after=None if cursor is None else (cursor[0], cursor[1]),
        limit=limit + 1,
    )
    page, following = cut_page(
        rows, limit, lambda row: (getattr(row.Score, order.value), row.Score.position)
    )
    return [_score_out(results.dataset, row) for row in page], following


def get_score(db: Session, results: Results, position: int) -> ScoreOut:
    row = score_queries.score_at(db, results.scan, position)
    if row is None:
        raise ScoreNotFound(
            f"The scan has no example {position}.",
            field="position",
            remedy=f"Positions run from 0 to {results.scan.example_count - 1}.",
        )
    return _score_out(results.dataset, row)


def scores_at(db: Session, results: Results, positions: Sequence[int]) -> list[ScoreOut]:
    """Of those positions that the scan has, in any order."""
    rows = score_queries.scores_at(db, results.scan, positions)
    return [_score_out(results.dataset, row) for row in rows]


def get_score_by_key(db: Session, results: Results, key: str) -> ScoreOut:
    return get_score(db, results, find_position(db, results.dataset, key))


def list_flags(
    db: Session,
    results: Results,
    *,
    label: str | None = None,
    suggested: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[FlagOut], str | None]:
    cursor = decode_cursor(after, parse_position)
    rows = score_queries.flags_page(
        db,
        results.scan,
        given_label=results.label_index(label, "label"),
        suggested_label=results.label_index(suggested, "suggested"),
        after=None if cursor is None else cursor[0],
        limit=limit + 1,
    )
    page, following = cut_page(rows, limit, lambda row: (row.Flag.rank,))
    return [_flag_out(results.dataset, row) for row in page], following


def get_flag(db: Session, results: Results, score: ScoreOut) -> FlagOut | None:
    """The flag of an example, if the policy flagged it."""
    flag = score_queries.flag_at(db, results.scan.id, score.position)
    if flag is None:
        return None
    return _flag(results.dataset, flag, score.key, score.given_target)


def flags_of(db: Session, results: Results, scores: Sequence[ScoreOut]) -> dict[int, FlagOut]:
    """The flags of those of the scores that are flagged, by position."""
    by_position = {score.position: score for score in scores if score.flagged}
    flags = score_queries.flags_at(db, results.scan.id, list(by_position)) if by_position else []
    return {
        flag.position: _flag(
            results.dataset,
            flag,
            by_position[flag.position].key,
            by_position[flag.position].given_target,
        )
        for flag in flags
    }


def neighbours(
    db: Session,
    results: Results,
    rank: int | None,
    *,
    flagged: bool,
    label: str | None = None,
    predicted: str | None = None,
) -> tuple[int | None, int | None]:
    """Positions of the examples before and after in the ranking, within a filter.

    Args:
        flagged: among the flagged only; `predicted` is then the suggested class.
    """
    if rank is None:
        return None, None
    return score_queries.positions_around(
        db,
        results.scan.id,
        rank,
        flagged=flagged,
        given_label=results.label_index(label, "label"),
        predicted_label=results.label_index(predicted, "predicted"),
    )


_SHARED = (
    "position",
    "given_target",
    "finite",
    "rank",
    "suspicion",
    "self_influence",
    "self_influence_equal",
    "last_layer",
    "loss",
    "margin",
    "el2n",
    "predicted_value",
    "probability",
    "given_probability",
)


def _score_out(dataset: Dataset, row: Row[Score, str, bool]) -> ScoreOut:
    score = row.Score
    terms = score.terms
    if terms is not None:
        # JSON has no NaN: a term that is not finite is null.
        terms = [term if term == term and abs(term) != float("inf") else None for term in terms]
    return ScoreOut(
        **{name: getattr(score, name) for name in _SHARED},
        key=row.key,
        flagged=row.flagged,
        given_label=label_name(dataset, score.given_label),
        predicted_label=label_name(dataset, score.predicted_label),
        terms=terms,
    )


def _flag_out(dataset: Dataset, row: Row[Flag, str, float | None]) -> FlagOut:
    return _flag(dataset, row.Flag, row.key, row.given_target)


def _flag(dataset: Dataset, flag: Flag, key: str, given_target: float | None) -> FlagOut:
    return FlagOut(
        position=flag.position,
        key=key,
        rank=flag.rank,
        suspicion=flag.suspicion,
        given_label=label_name(dataset, flag.given_label),
        given_target=given_target,
        suggested_label=label_name(dataset, flag.suggested_label),
        suggested_value=flag.suggested_value,
        reason=flag.reason,
    )
