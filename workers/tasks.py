"""Celery tasks: envelopes with an id in and nothing out. The work is a function elsewhere.

A message may be old, doubled or lost: each function looks at the row under its lease before it
acts. Imports are inside, so that a worker that only indexes never loads torch.
"""

from __future__ import annotations

from uuid import UUID

from workers.celery_app import app


@app.task(name="uploads.assemble")
def assemble_upload(upload_id: str) -> None:
    from workers.uploads import run_assembling

    run_assembling(UUID(upload_id))


@app.task(name="datasets.index")
def index_dataset(dataset_id: str) -> None:
    from workers.data.jobs import run_indexing

    run_indexing(UUID(dataset_id))


@app.task(name="runs.check_checkpoint")
def check_checkpoint(checkpoint_id: str) -> None:
    from workers.models.jobs import run_check

    run_check(UUID(checkpoint_id))


@app.task(name="scans.plan")
def plan_scan(scan_id: str) -> None:
    from workers.scanning.plan import run_planning

    run_planning(UUID(scan_id))


@app.task(name="scans.score_shard")
def score_shard(scan_id: str) -> None:
    from workers.scanning.shards import run_next_shard

    run_next_shard(UUID(scan_id))


@app.task(name="scans.estimate")
def estimate_scan(estimate_id: str) -> None:
    from workers.scanning.estimate import run_estimate

    run_estimate(UUID(estimate_id))


@app.task(name="scans.evidence")
def find_evidence(request_id: str) -> None:
    from workers.scanning.new_inputs import run_evidence_request

    run_evidence_request(UUID(request_id))


@app.task(name="scans.finalise")
def finalise_scan(scan_id: str) -> None:
    from workers.scanning.finalise import run_finalising

    run_finalising(UUID(scan_id))


@app.task(name="exports.make")
def make_export(export_id: str) -> None:
    from workers.exports.jobs import run_export

    run_export(UUID(export_id))


@app.task(name="webhooks.deliver")
def deliver_webhooks(endpoint_id: str) -> None:
    from workers.webhooks import run_delivering

    run_delivering(UUID(endpoint_id))
