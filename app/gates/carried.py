"""What people decided in other versions of a dataset, of examples that are here as they decided.

A verdict is about a content and a label, not about a version. So whoever commits corrections is not
asked again about what was found right, nor about what was corrected as people said.
"""

from __future__ import annotations

from itertools import groupby

import numpy as np
from sqlalchemy.orm import Session

from app.datasets.content import open_store
from app.datasets.identity import match
from app.datasets.models import Dataset, Task
from app.datasets.service import datasets_of
from app.gates import queries
from app.reviews.models import VerdictKind


def decided_elsewhere(db: Session, dataset: Dataset) -> list[int]:
    """Positions of examples with the content and the label that people found right elsewhere.

    Only versions of the same name and classes count, and only where all queues of one agree.
    """
    rows = queries.decided_elsewhere(db, dataset)
    if not rows or dataset.store is None:
        return []
    others = datasets_of(db, {row.dataset_id for row in rows})
    known = []
    for dataset_id, decided in groupby(rows, key=lambda row: row.dataset_id):
        store = open_store(others[dataset_id])
        labels = store.labels()
        positions = []
        for row in decided:
            positions.append(row.position)
            if row.outcome == VerdictKind.relabel:
                is_number = dataset.task == Task.regression
                labels[row.position] = row.value if is_number else row.label
        known.append(store.identities(labels)[positions])
    here = open_store(dataset).identities()
    found: list[int] = np.flatnonzero(match(here, np.concatenate(known)) >= 0).tolist()
    return found
