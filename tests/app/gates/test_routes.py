"""Gates over HTTP: stored policies, what rules count in real scans and reviews, evaluations."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from fastapi.testclient import TestClient

from benchmarks.review_world import Made, add_scan, add_world
from tests.app.reviews.world import Person, Queue, sql
from tests.support import (
    LAB,
    blobs,
    blobs_body,
    get,
    index,
    linear_spec,
    make_key,
    post,
    run_scan,
    save_weights,
)


def policy(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "release", "rules": list(rules)} | more


def check(api: TestClient, asked: dict[str, Any], **body: Any) -> Any:
    return post(api, "/gate-evaluations", {"policy": asked} | body)


def judged(api: TestClient, made: Made, *rules: dict[str, Any], **body: Any) -> list[Any]:
    """Value, status and reason of each rule on a made-up scan."""
    asked = check(api, policy(*rules), scan_id=str(made.scan_id), dry_run=True, **body)
    return [(rule["value"], rule["status"], rule["reason"]) for rule in asked["rules"]]


@pytest.fixture
def made(api: TestClient) -> Made:
    """50 examples of 5 classes; the first 5 in the ranking are flagged."""
    return add_world("lab", 50)


class TestPolicies:
    def test_each_other_text_is_the_next_version(self, api: TestClient) -> None:
        first = post(api, "/gates", {"policy": policy({"rule": "new_flags"})})
        # A default that is spelt out changes nothing.
        again = post(api, "/gates", {"policy": policy({"rule": "new_flags", "at_most": 0})})
        other = post(api, "/gates", {"policy": policy({"rule": "new_flags", "at_most": 3})})
        assert (first["version"], other["version"]) == (1, 2)
        assert again == first
        assert get(api, f"/gates/{first['id']}") == first
        assert get(api, "/gates")["items"] == [other, first]
        page = get(api, "/gates", limit=1)
        assert get(api, "/gates", limit=1, after=page["next"])["items"] == [first]
        assert get(api, "/gates", name="other")["items"] == []

    def test_what_is_wrong_is_told_with_its_place(self, api: TestClient) -> None:
        wrong = {"policy": policy({"rule": "new_flags", "at_mots": 3}, {"rule": "flags"})}
        answer = post(api, "/gates", wrong, status=422)
        assert [each["field"] for each in answer["errors"]] == [
            "policy.rules.0.new_flags.at_mots",
            "policy.rules.1.flags",
        ]

    def test_a_stored_one_is_found_by_name_and_version(self, api: TestClient, made: Made) -> None:
        for most in (1, 9):
            post(api, "/gates", {"policy": policy({"rule": "flags", "at_most": most})})
        of = {"scan_id": str(made.scan_id)}
        latest = post(api, "/gate-evaluations", of | {"gate": "release"})
        assert (latest["verdict"], latest["policy"]) == ("pass", {"name": "release", "version": 2})
        first = post(api, "/gate-evaluations", of | {"gate": "release", "gate_version": 1})
        assert (first["verdict"], first["policy"]["version"]) == ("fail", 1)
        post(api, "/gate-evaluations", of | {"gate": "release", "gate_version": 3}, status=404)
        post(api, "/gate-evaluations", of | {"gate": "other"}, status=404)

    def test_another_project_sees_none_of_it(self, api: TestClient, made: Made) -> None:
        stored = post(api, "/gates", {"policy": policy({"rule": "flags", "at_most": 1})})
        kept = check(api, policy({"rule": "flags", "at_most": 1}), scan_id=str(made.scan_id))
        other = {"Authorization": f"Bearer {make_key('elsewhere')}"}
        for path in (f"/gates/{stored['id']}", f"/gate-evaluations/{kept['id']}"):
            there = f"/api/v1/projects/elsewhere{path}"
            assert api.get(there, headers=other).status_code == 404
        body = {"policy": stored["policy"], "scan_id": str(made.scan_id)}
        there = "/api/v1/projects/elsewhere/gate-evaluations"
        assert api.post(there, json=body, headers=other).status_code == 404


class TestCounting:
    def test_flags_by_suspicion_class_and_slice(self, api: TestClient, made: Made) -> None:
        flags = get(api, f"/scans/{made.scan_id}/flags")["items"]
        label = flags[0]["given_label"]
        cases: list[tuple[dict[str, Any], int]] = [
            ({}, 5),
            ({"suspicion": flags[2]["suspicion"]}, 3),
            ({"label": label}, sum(flag["given_label"] == label for flag in flags)),
            ({"key": "key-*"}, 5),
            ({"key": flags[0]["key"]}, 1),
            ({"key": f"?{flags[0]['key'][1:]}"}, 1),
            ({"key": "key_*"}, 0),
            ({"key": "%"}, 0),
        ]
        rules = [
            {"rule": "flags", "id": f"r{number}", "at_most": 99} | where
            for number, (where, _) in enumerate(cases)
        ]
        found = judged(api, made, *rules)
        assert [value for value, _, _ in found] == [count for _, count in cases]

    def test_shares_of_a_class_and_of_each(self, api: TestClient, made: Made) -> None:
        flags = get(api, f"/scans/{made.scan_id}/flags")["items"]
        by_class = [sum(flag["given_label"] == name for flag in flags) for name in ("ant", "bee")]
        ant, bee, most, unknown = judged(
            api,
            made,
            {"rule": "flags", "id": "ant", "label": "ant", "at_most_share": 1},
            {"rule": "flags", "id": "bee", "label": "bee", "at_most_share": 1},
            {"rule": "flags_per_class", "at_most": 0},
            {"rule": "flags", "id": "cow", "label": "cow", "at_most": 1},
        )
        assert [ant[0], bee[0]] == [count / 10 for count in by_class]
        assert most[1] == "fail"
        assert most[0] == max(
            sum(flag["given_label"] == each["given_label"] for flag in flags) for each in flags
        )
        assert unknown[1:] == ("no_verdict", "The dataset has no class “cow”.")

    def test_what_people_decided(self, api: TestClient, made: Made) -> None:
        asked = {"name": "flagged", "scan_id": str(made.scan_id), "overlap": 2}
        queue = post(api, "/queues", asked)["id"]
        ada, bob = Person(api), Person(api)
        for _ in range(3):
            ada.work(queue, "right")
        for kind in ("right", "right", "unusable"):
            bob.work(queue, kind)
        # Two are settled, one is disputed, two are open.
        unreviewed, reviewed, examples, agreement, alpha = judged(
            api,
            made,
            {"rule": "unreviewed_flags", "at_most": 3},
            {"rule": "reviewed", "at_least": 0.4},
            {"rule": "reviewed", "id": "examples", "of": "examples", "at_least": 0.04},
            {"rule": "agreement", "measure": "share", "at_least": 0.6, "min_items": 3},
            {"rule": "agreement", "id": "alpha", "at_least": 0, "min_items": 4},
        )
        assert unreviewed[:2] == (3, "pass")
        assert reviewed[:2] == (0.4, "pass")
        assert examples[:2] == (0.04, "pass")
        assert agreement[0] == pytest.approx(2 / 3)
        assert alpha[1:] == (
            "no_verdict",
            "Two people decided only 3 items; 4 are asked for.",
        )

    def test_what_people_found_wrong_is_still_there(self, api: TestClient, made: Made) -> None:
        rule = {"rule": "found_wrong"}
        assert judged(api, made, rule)[0][:2] == (0, "pass")
        ada = Person(api)
        for name in ("flagged", "again"):
            queue = post(api, "/queues", {"name": name, "scan_id": str(made.scan_id)})["id"]
            for kind in ("right", "unusable", "unsure", "unusable"):
                ada.work(queue, kind)
        (found,) = judged(api, made, rule)
        assert found[:2] == (2, "fail")
        assert found[2].startswith("2 labels that people found wrong are still in the data")

    def test_audits_bound_what_is_wrong(self, api: TestClient, made: Made) -> None:
        rules = [
            {"rule": "wrong_labels", "at_most": 0.5},
            {"rule": "wrong_labels", "id": "strict", "at_most": 0.001, "confidence": 0.99},
            {"rule": "estimated_share", "at_most": 0.1},
        ]
        before = judged(api, made, *rules)
        assert {status for _, status, _ in before} == {"no_verdict"}
        asked = {"name": "audited", "scan_id": str(made.scan_id), "audits": 45}
        queue = Queue(post(api, "/queues", asked)["id"], made)
        ada = Person(api)
        while ada.work(queue.id, "right"):
            pass
        estimate = get(api, f"/datasets/{made.dataset_id}/estimate")
        bound, strict, share = judged(api, made, *rules)
        assert estimate["audits"]["answered"] > 20
        assert bound[:2] == (estimate["wrong"]["after"]["share"]["highest"], "pass")
        assert "with 95 % confidence" in bound[2]
        assert strict[1] in ("pass", "no_verdict")
        assert share[:2] == (0, "pass")

    def test_a_regression_has_flags_and_no_classes(self, api: TestClient) -> None:
        made = add_world("lab", 50, is_regression=True)
        flags, classes, drift = judged(
            api,
            made,
            {"rule": "flags", "at_most": 4},
            {"rule": "flags_per_class", "at_most": 4},
            {"rule": "class_drift", "at_most": 1},
            baseline_scan_id=str(made.scan_id),
        )
        assert flags[:2] == (5, "fail")
        assert classes[1:] == ("no_verdict", "A regression has no classes.")
        assert drift[1] == "no_verdict"

    def test_without_a_complete_scan_there_is_no_verdict(self, api: TestClient, made: Made) -> None:
        sql("UPDATE scans SET status = 'running', finished_at = NULL")
        rules = [{"rule": "flags", "at_most": 99}, {"rule": "scan_age", "at_most_days": 1}]
        for of in ({"scan_id": str(made.scan_id)}, {"dataset_id": str(made.dataset_id)}):
            found = check(api, policy(*rules), **of)
            assert found["verdict"] == "no_verdict"
            assert found["scan"] is None
            assert {rule["reason"] for rule in found["rules"]} == {"The scan is running."}
        sql("DELETE FROM flags")
        sql("DELETE FROM scans")
        found = check(api, policy(*rules), dataset_id=str(made.dataset_id))
        assert found["rules"][0]["reason"] == "The dataset was never scanned."
        failure = """'{"title": "x", "detail": "It is empty."}'"""
        sql(f"UPDATE datasets SET status = 'failed', failure = CAST({failure} AS jsonb)")
        found = check(api, policy(*rules), dataset_id=str(made.dataset_id))
        assert found["rules"][0]["reason"] == "The dataset has failed: It is empty."


class TestBaseline:
    @pytest.fixture
    def versions(self, api: TestClient, data_dir: Path) -> list[dict[str, Any]]:
        """Two versions of a dataset, scanned by the same weights: the second has other examples.

        Its rows stand in another order, five of them are new, and one has another label.
        """
        first = blobs(60)
        more = blobs(5, seed=9) | {"id": np.array([f"new-{number}" for number in range(5)])}
        second = {name: np.concatenate([more[name], first[name][::-1]]) for name in first}
        at = int(np.flatnonzero(second["id"] == "point-00007")[0])
        second["y"] = second["y"].copy()
        second["y"][at] = (second["y"][at] + 1) % 3
        weights = save_weights(data_dir / "weights.safetensors")
        return [
            scanned(api, data_dir, arrays, str(number), weights)
            for number, arrays in enumerate((first, second), start=1)
        ]

    def test_only_what_changed_counts(
        self, api: TestClient, versions: list[dict[str, Any]]
    ) -> None:
        first, second = versions
        old, new = (
            {flag["key"]: flag for flag in get(api, f"/scans/{scan['id']}/flags")["items"]}
            for scan in versions
        )
        changed = {"point-00007", *(f"new-{number}" for number in range(5))}
        rules = [
            {"rule": "flags", "at_most": 99},
            {"rule": "flags", "id": "changed", "only_changed": True, "at_most": 99},
            {"rule": "flags", "id": "share", "only_changed": True, "at_most_share": 1},
            {"rule": "new_flags", "at_most": 99},
            {"rule": "class_drift", "at_most": 1},
            {"rule": "unreviewed_flags", "ratchet": True},
        ]
        found = check(
            api,
            policy(*rules),
            dataset_id=second["dataset_id"],
            baseline_dataset_id=first["dataset_id"],
        )
        values = {rule["id"]: rule["value"] for rule in found["rules"]}
        assert found["changed_examples"] == 6
        assert values["flags"] == len(new)
        assert values["changed"] == len(changed & new.keys())
        assert values["share"] == len(changed & new.keys()) / 6
        assert values["new_flags"] == len(new.keys() - (old.keys() - changed))
        assert 0 < values["class_drift"] < 0.2
        (ratchet,) = (rule for rule in found["rules"] if rule["id"] == "unreviewed_flags")
        assert ratchet["baseline"] == len(old)
        assert found["baseline"]["version"] == "1"
        # Nothing was computed again for what stayed as it was.
        scan = get(api, f"/scans/{second['id']}")
        assert scan["summary"]["reused"] == 59

    def test_what_people_decided_in_another_version_is_not_asked_again(
        self, api: TestClient, versions: list[dict[str, Any]]
    ) -> None:
        """Neither what was right, nor what has the label now that they gave it."""
        first, second = versions
        body = {"name": "all", "scan_id": first["id"], "policy": {"kind": "filter"}}
        queue = post(api, "/queues", body)["id"]
        ada = Person(api)
        while item := ada.next(queue):
            if item["key"] in ("point-00007", "point-00003"):
                label = str((int(item["given_label"]) + 1) % 3)
                ada.decide(queue, item["position"], "relabel", label=label)
            else:
                ada.decide(queue, item["position"], "right")
        rules = [
            {"rule": "reviewed", "of": "examples", "at_least": 0},
            {"rule": "reviewed", "id": "flags", "at_least": 0},
            {"rule": "unreviewed_flags", "at_most": 99},
            {"rule": "found_wrong"},
        ]
        of_first = {
            rule["id"]: rule for rule in check(api, policy(*rules), scan_id=first["id"])["rules"]
        }
        assert of_first["reviewed"]["value"] == 1
        assert of_first["found_wrong"]["value"] == 2
        found = {
            rule["id"]: rule for rule in check(api, policy(*rules), scan_id=second["id"])["rules"]
        }
        # Five are new, and the label of one is still what they found wrong.
        left = {"point-00003", *(f"new-{number}" for number in range(5))}
        flags = {flag["key"] for flag in get(api, f"/scans/{second['id']}/flags")["items"]}
        assert found["reviewed"]["value"] == pytest.approx(59 / 65)
        assert found["unreviewed_flags"]["value"] == len(flags & left)
        assert found["flags"]["value"] == pytest.approx(1 - len(flags & left) / len(flags))
        assert found["found_wrong"]["value"] == 0

    def test_a_version_beside_itself_has_nothing_new(
        self, api: TestClient, versions: list[dict[str, Any]]
    ) -> None:
        first, _ = versions
        rules = [{"rule": "new_flags"}, {"rule": "class_drift", "at_most": 0}]
        same = {"scan_id": first["id"], "baseline_scan_id": first["id"]}
        found = check(api, policy(*rules), **same)
        assert (found["verdict"], found["changed_examples"]) == ("pass", 0)

    def test_a_baseline_without_a_scan_gives_no_verdict(
        self, api: TestClient, versions: list[dict[str, Any]], data_dir: Path
    ) -> None:
        np.savez(data_dir / "blobs.npz", **blobs(20))
        other = post(api, "/datasets", blobs_body(data_dir / "blobs.npz", version="0"))
        index(other["id"])
        found = check(
            api,
            policy({"rule": "new_flags"}, {"rule": "flags", "only_changed": True, "at_most": 99}),
            scan_id=versions[1]["id"],
            baseline_dataset_id=other["id"],
        )
        new, changed = found["rules"]
        assert new["status"] == "no_verdict"
        assert "never scanned" in new["reason"]
        assert changed["status"] == "pass"

    def test_snippets_of_the_worst(self, api: TestClient, versions: list[dict[str, Any]]) -> None:
        found = check(api, policy({"rule": "flags", "at_most": 0}), scan_id=versions[1]["id"])
        flags = get(api, f"/scans/{versions[1]['id']}/flags")["items"]
        assert [each["key"] for each in found["worst"]] == [flag["key"] for flag in flags][:25]
        assert found["worst"][0]["snippet"].startswith("x[0] ")
        assert found["worst"][0]["rules"] == ["flags"]


def scanned(
    api: TestClient, folder: Path, arrays: dict[str, Any], version: str, weights: Path
) -> dict[str, Any]:
    path = folder / f"{version}.npz"
    np.savez(path, **arrays)
    dataset = post(api, "/datasets", blobs_body(path, version=version))
    index(dataset["id"])
    run = post(api, "/runs", {"name": version, "dataset_id": dataset["id"], "model": linear_spec()})
    post(api, f"/runs/{run['id']}/checkpoints", {"uri": str(weights), "step": 1, "eta": 0.1})
    policy = {"kind": "share", "share": 0.2}
    scan = post(api, "/scans", {"run_id": run["id"], "policy": policy})
    run_scan(scan["id"])
    found: dict[str, Any] = get(api, f"/scans/{scan['id']}")
    return found


class TestEvaluations:
    def test_it_is_kept_with_its_inputs_and_can_be_repeated(
        self, api: TestClient, made: Made
    ) -> None:
        asked = policy({"rule": "flags", "at_most": 1}, {"rule": "new_flags", "level": "warn"})
        print_ = "ab" * 32
        kept = check(
            api, asked, scan_id=str(made.scan_id), baseline_scan_id=str(made.scan_id),
            fingerprint=print_,
        )  # fmt: skip
        # What happens later changes nothing.
        sql("DELETE FROM flags")
        assert get(api, f"/gate-evaluations/{kept['id']}") == kept
        told = get(api, f"/gate-evaluations/{kept['id']}/explanation")
        assert told["repeats"] is True
        assert told["evaluation"] == kept
        assert told["inputs"]["fingerprint"] == print_
        assert told["inputs"]["facts"]["flags"][0]["flags"] == 5
        listed = get(api, "/gate-evaluations", gate="release", dataset_id=str(made.dataset_id))
        assert [each["id"] for each in listed["items"]] == [kept["id"]]
        assert get(api, "/gate-evaluations", gate="other")["items"] == []
        log = sql("SELECT action FROM audit_entries WHERE action = 'check_gate'")
        assert len(log) == 1

    def test_a_dry_run_keeps_nothing(self, api: TestClient, made: Made) -> None:
        asked = policy({"rule": "flags", "at_most": 1})
        found = check(api, asked, scan_id=str(made.scan_id), dry_run=True)
        assert (found["id"], found["verdict"]) == (None, "fail")
        assert get(api, "/gate-evaluations")["items"] == []

    def test_the_latest_complete_scan_of_a_dataset_counts(
        self, api: TestClient, made: Made
    ) -> None:
        later = add_scan(made.dataset_id, 50, seed=3)
        found = check(api, policy({"rule": "flags", "at_most": 9}), dataset_id=str(made.dataset_id))
        assert found["scan"]["id"] == str(later)

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"gate": "release"}, "gate"),
            ({"policy": None}, "gate"),
            ({"scan_id": None}, "dataset_id"),
            ({"dataset_id": "DATASET"}, "dataset_id"),
            ({"baseline_scan_id": "SCAN", "baseline_dataset_id": "DATASET"}, "baseline_dataset_id"),
        ],
    )
    def test_what_is_asked_for_must_be_plain(
        self, api: TestClient, made: Made, change: dict[str, Any], field: str
    ) -> None:
        ids = {"SCAN": str(made.scan_id), "DATASET": str(made.dataset_id)}
        body = {"policy": policy({"rule": "new_flags"}), "scan_id": ids["SCAN"]}
        body |= {name: ids.get(str(value), value) for name, value in change.items()}
        answer = post(api, "/gate-evaluations", body, status=422)
        assert answer["errors"][0]["field"] == field

    def test_whoever_reviews_blindly_does_not_read_it(self, api: TestClient, made: Made) -> None:
        kept = check(api, policy({"rule": "flags", "at_most": 1}), scan_id=str(made.scan_id))
        reviewer = Person(api)
        path = f"{LAB}/gate-evaluations/{kept['id']}"
        assert reviewer.client.get(path).status_code == 200
        asked = {"name": str(uuid4()), "scan_id": str(made.scan_id), "audits": 9}
        post(api, "/queues", asked)
        assert reviewer.client.get(path).status_code == 403
        assert reviewer.client.get(f"{path}/explanation").status_code == 403
        assert reviewer.client.get(f"{LAB}/gate-evaluations").status_code == 200
        assert reviewer.client.post(f"{LAB}/gate-evaluations", json={}).status_code == 403
