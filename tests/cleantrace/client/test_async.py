"""The client for asyncio: the same things, awaited, several at a time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from cleantrace import AsyncClient, Client
from cleantrace.client import Run, Scan, Upload, errors
from cleantrace.client.aio.pages import AsyncPages
from tests import support
from tests.cleantrace.client.front import Front, hang_up, lose_answer, unavailable
from workers.uploads import run_assembling

N = 60
Job = Callable[[AsyncClient], Coroutine[Any, Any, Any]]


@pytest.fixture
def do(api_url: str, key: str) -> Callable[[Job], Any]:
    def run(job: Job) -> Any:
        async def connected() -> Any:
            async with AsyncClient(api_url, key, "lab") as client:
                return await job(client)

        return asyncio.run(connected())

    return run


async def registered(client: AsyncClient, folder: Path) -> Run:
    dataset = await client.register_dataset(
        "blobs", "1", support.save_blobs(folder, N), format="npz", task="classification",
        input="x", label="y", key="id",
    )  # fmt: skip
    indexing = asyncio.create_task(client.wait_for_dataset(dataset, timeout_s=60))
    await asyncio.to_thread(support.index, dataset.id)
    assert (await indexing).example_count == N
    spec = support.linear_spec()
    run = await client.register_run("linear", dataset, spec["name"], spec["args"])
    weights = support.save_weights(folder / "w.safetensors")
    checkpoint = await client.register_checkpoint(run, weights, step=1, eta=0.1)
    await asyncio.to_thread(support.check, checkpoint.id)
    return run


def test_the_job_from_data_to_flags(do: Callable[[Job], Any], data_dir: Path) -> None:
    async def job(client: AsyncClient) -> tuple[list[Any], list[Any], Scan]:
        run = await registered(client, data_dir)
        scan = await client.start_scan(run, top_k=12)
        waiting = asyncio.create_task(client.wait_for_scan(scan, timeout_s=60))
        await asyncio.to_thread(support.run_scan, scan.id)
        done = await waiting
        flags = [flag async for flag in client.flags(scan, page_size=5)]
        scores = [score async for score in client.scores(scan, page_size=25)]
        return flags, scores, done

    flags, scores, scan = do(job)
    assert scan.status == "complete"
    assert [flag.rank for flag in flags] == list(range(1, 13))
    assert len({score.position for score in scores}) == N


def test_many_requests_go_at_once_and_errors_are_the_same(do: Callable[[Job], Any]) -> None:
    async def job(client: AsyncClient) -> list[Any]:
        unknown = [client.get_dataset(str(UUID(int=n))) for n in range(20)]
        return await asyncio.gather(*unknown, return_exceptions=True)

    assert {type(each) for each in do(job)} == {errors.DatasetNotFound}


def test_a_bad_line_is_tried_again_and_does_nothing_twice(front: Front, key: str) -> None:
    async def job() -> list[str]:
        front.faults = [hang_up, unavailable(503), lose_answer]
        async with AsyncClient(front.url, key, "lab") as client:
            data = {"x": np.zeros((8, 2), np.float32), "y": np.arange(8) % 2}
            await client.upload_dataset(
                "zeros", "1", data, task="classification", input="x", label="y", progress=assemble
            )
            return [each.name async for each in client.datasets()]

    assert asyncio.run(job()) == ["zeros"]


def assemble(seen: Upload) -> None:
    if seen.status == "queued":
        run_assembling(UUID(seen.id))


def test_waiting_can_be_given_up(do: Callable[[Job], Any], data_dir: Path) -> None:
    async def job(client: AsyncClient) -> None:
        run = await registered(client, data_dir)
        scan = await client.start_scan(run)
        with pytest.raises(errors.WaitTimedOut):
            await client.wait_for_scan(scan, timeout_s=0.3)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.wait_for_scan(scan), 0.3)
        assert (await client.cancel_scan(scan)).status == "cancelled"

    do(job)


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, Any]:
        return {
            name: inspect.signature(value)
            for name, value in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    first, second = methods(Client), methods(AsyncClient)
    assert first.keys() == second.keys()
    for name, signature in first.items():
        assert signature.parameters.keys() == second[name].parameters.keys(), name
    # What gives pages is iterated, all else is awaited.
    for name, value in inspect.getmembers(AsyncClient, inspect.isfunction):
        if not name.startswith("_") and name != "of_stack":
            told = value.__annotations__["return"]
            gives_pages = getattr(told, "__origin__", None) in (AsyncIterator, AsyncPages)
            assert inspect.iscoroutinefunction(value) != gives_pages, name
