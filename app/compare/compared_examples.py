"""Examples of two scans as the API tells them: any of them, or those whose flags changed."""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.compare.pairs import Pair
from app.compare.scan_schemas import ComparedExampleOut, Fate
from app.paging import cut_page, decode_cursor, parse_position
from app.scans.results import scores_at

_TOLD = {
    "position": "position",
    "label": "given_label",
    "target": "given_target",
    "rank": "rank",
    "suspicion": "suspicion",
    "flagged": "flagged",
}


def compared_examples(
    db: Session, pair: Pair, now: np.ndarray, was: np.ndarray
) -> list[ComparedExampleOut]:
    """Examples by their positions in either scan, -1 where one has it not; in the order given."""
    scores, scores_was = (
        {each.position: each for each in scores_at(db, found, positions[positions >= 0].tolist())}
        for found, positions in ((pair.now, now), (pair.was, was))
    )
    examples = []
    for here, there in zip(now.tolist(), was.tolist(), strict=True):
        told: dict[str, Any] = {}
        for score, suffix in ((scores_was.get(there), "_before"), (scores.get(here), "")):
            if score is not None:
                told |= {"key": score.key}
                told |= {f"{name}{suffix}": getattr(score, of) for name, of in _TOLD.items()}
        examples.append(ComparedExampleOut.model_validate(told))
    return examples


def list_compared_flags(
    db: Session, pair: Pair, fate: Fate, *, after: str | None = None, limit: int = 50
) -> tuple[list[ComparedExampleOut], str | None]:
    """The most suspicious first: of those that are gone, as they were.

    Raises:
        CursorInvalid.
    """
    now, was = pair.flags(fate)
    gone = fate is Fate.gone
    rank = pair.columns_was["rank"][was] if gone else pair.columns["rank"][now]
    order = np.argsort(rank)
    cursor = decode_cursor(after, parse_position)
    if cursor is not None:
        order = order[np.searchsorted(rank[order], cursor[0], side="right") :]
    chosen = order[: limit + 1]
    page, following = cut_page(chosen.tolist(), limit, lambda index: (int(rank[index]),))
    return compared_examples(db, pair, now[page], was[page]), following
