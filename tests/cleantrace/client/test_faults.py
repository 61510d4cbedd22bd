"""Every method of the client behind a gateway that drops, delays, cuts and refuses.

What is written is there once, whatever happened to the request or to its answer.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any

import pytest

from cleantrace import Client
from cleantrace.annotations import Annotation
from cleantrace.client import errors
from tests import support
from tests.cleantrace.client.front import (
    Fault,
    Front,
    come_late,
    cut_answer,
    hang_up,
    lose_answer,
    unavailable,
)
from tests.cleantrace.client.world import COLUMNS, POLICY, Call, World, assemble, rows, told

FAULTS: Mapping[str, Fault] = {
    "dropped before": hang_up,
    "dropped after": lose_answer,
    "cut": cut_answer,
    "late": come_late,
    "429": unavailable(429),
    "503": unavailable(503),
}


def _quietly(call: Call) -> Call:
    """Of a job that no worker does: what was asked for counts, not that nobody waits for it."""

    def run(client: Client) -> Any:
        with pytest.raises(errors.WaitTimedOut):
            call(client)

    return run


def register_dataset(world: World) -> Call:
    name, path = f"data {world.number()}", world.make_file()
    return lambda client: client.register_dataset(
        name, "1", path, format="npz", task="classification", **COLUMNS
    )


def upload_dataset(world: World) -> Call:
    name, data = f"data {world.number()}", support.blobs(8, seed=world.number())
    return lambda client: client.upload_dataset(
        name, "1", data, task="classification", progress=assemble, **COLUMNS
    )


def retry_dataset(world: World) -> Call:
    failed = world.make_failed_dataset()
    return lambda client: client.retry_dataset(failed)


def upload(world: World) -> Call:
    path = world.make_file()
    return lambda client: client.upload(path, progress=assemble)


def register_checkpoint(world: World) -> Call:
    run = world.client.register_run("linear", world.dataset, support.linear_spec())
    weights = world.folder / "weights.safetensors"
    return lambda client: client.register_checkpoint(run, weights, step=1, eta=0.1)


def retry_checkpoint(world: World) -> Call:
    run = world.client.register_run("linear", world.dataset, support.linear_spec())
    made = world.client.register_checkpoint(run, world.make_file(), step=1, eta=0.1)
    support.check(made.id)
    return lambda client: client.retry_checkpoint(made)


def cancel_scan(world: World) -> Call:
    scan = world.make_scan()
    return lambda client: client.cancel_scan(scan)


def retry_scan(world: World) -> Call:
    scan = world.client.cancel_scan(world.make_scan())
    return lambda client: client.retry_scan(scan)


def create_queue(world: World) -> Call:
    name = f"queue {world.number()}"
    return lambda client: client.create_queue(name, world.scan)


def on_queue(call: Callable[[Client, Any], Any]) -> Callable[[World], Call]:
    def prepare(world: World) -> Call:
        queue = world.make_queue()
        return lambda client: call(client, queue)

    return prepare


def reopen_queue(world: World) -> Call:
    queue = world.client.close_queue(world.make_queue())
    return lambda client: client.reopen_queue(queue)


def decide(world: World) -> Call:
    queue = world.make_queue()
    [item] = world.client.next_items(queue)
    return lambda client: client.decide(queue, item, "right")


def undo(world: World) -> Call:
    queue = world.make_queue()
    world.client.decide(queue, world.client.next_items(queue)[0], "right")
    return lambda client: client.undo(queue)


def release_items(world: World) -> Call:
    queue = world.make_queue()
    world.client.next_items(queue, 3)
    return lambda client: client.release_items(queue)


def import_annotations(world: World) -> Call:
    queue, annotations = world.make_queue(), _annotations(world)
    return lambda client: client.import_annotations(queue, "prodigy", annotations)


def undo_import(world: World) -> Call:
    queue = world.make_queue()
    [made] = world.client.import_annotations(queue, "prodigy", _annotations(world))
    return lambda client: client.undo_import(queue, made)


def _annotations(world: World) -> list[Annotation]:
    """Of somebody new, who becomes known as they come."""
    flag = next(world.client.flags(world.scan))
    return [Annotation(flag.key, f"annotator {world.number()}", "unusable")]


def store_gate(world: World) -> Call:
    policy = {**POLICY, "name": f"gate-{world.number()}"}
    return lambda client: client.store_gate(policy)


WRITING: Mapping[str, Callable[[World], Call]] = {
    "register_dataset": register_dataset,
    "upload_dataset": upload_dataset,
    "retry_dataset": retry_dataset,
    "upload": upload,
    "register_run": lambda world: (
        lambda client: client.register_run("linear", world.dataset, support.linear_spec())
    ),
    "register_checkpoint": register_checkpoint,
    "retry_checkpoint": retry_checkpoint,
    "start_estimate": lambda world: lambda client: client.start_estimate(world.run),
    "estimate_scan": lambda world: _quietly(
        lambda client: client.estimate_scan(world.run, timeout_s=0)
    ),
    "start_scan": lambda world: lambda client: client.start_scan(world.run, fresh=True),
    "cancel_scan": cancel_scan,
    "retry_scan": retry_scan,
    "evidence_for": lambda world: _quietly(
        lambda client: client.evidence_for(world.scan, [([0.5, 1, -1, 2], "1")], timeout_s=0)
    ),
    "create_queue": create_queue,
    "reprioritise_queue": lambda world: on_queue(
        lambda client, queue: client.reprioritise_queue(queue, world.scan, order_by="loss")
    )(world),
    "assign_queue": lambda world: on_queue(
        lambda client, queue: client.assign_queue(queue, reviewers=[world.person])
    )(world),
    "change_mixing": on_queue(lambda client, queue: client.change_mixing(queue, audits=3)),
    "close_queue": on_queue(lambda client, queue: client.close_queue(queue)),
    "reopen_queue": reopen_queue,
    "next_items": on_queue(lambda client, queue: client.next_items(queue, 2)),
    "decide": decide,
    "undo": undo,
    "release_items": release_items,
    "preview_import": lambda world: on_queue(
        lambda client, queue: client.preview_import(queue, "prodigy", _annotations(world))
    )(world),
    "import_annotations": import_annotations,
    "undo_import": undo_import,
    "store_gate": store_gate,
    "check_gate": lambda world: lambda client: client.check_gate(POLICY, scan=world.scan),
    "create_export": lambda world: lambda client: client.create_export(world.dataset),
}


def _estimate(world: World) -> str:
    asked = world.client.start_estimate(world.run)
    support.work_on_estimate(asked.id)
    return asked.id


READING: Mapping[str, Callable[[World], Call]] = {
    "me": lambda _: lambda client: client.me(),
    "signing_keys": lambda _: lambda client: client.signing_keys(),
    "get_dataset": lambda world: lambda client: client.get_dataset(world.dataset),
    "datasets": lambda _: lambda client: list(client.datasets("blobs")),
    "rejected_rows": lambda world: lambda client: list(client.rejected_rows(world.dataset)),
    "estimate": lambda world: lambda client: client.estimate(world.dataset),
    "wait_for_dataset": lambda world: lambda client: client.wait_for_dataset(world.dataset),
    "get_upload": lambda world: lambda client: client.get_upload(world.upload),
    "uploads": lambda _: lambda client: next(client.uploads()),
    "get_run": lambda world: lambda client: client.get_run(world.run),
    "runs": lambda _: lambda client: next(client.runs()),
    "checkpoints": lambda world: lambda client: client.checkpoints(world.run),
    "wait_for_checkpoints": lambda world: lambda client: client.wait_for_checkpoints(world.run),
    "wait_for_checkpoint": lambda world: _with(
        world.client.checkpoints(world.run)[0], Client.wait_for_checkpoint
    ),
    "get_estimate": lambda world: _with(_estimate(world), Client.get_estimate),
    "wait_for_estimate": lambda world: _with(_estimate(world), Client.wait_for_estimate),
    "get_scan": lambda world: lambda client: client.get_scan(world.scan),
    "scans": lambda world: lambda client: next(client.scans(world.dataset)),
    "watch_scan": lambda world: lambda client: list(client.watch_scan(world.scan)),
    "wait_for_scan": lambda world: lambda client: client.wait_for_scan(world.scan),
    "scores": lambda world: lambda client: list(client.scores(world.scan, page_size=20)),
    "flags": lambda world: lambda client: list(client.flags(world.scan, page_size=3)),
    "get_score": lambda world: lambda client: client.get_score(world.scan, key="point-00003"),
    "evidence": lambda world: lambda client: client.evidence(world.scan, [1, 2]),
    "changes": lambda world: lambda client: client.changes(world.dataset, world.dataset),
    "changed_examples": lambda world: (
        lambda client: list(client.changed_examples(world.dataset, world.dataset))
    ),
    "compare_scans": lambda world: lambda client: client.compare_scans(world.scan, world.scan),
    "compared_flags": lambda world: (
        lambda client: list(client.compared_flags(world.scan, world.scan, "kept"))
    ),
    "queues": lambda _: lambda client: next(client.queues()),
    "get_queue": lambda world: lambda client: client.get_queue(world.reviewed),
    "queue_progress": lambda world: lambda client: client.queue_progress(world.reviewed).mine,
    "verdicts": lambda world: lambda client: list(client.verdicts(world.reviewed)),
    "imports": lambda world: lambda client: list(client.imports(world.reviewed)),
    "gates": lambda _: lambda client: list(client.gates("release")),
    "get_gate": lambda world: _with(next(world.client.gates("release")), Client.get_gate),
    "gate_evaluations": lambda _: lambda client: list(islice(client.gate_evaluations(), 1)),
    "get_gate_evaluation": lambda world: _with(world.gate_evaluation, Client.get_gate_evaluation),
    "example_image": lambda world: _refused(lambda client: client.example_image(world.dataset, 0)),
    "gate_pictures": lambda world: _refused(
        lambda client: client.gate_pictures(world.gate_evaluation)
    ),
    "explain_gate": lambda world: _with(world.gate_evaluation, Client.explain_gate),
    "exports": lambda _: lambda client: next(client.exports()),
    "get_export": lambda world: lambda client: client.get_export(world.export),
    "wait_for_export": lambda world: lambda client: client.wait_for_export(world.export),
    "download_export": lambda world: (
        lambda client: [
            path.read_bytes()
            for path in client.download_export(world.export, world.folder / f"out-{world.number()}")
        ]
    ),
}
_NO_REQUEST = {"close", "of_stack"}


def _with(thing: Any, method: Callable[[Client, Any], Any]) -> Call:
    return lambda client: method(client, thing)


def _refused(call: Call) -> Call:
    """The world has no pictures; that it has none is to be told as surely."""

    def run(client: Client) -> str:
        with pytest.raises(errors.ApiError) as raised:
            call(client)
        return raised.value.code

    return run


def test_every_method_is_here() -> None:
    public = {
        name
        for name, value in inspect.getmembers(Client, callable)
        if not name.startswith("_") and not isinstance(value, property)
    }
    assert WRITING.keys() | READING.keys() | _NO_REQUEST == public
    assert not WRITING.keys() & READING.keys()


def _through(world: World, fault: Fault | None, call: Call) -> tuple[Any, list[Any]]:
    """What a call says behind a gateway, and the requests that it saw."""
    timeout_s = 0.4 if fault is come_late else 30.0
    with Front(world.client.url) as front:
        front.once = fault
        with Client(front.url, world.key, "lab", timeout_s=timeout_s) as client:
            return call(client), front.seen


@pytest.mark.parametrize("method", WRITING)
def test_what_is_written_is_there_once(world: World, method: str) -> None:
    calls = [WRITING[method](world) for _ in range(len(FAULTS) + 1)]
    start = rows()
    result, asked = _through(world, None, calls.pop())
    middle = rows()
    with ThreadPoolExecutor(len(FAULTS)) as pool:
        found = list(pool.map(partial(_through, world), FAULTS.values(), calls))
    made, made_again = middle - start, rows() - middle
    assert made_again == Counter({name: count * len(FAULTS) for name, count in made.items()})
    writes = [request for request in asked if request[0] != "GET"]
    for said, seen in found:
        assert told(said) == told(result)
        tries = [request for request in seen if request[0] != "GET"]
        assert len(set(tries)) == len(writes)
        assert len(tries) >= 2 * len(writes)
        assert all(key for verb, _, key in tries if verb == "POST")


@pytest.mark.parametrize("method", READING)
def test_what_is_read_is_read_again(world: World, method: str) -> None:
    call = READING[method](world)
    plain = call(world.client)
    faults = [hang_up, cut_answer, unavailable(429), unavailable(503)]
    with ThreadPoolExecutor(len(faults)) as pool:
        found = list(pool.map(lambda fault: _through(world, fault, call), faults))
    for said, seen in found:
        assert said == plain
        assert len(seen) > len(set(seen))


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (hang_up, errors.ConnectionFailed, "was not reached: .* Check the URL"),
        (cut_answer, errors.ConnectionFailed, "was not reached: .*closed connection"),
        (unavailable(429), errors.TooManyRequests, "answered 429 Too Many Requests. Try again"),
        (unavailable(503), errors.ServiceError, "answered 503 Service Unavailable. Try again"),
    ],
    ids=["dropped", "cut", "429", "503"],
)
def test_what_stays_wrong_is_said(world: World, fault: Fault, kind: type, words: str) -> None:
    with (
        Front(world.client.url) as front,
        Client(front.url, world.key, "lab", tries=2) as client,
    ):
        front.faults = [fault] * 2
        with pytest.raises(kind, match=words) as caught:
            client.register_run("linear", world.dataset, support.linear_spec())
        assert front.url in str(caught.value)
        assert len(front.seen) == 2
