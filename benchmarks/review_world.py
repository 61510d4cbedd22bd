"""Made-up results of scans, of any size in seconds: what queues are made from."""

from __future__ import annotations

import json
import math
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import text

CLASSES = ("ant", "bee", "cat", "dog", "eel")


class Made(NamedTuple):
    dataset_id: UUID
    scan_id: UUID


_DATASET = text("""
    INSERT INTO datasets (
        id, project_id, name, version, uri, format, task, modality, classes, class_counts,
        on_bad_rows, status, created_at, ready_at, example_count, rejected_count, rows_done,
        attempts
    ) SELECT :dataset, id, CAST(:dataset AS text), '1', 'file:///made-up', 'npz', :task, 'table',
        CAST(:classes AS jsonb), CAST(:counts AS jsonb), 'fail', 'ready', now(), now(), :n, 0, :n, 1
    FROM projects WHERE name = :project
""")
_EXAMPLES = text("""
    INSERT INTO examples (dataset_id, position, key, given_label, given_target)
    SELECT :dataset, i, 'key-' || i,
        CASE WHEN :is_regression THEN NULL ELSE i % 5 END,
        CASE WHEN :is_regression THEN i / 10.0 END
    FROM generate_series(0, :n - 1) i
""")
_CLASSES = text("SELECT jsonb_array_length(classes) FROM datasets WHERE id = :id")
_RUN = text("""
    INSERT INTO training_runs (id, project_id, dataset_id, name, model, preprocessing, loss,
        created_at)
    SELECT :run, project_id, id, 'run', '{}', '{}', 'cross_entropy', now() FROM datasets
    WHERE id = :dataset
""")
_SCAN = text("""
    INSERT INTO scans (
        id, project_id, run_id, dataset_id, layers, checkpoint_ids, weighting, score, policy,
        created_at, created_by, status, example_count, flagged_count, attempts, finished_at
    ) SELECT :scan, project_id, :run, id, '["all"]', '[]', 'eta', 'self_influence', '{}', now(),
        'nobody', 'complete', :n, :n / 10, 1, now()
    FROM datasets WHERE id = :dataset
""")
# The ranking is the positions in steps of `step`, which has no factor in common with their number.
_SCORES = text("""
    INSERT INTO scores (scan_id, position, given_label, given_target, finite, rank, suspicion,
        self_influence, loss, margin, predicted_label, predicted_value)
    SELECT :scan, position, given_label, given_target, rank IS NOT NULL, rank,
        1 - (rank - 1) / CAST(:n AS double precision), 1000.0 / rank, 10.0 / rank, rank,
        CASE WHEN NOT :is_regression THEN (given_label + rank % 3) % :classes END,
        CASE WHEN :is_regression THEN given_target + 1 END
    FROM (
        SELECT position, given_label, given_target, CASE WHEN position < :n - :missing
            THEN CAST((CAST(position AS bigint) * :step + :seed) % :n + 1 AS integer) END AS rank
        FROM examples WHERE dataset_id = :dataset
    ) ranked
""")
_FLAGS = text("""
    INSERT INTO flags (scan_id, position, rank, suspicion, given_label, suggested_label, reason)
    SELECT scan_id, position, rank, suspicion, given_label,
        nullif(predicted_label, given_label), 'made up'
    FROM scores WHERE scan_id = :scan AND rank <= :n / 10
""")


def add_dataset(project: str, n: int, *, is_regression: bool = False) -> UUID:
    """A ready dataset of n examples with the keys `key-0`, …; classes go round by position."""
    from app.db import transaction

    dataset_id = uuid4()
    classes, counts = None, None
    if not is_regression:
        classes = json.dumps(CLASSES)
        counts = json.dumps({name: len(range(i, n, 5)) for i, name in enumerate(CLASSES)})
    given = {"dataset": dataset_id, "n": n, "project": project, "is_regression": is_regression}
    task = "regression" if is_regression else "classification"
    with transaction() as db:
        db.execute(_DATASET, given | {"classes": classes, "counts": counts, "task": task})
        db.execute(_EXAMPLES, given)
    return dataset_id


def add_scan(dataset_id: UUID, n: int, *, seed: int = 0, missing: int = 0) -> UUID:
    """A complete scan of it, which ranks all but the last `missing` examples.

    The seed turns the ranking; the first tenth is flagged.
    """
    from app.db import transaction

    step = next(step for step in (7919, 7907, 7901, 1) if math.gcd(step, n) == 1)
    scan_id = uuid4()
    given = {"dataset": dataset_id, "scan": scan_id, "run": uuid4(), "n": n, "seed": seed}
    given |= {"missing": missing, "step": step}
    with transaction() as db:
        found = db.execute(_CLASSES, {"id": dataset_id}).scalar_one()
        given |= {"is_regression": found is None, "classes": found or 1}
        for statement in (_RUN, _SCAN, _SCORES, _FLAGS):
            db.execute(statement, given)
    return scan_id


def add_world(project: str, n: int, *, missing: int = 0, is_regression: bool = False) -> Made:
    dataset_id = add_dataset(project, n, is_regression=is_regression)
    return Made(dataset_id, add_scan(dataset_id, n, missing=missing))
