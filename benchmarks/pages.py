"""How long each page takes to its first byte, beside a request that asks for the service's health.

A data set of a million pictures is registered, indexed, scanned, put into a queue as a whole, and
some hundred items are decided by two people, all through the API of a whole stack. Then a browser's
session asks for each page in turn; the ratio to the health request, which asks Postgres and Valkey
one thing each, is what counts.

    python -m benchmarks.pages [--examples 1000000] [--requests 40]
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import torch
from safetensors.torch import save_file

from cleantrace import Client
from cleantrace.client import Dataset, Run, Scan
from cleantrace.standalone import Stack
from workers.models import build_model

SIDE, CLASSES = 8, 10
MODEL = {"name": "linear", "args": {"in_features": SIDE * SIDE, "classes": CLASSES}}
SLOW_MS = 100
PROJECT = "/projects/default"


def write_inputs(folder: Path, examples: int) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (examples, SIDE, SIDE), dtype=np.uint8)
    np.savez(folder / "images.npz", images=images, labels=rng.integers(0, CLASSES, examples))
    torch.manual_seed(0)
    save_file(build_model(MODEL).state_dict(), folder / "0.safetensors")


def scanned(client: Client, data: Path) -> tuple[Dataset, Run, Scan]:
    dataset = client.register_dataset(
        name="images",
        version="1",
        uri=data / "images.npz",
        format="npz",
        task="classification",
        input="images",
        label="labels",
    )
    client.wait_for_dataset(dataset)
    run = client.register_run("linear", dataset, MODEL)
    client.register_checkpoint(run, data / "0.safetensors", step=0, eta=0.1)
    client.wait_for_checkpoints(run)
    return dataset, run, client.wait_for_scan(client.start_scan(run))


def owner(stack: Stack) -> httpx.Client:
    """A browser in which the stack's owner is signed in."""
    browser = httpx.Client(base_url=stack.url, follow_redirects=True, timeout=60)
    browser.get(stack.sign_in_url).raise_for_status()
    token = re.search(r'name="csrf-token" content="([^"]+)"', browser.get("/account").text)
    assert token is not None
    browser.headers["X-CSRF-Token"] = token[1]
    return browser


def reviewed(stack: Stack, browser: httpx.Client, client: Client, scan: Scan) -> str:
    """A queue of all examples, some of them decided twice, every fifth of these differently."""
    made = browser.post(
        f"/api/v1{PROJECT}/keys", json={"name": "second reviewer", "role": "reviewer"}
    ).raise_for_status()
    queue = client.create_queue("everything", scan, {"kind": "filter"}, overlap=2)
    with Client(stack.url, made.json()["key"], project="default") as second:
        for number in range(200):
            for person in (client, second):
                [item] = person.next_items(queue)
                differs = person is second and number % 5 == 0
                person.decide(queue, item, "unusable" if differs else "right", seconds=2.0)
    return queue.id


def pages(dataset: Dataset, run: Run, scan: Scan, queue: str, item: int) -> Iterator[str]:
    scans, queues = f"{PROJECT}/scans", f"{PROJECT}/queues"
    yield from ("/account", PROJECT, f"{PROJECT}/people", f"{PROJECT}/keys", f"{PROJECT}/log")
    yield from (f"{PROJECT}/webhooks", f"{PROJECT}/datasets", f"{PROJECT}/datasets/{dataset.id}")
    yield from (f"{PROJECT}/datasets/{dataset.id}/{part}" for part in ("estimate", "exports"))
    yield from (scans, f"{scans}/new?run={run.id}", f"{scans}/{scan.id}")
    yield from (f"{scans}/{scan.id}?label=3&suggested=5", f"{scans}/{scan.id}/examples/{item}")
    # The selection comes after the page, as do the points; both are asked for by its script.
    for part in ("", "?x=loss&y=margin&y_to=0", "?x=loss&y=margin&y_to=0&now=yes"):
        yield f"{scans}/{scan.id}/explore{part}"
    yield f"/api/v1{scans}/{scan.id}/points?x=loss&y=margin"
    yield from (
        queues,
        f"{queues}/new?scan={scan.id}",
        f"{queues}/{queue}",
        f"{queues}/{queue}/live",
    )
    for part in (
        "/items",
        "/items?which=wrong",
        "/items?given=3",
        "/log",
        "/bulk",
        "/imports",
        "/settings",
    ):
        yield f"{queues}/{queue}{part}"
    yield from (f"{queues}/{queue}/review", f"{queues}/{queue}/items/{item}")
    yield f"{queues}/{queue}/parts?position={item}"


def first_byte_ms(browser: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    with browser.stream("GET", path) as answer:
        next(answer.iter_raw())
        taken = 1000 * (time.perf_counter() - began)
        answer.raise_for_status()
    return taken


def report(stack: Stack, data: Path, examples: int, requests: int) -> None:
    client = Client(stack.url, stack.api_key, project="default")
    dataset, run, scan = scanned(client, data)
    browser = owner(stack)
    queue = reviewed(stack, browser, client, scan)
    item = next(iter(client.flags(scan))).position
    paths = ["/api/v1/health", *pages(dataset, run, scan, queue, item)]
    times: dict[str, list[float]] = {path: [] for path in paths}
    for path in paths:
        first_byte_ms(browser, path)
    for _ in range(requests):
        for path in paths:
            times[path].append(first_byte_ms(browser, path))
    health = statistics.median(times[paths[0]])
    names: dict[str, Any] = {dataset.id: "…", run.id: "…", scan.id: "…", queue: "…"}
    print(f"| {examples:,} examples, a queue of as many | p50 ms | p95 ms | to health |")
    print("|-|-|-|-|")
    for path, taken in times.items():
        shown = re.sub("|".join(names), "…", path.removeprefix(PROJECT)) or "the project"
        median, high = statistics.median(taken), statistics.quantiles(taken, n=20)[18]
        mark = "**" if median > SLOW_MS else ""
        print(f"| {shown} | {mark}{median:.1f}{mark} | {high:.1f} | {median / health:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cleantrace-benchmark-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "data").mkdir()
        write_inputs(folder / "data", options.examples)
        with Stack(folder / "stack", allow=[folder / "data"]) as stack:
            report(stack, folder / "data", options.examples, options.requests)


if __name__ == "__main__":
    main()
