"""The Celery application that worker processes run.

    celery -A workers.celery_app worker --pool=solo -Q scans,cpu

Messages are nudges (see app/nudges.py): losing or doubling one changes nothing, so they are
acknowledged early and never waited for.
"""

from __future__ import annotations

from celery import Celery

from app.settings import settings

app = Celery("cleantrace", broker=settings().redis_url, include=["workers.tasks"])
app.conf.update(
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    worker_prefetch_multiplier=1,
    # A worker outlives its broker: it waits for it at the start and whenever it goes away.
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={"socket_keepalive": True, "health_check_interval": 10},
    worker_send_task_events=False,
    worker_enable_remote_control=False,
    worker_redirect_stdouts=False,
    worker_log_format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    worker_task_log_format="%(asctime)s %(levelname)s %(task_name)s: %(message)s",
)
