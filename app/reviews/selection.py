"""Which examples a policy chooses: one form for all policies, with classes as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.reviews import queue_schemas as schemas
from app.scans.regions import examples_in
from app.scans.results import Results


@dataclass(frozen=True)
class Selection:
    """Examples that fit all that is not None; of those the first `k` in the queue's order."""

    given: Sequence[int] | None = None
    suggested: Sequence[int] | None = None
    flagged: bool | None = None
    suspicion_at_least: float | None = None
    suspicion_at_most: float | None = None
    keys: Sequence[str] | None = None
    positions: Sequence[int] | None = None
    k: int | None = None
    k_of_class: int | None = None


def selection_of(db: Session, policy: schemas.Policy, found: Results) -> Selection:
    """Raises ClassUnknown: the policy names a class that the data set has not; RegionInvalid."""
    match policy:
        case schemas.Flagged():
            return Selection(flagged=True)
        case schemas.TopK(k=k):
            return Selection(k=k)
        case schemas.Suspicion(at_least=at_least):
            return Selection(suspicion_at_least=at_least)
        case schemas.EachClass(k=k):
            return Selection(k_of_class=k)
        case schemas.Keys(keys=keys):
            return Selection(keys=sorted(set(keys)))
        case schemas.Region(k=k):
            inside = examples_in(db, found, policy, inside="policy")
            return Selection(positions=inside.tolist(), k=k)
        case schemas.OfClass():
            suggested = None if policy.suggested is None else [policy.suggested]
            return Selection(
                given=class_indices(found, [policy.given], "policy.given"),
                suggested=class_indices(found, suggested, "policy.suggested"),
                k=policy.k,
            )
        case schemas.Filter():
            return Selection(
                given=class_indices(found, policy.given, "policy.given"),
                suggested=class_indices(found, policy.suggested, "policy.suggested"),
                flagged=policy.flagged,
                suspicion_at_least=policy.suspicion_at_least,
                suspicion_at_most=policy.suspicion_at_most,
                k=policy.k,
            )


def class_indices(found: Results, names: Sequence[str] | None, field: str) -> list[int] | None:
    """Raises ClassUnknown."""
    if names is None:
        return None
    indices = [found.label_index(name, field) for name in names]
    return [index for index in indices if index is not None]


def kept_policy(policy: schemas.Policy) -> dict[str, Any]:
    """As the queue remembers it: of keys only their number, for the items say which."""
    if isinstance(policy, schemas.Keys):
        return {"kind": policy.kind, "count": len(set(policy.keys))}
    return policy.model_dump(mode="json", exclude_none=True)
