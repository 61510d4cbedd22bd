"""Review queues through the client and the command line."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from benchmarks.review_world import add_scan, add_world
from cleantrace import Client
from cleantrace.cli import app
from cleantrace.client.room_errors import (
    GroupUnknown,
    ItemTaken,
    NothingToUndo,
    QueueClosed,
    QueueExists,
)
from tests.support import make_group, make_person


def test_a_queue_is_made_worked_at_undone_and_closed(client: Client) -> None:
    made = add_world("lab", 40)
    queue = client.create_queue("first", made.scan_id, {"kind": "top_k", "k": 10}, overlap=1)
    assert (queue.item_count, queue.done, queue.policy["kind"]) == (10, 0, "top_k")
    with pytest.raises(QueueExists):
        client.create_queue("first", made.scan_id)
    item, following = client.next_items(queue, 2)
    verdict = client.decide(queue, item, "relabel", label="eel", seconds=1.5)
    assert (verdict.label, verdict.item_state) == ("eel", "done")
    assert [line.id for line in client.verdicts(queue)] == [verdict.id]
    assert client.queue_progress(queue).mine["today"] == 1
    assert client.undo(queue)[0].id == verdict.id
    with pytest.raises(NothingToUndo):
        client.undo(queue)
    assert client.next_items(queue)[0].position == item.position
    assert client.release_items(queue) == 2
    assert following.position != item.position
    better = add_scan(made.dataset_id, 40, seed=3)
    assert client.reprioritise_queue(queue, better).order_scan_id == str(better)
    assert client.close_queue(queue).closed_at is not None
    with pytest.raises(QueueClosed):
        client.next_items(queue)
    assert client.reopen_queue(queue.id).closed_at is None
    assert [each.id for each in client.queues(made.dataset_id)] == [queue.id]


def test_a_late_verdict_is_said_to_be_late(client: Client, api_url: str) -> None:
    from tests.support import make_key

    made = add_world("lab", 20)
    queue = client.create_queue("q", made.scan_id)
    [item] = client.next_items(queue)
    client.release_items(queue)
    with Client(api_url, make_key("lab"), "lab") as other:
        other.decide(queue, item, "right")
    with pytest.raises(ItemTaken) as late:
        client.decide(queue, item, "unusable")
    assert late.value.problem["verdict"]["counted"] is False


def test_a_queue_is_assigned_to_people_and_groups(client: Client) -> None:
    ada = make_person("lab")
    group = make_group("lab", ada)
    queue = client.create_queue("q", add_world("lab", 20).scan_id, reviewer_groups=[str(group)])
    assert (queue.reviewer_groups, queue.reviewers) == ([str(group)], [])
    changed = client.assign_queue(queue, reviewers=[ada], adjudicator_groups=[group])
    assert (changed.reviewers, changed.reviewer_groups) == ([str(ada)], [])
    assert changed.adjudicator_groups == [str(group)]
    with pytest.raises(GroupUnknown):
        client.assign_queue(queue, reviewer_groups=[ada])
    assert client.get_queue(queue) == changed


def test_queues_from_the_command_line(client: Client, api_url: str, key: str) -> None:
    made = add_world("lab", 40)
    env = {
        "CLEANTRACE_URL": api_url,
        "CLEANTRACE_API_KEY": key,
        "CLEANTRACE_PROJECT": "lab",
        "COLUMNS": "200",
    }

    def run(*command: str, status: int = 0) -> str:
        result = CliRunner().invoke(app, ["queues", *command], env=env)
        assert result.exit_code == status, result.output
        return result.stdout

    options = ["--scan", str(made.scan_id), "--given", "cat", "--suggested", "dog"]
    options += ["--hide-suggestions", "--audits", "5"]
    queue = run("create", "mixed up", *options).strip()
    assert client.get_queue(queue).policy == {"kind": "class", "given": "cat", "suggested": "dog"}
    assert not client.get_queue(queue).show_suggestion
    assert client.get_queue(queue).audits == 5
    assert run("mix", queue, "--audits", "7", "--canaries", "2") == "7 audits, up to 2 canaries\n"
    assert client.next_items(queue)[0].place is None
    assert "mixed up" in run("list")
    shown = json.loads(run("show", queue, "--json"))
    assert shown["progress"]["open"] == shown["item_count"] > 0
    run("create", "other", "--scan", str(made.scan_id), "--top-k", "3", "--given", "a", status=2)
