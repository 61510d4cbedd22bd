"""Why an example was flagged: the training examples that support its label, and that oppose it.

Influence is read off sketches that the scan kept (docs/engine.md), by an exact search over all
examples of the scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from sqlalchemy.orm import Session

from app.artifacts import ArtifactStore
from app.datasets.content import open_store
from app.evidence.errors import ExampleNotFinite, NoEvidence
from app.evidence.schemas import EvidenceOut, InfluenceOut
from app.evidence.search import top_influences
from app.scans import results
from app.scans.errors import ScoreNotFound
from app.scans.results import Results
from app.scans.schemas import ScoreOut
from app.settings import settings

_OF_SCORE = set(InfluenceOut.model_fields) - {"influence"}


def evidence_of(
    db: Session, found: Results, positions: Sequence[int], *, k: int = 10, label: str | None = None
) -> EvidenceOut:
    """The k strongest proponents and opponents of some examples together.

    Args:
        positions: of the examples; their mean is asked about, and they are left out.
        label: look only among the examples given this class.
    Raises:
        NoEvidence: the scan kept no sketches.
        ScoreNotFound: a position that is not the scan's.
        ExampleNotFinite: an example without a finite gradient.
        ClassUnknown
    """
    sketches = sketches_of(found)
    wrong = [position for position in positions if not 0 <= position < len(sketches)]
    if wrong:
        raise ScoreNotFound(
            f"The scan has no example {wrong[0]}.",
            field="positions",
            remedy=f"Positions run from 0 to {len(sketches) - 1}.",
        )
    query = sketches[np.unique(positions)].mean(0, dtype=np.float64).astype(np.float32)
    if not np.isfinite(query).all():
        raise ExampleNotFinite(
            "The gradient of an example asked about is not finite, so that nothing can be said.",
            field="positions",
            remedy="Ask about examples whose `finite` is true.",
        )
    return nearest(db, found, query, k=k, label=label, leave_out=positions)


def nearest(
    db: Session,
    found: Results,
    query: np.ndarray,
    *,
    k: int,
    label: str | None,
    leave_out: Sequence[int] = (),
) -> EvidenceOut:
    """The training examples with the largest and the smallest product with a sketch, (d,)."""
    sketches = sketches_of(found)
    index = found.label_index(label, "label")
    allowed = np.ones(len(sketches), bool)
    if index is not None:
        allowed = open_store(found.dataset).labels() == index
    allowed[list(leave_out)] = False
    top = top_influences(sketches, query[None], k, allowed=allowed)
    ends = [
        [
            (position, value)
            for position, value in zip(
                end.positions[0].tolist(), end.values[0].tolist(), strict=True
            )
            if position >= 0
        ]
        for end in (top.proponents, top.opponents)
    ]
    positions = {position for end in ends for position, _ in end}
    scores = {each.position: each for each in results.scores_at(db, found, list(positions))}
    proponents, opponents = (
        [_influence(scores[position], value) for position, value in end] for end in ends
    )
    return EvidenceOut(
        proponents=[each for each in proponents if each.influence > 0],
        opponents=[each for each in opponents if each.influence < 0],
        dimension=sketches.shape[1],
    )


def _influence(score: ScoreOut, value: float) -> InfluenceOut:
    return InfluenceOut(**{name: getattr(score, name) for name in _OF_SCORE}, influence=value)


def has_evidence(found: Results) -> bool:
    return found.scan.sketches is not None


def sketches_of(found: Results) -> np.ndarray:
    """(n, d) float32, memory-mapped. Raises NoEvidence."""
    if found.scan.sketches is None:
        raise NoEvidence(
            "The scan kept no sketches of gradients.",
            remedy='Start a scan with `"evidence": true`.',
        )
    return _open(found.scan.sketches)


@lru_cache(maxsize=16)
def _open(name: str) -> np.ndarray:
    path = ArtifactStore(settings().artifacts).local_path(name)
    array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return array
