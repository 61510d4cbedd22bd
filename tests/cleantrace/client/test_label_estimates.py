"""How many labels are wrong, through the client and the command line."""

from __future__ import annotations

import json
from dataclasses import asdict
from uuid import UUID

import pytest
from typer.testing import CliRunner

from benchmarks.audit_world import write_review
from benchmarks.review_world import add_world
from benchmarks.simulated_reviews import Plan, SimulatedReview
from cleantrace import Client
from cleantrace.cli import app
from cleantrace.client import LabelEstimate, errors, room_errors


def reviewed(client: Client) -> str:
    """The id of a dataset whose review is over."""
    plan = Plan(examples=300, audits=60, flags=60)
    made = add_world("lab", plan.examples)
    queue = client.create_queue("all", made.scan_id, {"kind": "filter"})
    review = SimulatedReview(3, "informative", plan)
    for _ in review.verdicts():
        pass
    write_review(made.dataset_id, UUID(queue.id), review)
    return str(made.dataset_id)


def test_an_estimate_has_all_that_the_service_tells(client: Client) -> None:
    dataset = reviewed(client)
    found = client.estimate(dataset, alpha=0.1, target=0.05)
    assert isinstance(found, LabelEstimate)
    told = client._transport.get(f"/datasets/{dataset}/estimate", alpha=0.1, target=0.05)
    assert json.loads(json.dumps(asdict(found))) == told
    assert found.wrong.after.share.highest == found.wrong.after.number.highest / 300
    assert found.course[-1].audits == found.audits.drawn == 60
    assert found.classes[0].label == "ant"


def test_an_estimate_of_a_slice(client: Client) -> None:
    dataset = reviewed(client)
    found = client.estimate(dataset, label=["ant", "bee"], key="key-1*", joint=True)
    assert found.slice is not None
    assert (found.slice.labels, found.slice.key) == (["ant", "bee"], "key-1*")
    assert 0 < found.examples < 300
    assert [each.label for each in found.classes] == ["ant", "bee"]
    assert found.class_alpha == 0.025
    assert client.estimate(dataset, label="ant").examples == 60
    with pytest.raises(room_errors.SliceEmpty):
        client.estimate(dataset, key="night/*")
    with pytest.raises(errors.ClassUnknown):
        client.estimate(dataset, label="cow")


def test_estimates_from_the_command_line(client: Client, api_url: str, key: str) -> None:
    dataset = reviewed(client)
    env = {"CLEANTRACE_URL": api_url, "CLEANTRACE_API_KEY": key, "CLEANTRACE_PROJECT": "lab"}

    def run(*command: str) -> str:
        result = CliRunner().invoke(app, ["datasets", "estimate", dataset, *command], env=env)
        assert result.exit_code == 0, result.output
        return result.stdout

    found = client.estimate(dataset)
    shown = run()
    assert found.says in shown
    assert (
        found.wrong.after.share.highest
        <= float(shown.split("after corrections")[1].split("%")[0].split()[-1]) / 100
    )
    assert "of these eel" in shown
    assert json.loads(run("--json", "--alpha", "0.2"))["alpha"] == 0.2
    part = json.loads(run("--json", "--label", "ant", "--key", "key-1*", "--joint"))
    assert (part["slice"], part["joint"]) == ({"labels": ["ant"], "key": "key-1*"}, True)
    assert "in class “ant”" in run("--label", "ant")
