"""What receivers get, and what happens if they do not take it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from tests.app.webhooks.conftest import Hook, happen, pass_time
from tests.app.webhooks.receiver import Answer, Receiver
from tests.support import LAB, make_scan, plan, post, run_scan


def _moment(value: str) -> datetime:
    return datetime.fromisoformat(value)


def test_a_ping_arrives_signed_as_the_specification_says(
    admin: TestClient, receiver: Receiver
) -> None:
    hook = Hook(admin, receiver.url)
    message_id = hook.ping()
    hook.work()
    [got] = receiver.received
    assert got.is_signed_with(hook.secret)
    assert got.id == got.message["id"] == message_id
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 60
    assert got.headers["content-type"] == "application/json"
    assert got.path == "/hook"
    assert (got.message["event"], got.message["project"]) == ("ping", "lab")
    assert got.message["data"] == {"endpoint_id": hook.id}
    assert abs(datetime.now(UTC) - _moment(got.message["created_at"])) < timedelta(minutes=1)
    [delivery] = hook.deliveries()
    assert (delivery["status"], delivery["attempts"]) == ("delivered", 1)
    assert (delivery["latest"]["status"], delivery["latest"]["answer"]) == (200, "thank you")
    assert delivery["latest"]["ms"] >= 0
    hook.work()
    assert len(receiver.received) == 1


def test_a_changed_body_or_another_secret_does_not_pass_for_ours(
    admin: TestClient, receiver: Receiver
) -> None:
    hook, other = Hook(admin, receiver.url), Hook(admin, receiver.url)
    hook.ping()
    hook.work()
    [got] = receiver.received
    assert not got.is_signed_with(other.secret)
    object.__setattr__(got, "body", got.body + b" ")
    assert not got.is_signed_with(hook.secret)


def test_scans_that_end_are_told_of_once_and_with_their_end(
    admin: TestClient, receiver: Receiver, data_dir: Path
) -> None:
    hook = Hook(admin, receiver.url)
    complete = make_scan(admin, data_dir)
    run_scan(complete["id"])
    cancelled = post(admin, "/scans", {"run_id": complete["run_id"]})
    post(admin, f"/scans/{cancelled['id']}/cancel", status=200)
    assert admin.post(f"{LAB}/scans/{cancelled['id']}/cancel").status_code == 409
    failed = post(admin, "/scans", {"run_id": complete["run_id"], "layers": ["no_such_layer"]})
    plan(failed["id"])
    hook.work()
    told = [(got.message["event"], got.message["data"]) for got in receiver.received]
    assert [event for event, _ in told] == ["scan.complete", "scan.cancelled", "scan.failed"]
    first, second, third = (data for _, data in told)
    assert first["scan_id"] == complete["id"]
    assert first["run_id"] == complete["run_id"]
    assert (first["status"], first["example_count"], first["failure"]) == ("complete", 200, None)
    assert first["flagged_count"] > 0
    assert (second["scan_id"], second["flagged_count"]) == (cancelled["id"], None)
    assert third["scan_id"] == failed["id"]
    assert "no_such_layer" in third["failure"]


def test_scans_that_kill_their_workers_are_told_of_too(
    admin: TestClient, receiver: Receiver, data_dir: Path
) -> None:
    from app.db import transaction

    hook = Hook(admin, receiver.url, events=["scan.failed"])
    planning = make_scan(admin, data_dir)
    scoring = post(admin, "/scans", {"run_id": planning["run_id"]})
    plan(scoring["id"])
    with transaction() as db:
        db.execute(text("UPDATE scans SET attempts = 3 WHERE id = :id"), {"id": planning["id"]})
        db.execute(text("UPDATE scan_shards SET attempts = 3"))
    for _ in range(2):
        _sweep()
    hook.work()
    told = {got.message["data"]["scan_id"]: got.message["data"] for got in receiver.received}
    assert len(receiver.received) == 2
    assert told.keys() == {planning["id"], scoring["id"]}
    assert "planned" in told[planning["id"]]["failure"]
    assert "Shard" in told[scoring["id"]]["failure"]


def test_a_shard_that_cannot_be_scored_is_told_of(
    admin: TestClient, receiver: Receiver, data_dir: Path
) -> None:
    from uuid import UUID

    from workers.scanning.session import close_session
    from workers.scanning.shards import run_next_shard

    hook = Hook(admin, receiver.url)
    scan = make_scan(admin, data_dir)
    plan(scan["id"])
    close_session(UUID(scan["id"]))  # another worker, which has loaded nothing yet
    for weights in data_dir.glob("*.safetensors"):
        weights.unlink()
    for _ in range(3):
        run_next_shard(UUID(scan["id"]))
    hook.work()
    [got] = receiver.received
    assert (got.message["event"], got.message["data"]["scan_id"]) == ("scan.failed", scan["id"])


def test_what_is_rolled_back_is_never_told(admin: TestClient, receiver: Receiver) -> None:
    from app.db import transaction
    from app.projects.service import ensure_project
    from app.webhooks.events import Event, QueueEmpty
    from app.webhooks.service import emit

    hook = Hook(admin, receiver.url)
    payload = QueueEmpty(queue_id=uuid4(), queue="q", dataset_id=uuid4(), item_count=1)

    def fail() -> None:
        with transaction() as db:
            emit(db, ensure_project(db, "lab").id, Event.queue_empty, payload)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    hook.work()
    assert receiver.received == []
    assert hook.deliveries() == []


def test_only_the_events_asked_for_of_the_own_project_are_told(
    admin: TestClient, receiver: Receiver
) -> None:
    from app.db import transaction
    from app.projects.service import ensure_project
    from app.webhooks.events import Event, QueueEmpty
    from app.webhooks.service import emit

    wanting = Hook(admin, receiver.url, events=["queue.empty"])
    other = Hook(admin, receiver.url, events=["scan.complete", "queue.disagreement"])
    happen()
    with transaction() as db:
        elsewhere = ensure_project(db, "elsewhere").id
        payload = QueueEmpty(queue_id=uuid4(), queue="q", dataset_id=uuid4(), item_count=1)
        emit(db, elsewhere, Event.queue_empty, payload)
    for hook in (wanting, other):
        hook.work()
    assert [got.message["project"] for got in receiver.received] == ["lab"]
    assert other.deliveries() == []


def test_an_error_is_tried_again_later_and_later_under_the_same_id(
    admin: TestClient, receiver: Receiver
) -> None:
    hook = Hook(admin, receiver.url)
    receiver.answers += [Answer(500, b"<b>no</b>"), Answer(503)]
    hook.ping()
    waits: list[timedelta] = []
    for _ in range(2):
        hook.work()
        [delivery] = hook.deliveries()
        assert delivery["status"] == "pending"
        waits.append(_moment(delivery["next_attempt_at"]) - datetime.now(UTC))
        count = len(receiver.received)
        hook.work()  # not due yet
        assert len(receiver.received) == count
        pass_time("1 minute")
    assert timedelta(seconds=2) < waits[0] < timedelta(seconds=7)
    assert timedelta(seconds=10) < waits[1] < timedelta(seconds=19)
    hook.work()
    assert len(receiver.received) == 3
    assert len({got.id for got in receiver.received}) == 1
    assert len({got.body for got in receiver.received}) == 1
    [delivery] = hook.deliveries()
    assert (delivery["status"], delivery["attempts"]) == ("delivered", 3)
    log = hook.log(delivery)
    assert [(each["number"], each["status"]) for each in log] == [(3, 200), (2, 503), (1, 500)]
    assert log[2]["answer"] == "<b>no</b>"
    assert hook.state()["failures_in_a_row"] == 0


def test_a_refused_connection_is_tried_again(admin: TestClient, intranet: None) -> None:
    with Receiver() as gone:
        url, port = gone.url, gone.port
    hook = Hook(admin, url)
    hook.ping()
    hook.work()
    [delivery] = hook.deliveries()
    assert delivery["latest"]["status"] is None
    assert "refused" in delivery["latest"]["problem"]
    assert hook.state()["failures_in_a_row"] == 1
    pass_time("1 minute")
    with Receiver(port) as back:
        hook.work()
        assert len(back.received) == 1
    assert hook.deliveries()[0]["status"] == "delivered"


def test_a_redirect_is_not_followed(admin: TestClient, receiver: Receiver) -> None:
    hook = Hook(admin, receiver.url)
    hook.ping()
    with Receiver() as elsewhere:
        for status in (301, 307):
            receiver.answers.append(Answer(status, headers={"location": elsewhere.url}))
            hook.work()
            pass_time("1 minute")
        assert elsewhere.received == []
    [delivery] = hook.deliveries()
    assert delivery["status"] == "pending"
    assert [each["status"] for each in hook.log(delivery)] == [307, 301]


def test_deliveries_keep_their_order_through_a_short_outage(
    admin: TestClient, receiver: Receiver
) -> None:
    hook = Hook(admin, receiver.url)
    receiver.answers.append(Answer(500))
    for count in range(3):
        happen(item_count=count)
    hook.work()
    assert len(receiver.received) == 1  # the others wait for it
    pass_time("10 seconds")
    hook.work()
    told = [got.message["data"]["item_count"] for got in receiver.received]
    assert told == [0, 0, 1, 2]


def test_one_that_is_never_taken_does_not_hold_the_others_up_for_long(
    admin: TestClient, receiver: Receiver
) -> None:
    hook = Hook(admin, receiver.url)
    happen(item_count=0)
    receiver.answers += [Answer(422)] * 5
    for _ in range(5):
        hook.work()
        pass_time("330 seconds")
    happen(item_count=1)
    receiver.answers.clear()
    hook.work()
    assert receiver.received[-1].message["data"]["item_count"] == 1
    first = hook.deliveries()[1]
    assert (first["status"], first["attempts"]) == ("pending", 5)


def test_after_a_day_a_delivery_is_given_up_and_can_be_sent_again(
    admin: TestClient, receiver: Receiver
) -> None:
    hook = Hook(admin, receiver.url)
    receiver.answers.append(Answer(500))
    hook.ping()
    pass_time("23 hours 59 minutes 59 seconds")
    hook.work()
    [delivery] = hook.deliveries()
    assert (delivery["status"], delivery["next_attempt_at"]) == ("failed", None)
    pass_time("1 minute")
    hook.work()
    assert len(receiver.received) == 1
    again = post(admin, f"{hook.path}/deliveries/{delivery['id']}/send-again", status=202)
    assert again["status"] == "pending"
    hook.work()
    assert receiver.received[1].id == receiver.received[0].id
    assert hook.deliveries()[0]["status"] == "delivered"


def test_what_was_delivered_can_be_sent_again_too(admin: TestClient, receiver: Receiver) -> None:
    hook = Hook(admin, receiver.url)
    hook.ping()
    hook.work()
    [delivery] = hook.deliveries()
    post(admin, f"{hook.path}/deliveries/{delivery['id']}/send-again", status=202)
    hook.work()
    assert len({got.id for got in receiver.wait_for(2)}) == 1
    assert hook.deliveries()[0]["attempts"] == 2


def test_410_pauses_the_endpoint(admin: TestClient, receiver: Receiver) -> None:
    hook = Hook(admin, receiver.url)
    receiver.answers.append(Answer(410))
    happen()
    happen()
    hook.work()
    state = hook.state()
    assert (state["status"], state["paused_because"]) == ("paused", "gone")
    pass_time("1 hour")
    hook.work()
    assert len(receiver.received) == 1
    hook.change(status="active")
    hook.work()
    assert [each["status"] for each in hook.deliveries()] == ["delivered", "delivered"]


def test_an_endpoint_that_fails_for_days_is_paused(admin: TestClient, receiver: Receiver) -> None:
    hook = Hook(admin, receiver.url)
    for day in range(4):
        assert hook.state()["status"] == "active", day
        receiver.answers.append(Answer(500))
        happen()
        hook.work()
        pass_time("25 hours")
        _sweep()
    state = hook.state()
    assert (state["status"], state["paused_because"]) == ("paused", "failing")


def _sweep() -> None:
    from workers.sweep import sweep

    sweep()


def test_a_success_between_failures_counts(admin: TestClient, receiver: Receiver) -> None:
    hook = Hook(admin, receiver.url)
    for _ in range(4):
        receiver.answers.append(Answer(500))
        happen()
        hook.work()
        pass_time("25 hours")
        _sweep()
        happen()
        hook.work()
    assert hook.state()["status"] == "active"


def test_a_paused_endpoint_is_told_later_unless_it_is_paused_for_too_long(
    admin: TestClient, receiver: Receiver
) -> None:
    hook = Hook(admin, receiver.url)
    hook.change(status="paused")
    happen(item_count=1)
    pass_time("25 hours")
    happen(item_count=2)
    _sweep()
    hook.work()
    assert receiver.received == []
    hook.change(status="active")
    hook.work()
    assert [got.message["data"]["item_count"] for got in receiver.received] == [2]
    assert [each["status"] for each in hook.deliveries()] == ["delivered", "failed"]


def test_what_is_older_than_a_month_is_forgotten(admin: TestClient, receiver: Receiver) -> None:
    from app.db import transaction

    hook = Hook(admin, receiver.url)
    happen()
    hook.work()
    for days, left in ((29, 1), (31, 0)):
        with transaction() as db:
            db.execute(
                text("UPDATE webhook_events SET created_at = now() - make_interval(days => :days)"),
                {"days": days},
            )
        _sweep()
        assert len(hook.deliveries()) == left


@pytest.mark.parametrize("kind", ["silent", "slow", "endless"])
def test_an_answer_has_one_time_limit_and_500_characters(
    intranet: None, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket
    import threading

    from workers.webhook_post import post as send

    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    connection.recv(65536)
                    if kind == "endless":
                        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + "é".encode() * 5000)
                    while not stop.wait(0.05):
                        if kind != "silent":
                            connection.sendall(b"H" if kind == "slow" else b"x" * 1000)
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        outcome = send(url, {}, b"{}", timeout_s=0.5)
        stop.set()
        thread.join()
    if kind == "endless":
        assert (outcome.status, outcome.answer) == (200, "é" * 500)
    else:
        assert outcome.status is None
        assert outcome.problem is not None
        assert outcome.ms < 5000


def test_two_at_once_send_each_delivery_once(admin: TestClient, receiver: Receiver) -> None:
    from concurrent.futures import ThreadPoolExecutor

    hook = Hook(admin, receiver.url)
    for count in range(10):
        happen(item_count=count)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: hook.work(), range(8)))
    hook.work()
    told: list[Any] = [got.message["data"]["item_count"] for got in receiver.received]
    assert told == list(range(10))
