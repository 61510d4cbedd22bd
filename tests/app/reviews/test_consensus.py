"""What several verdicts come to, alone and through the API with an adjudicator."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from app.reviews.consensus import Opinion, settle
from app.reviews.models import ItemState, VerdictKind
from tests.app.reviews.world import (
    LAB,
    Person,
    get,
    let_claims_expire,
    make_queue,
    require_sound,
    sql,
)

RIGHT = Opinion(VerdictKind.right, 1)
DOG = Opinion(VerdictKind.relabel, 3)
CAT = Opinion(VerdictKind.relabel, 2)
BAD = Opinion(VerdictKind.unusable)
UNSURE = Opinion(VerdictKind.unsure)


@pytest.mark.parametrize(
    ("opinions", "overlap", "state", "label"),
    [
        ([RIGHT], 1, "done", 1),
        ([UNSURE], 1, "disputed", None),
        ([RIGHT], 2, "open", None),
        ([DOG, DOG], 2, "done", 3),
        ([DOG, CAT], 2, "disputed", None),
        ([DOG, UNSURE], 2, "disputed", None),
        ([DOG, DOG, UNSURE], 3, "done", 3),
        ([DOG, DOG, CAT], 3, "disputed", None),
        ([BAD, BAD], 2, "done", None),
        ([BAD, RIGHT], 2, "disputed", None),
        ([UNSURE, UNSURE], 2, "disputed", None),
    ],
)
def test_all_who_are_sure_must_agree_and_be_most(
    opinions: list[Opinion], overlap: int, state: str, label: int | None
) -> None:
    for order in (opinions, opinions[::-1]):
        settled = settle(order, overlap)
        assert (settled.state, settled.label) == (ItemState(state), label)


def test_numbers_within_the_tolerance_agree_on_their_mean() -> None:
    near = [Opinion(VerdictKind.right, None, 1.0), Opinion(VerdictKind.relabel, None, 1.5)]
    assert settle(near, 2, tolerance=0.4).state is ItemState.disputed
    settled = settle(near, 2, tolerance=0.5)
    assert (settled.outcome, settled.value) == (VerdictKind.relabel, 1.25)


def _disputed(api: TestClient, ada: Person, bob: Person, n: int = 1) -> tuple[str, list[int]]:
    queue, _ = make_queue(api, 30, overlap=2)
    positions = []
    for _ in range(n):
        positions.append(ada.work(queue)["position"])
        bob.work(queue, "unusable")
    require_sound(queue)
    return queue, positions


def _state(queue: str, position: int) -> tuple[object, ...]:
    return tuple(
        sql(
            "SELECT state, settled_by, outcome, outcome_label FROM review_items"
            " WHERE queue_id = :q AND position = :p",
            q=queue,
            p=position,
        )[0]
    )


def test_disagreement_goes_to_an_adjudicator_whose_result_wins(api: TestClient) -> None:
    ada, bob, lead = Person(api), Person(api), Person(api, "engineer")
    queue, [first, second] = _disputed(api, ada, bob, 2)
    assert get(api, f"/queues/{queue}")["disputed"] == 2
    item = lead.next(queue, adjudicate=True)
    assert (item["position"], item["adjudicates"], item["state"]) == (first, True, "disputed")
    assert lead.next(queue, adjudicate=True)["position"] == first
    lead.decide(queue, first, "relabel", label="eel", adjudicate=True)
    assert _state(queue, first) == ("done", "adjudication", "relabel", 4)
    ada.decide(queue, first, "unusable")
    assert _state(queue, first) == ("done", "adjudication", "relabel", 4)
    assert lead.next(queue, adjudicate=True)["position"] == second
    assert get(api, f"/queues/{queue}")["disputed"] == 1
    require_sound(queue)


def test_only_engineers_and_named_adjudicators_settle(api: TestClient) -> None:
    ada, bob, judge = Person(api), Person(api), Person(api)
    queue, [position] = _disputed(api, ada, bob)
    judge.ask(queue, status=403, adjudicate=True)
    judge.decide(queue, position, adjudicate=True, status=403)
    api.put(f"{LAB}/queues/{queue}/people", json={"adjudicators": [judge.id]})
    assert judge.next(queue, adjudicate=True)["position"] == position
    judge.decide(queue, position, "skip", adjudicate=True, status=422)
    judge.decide(queue, position, adjudicate=True)
    judge.decide(queue, position, "unusable", adjudicate=True)
    assert _state(queue, position)[2] == "unusable"
    judge.undo(queue)
    assert _state(queue, position)[2] == "right"
    judge.undo(queue)
    assert _state(queue, position)[0] == "disputed"
    require_sound(queue)
    assert judge.next(queue, adjudicate=True)["position"] == position
    judge.undo(queue, status=409)


def test_two_adjudicators_never_get_the_same_item(api: TestClient) -> None:
    ada, bob = Person(api), Person(api)
    one, two = Person(api, "engineer"), Person(api, "admin")
    queue, [first, second] = _disputed(api, ada, bob, 2)
    assert one.next(queue, adjudicate=True)["position"] == first
    assert two.next(queue, adjudicate=True)["position"] == second
    late = two.decide(queue, first, adjudicate=True, status=409)
    assert late["type"].endswith("review-item-taken")
    two.client.post(f"{LAB}/queues/{queue}/claims/release")
    let_claims_expire(of=one.id)
    assert two.next(queue, adjudicate=True)["position"] == first
    require_sound(queue)


def test_whoever_gives_in_ends_the_dispute(api: TestClient) -> None:
    ada, bob = Person(api), Person(api)
    queue, [position] = _disputed(api, ada, bob)
    ada.decide(queue, position, "unusable")
    assert _state(queue, position) == ("done", "consensus", "unusable", None)
    assert Person(api, "engineer").next(queue, adjudicate=True) is None
    require_sound(queue)


def test_undoing_a_disputed_vote_opens_the_item_but_not_under_an_adjudicator(
    api: TestClient,
) -> None:
    ada, bob, lead = Person(api), Person(api), Person(api, "engineer")
    queue, [first, second] = _disputed(api, ada, bob, 2)
    bob.undo(queue)
    assert _state(queue, second)[0] == "open"
    assert bob.next(queue)["position"] == second
    require_sound(queue)
    assert lead.next(queue, adjudicate=True)["position"] == first
    bob.undo(queue)
    assert _state(queue, first)[0] == "disputed"
    lead.decide(queue, first, adjudicate=True)
    assert _state(queue, first)[:2] == ("done", "adjudication")


def test_unsure_alone_is_for_the_adjudicator(api: TestClient) -> None:
    queue, _ = make_queue(api, 10)
    ada = Person(api)
    position = ada.work(queue, "unsure")["position"]
    assert _state(queue, position)[0] == "disputed"
    assert Person(api, "engineer").next(queue, adjudicate=True)["position"] == position
    require_sound(queue)


def test_what_an_adjudicator_holds_is_not_lost_by_their_own_vote(api: TestClient) -> None:
    ada, lead = Person(api), Person(api, "engineer")
    queue, [position] = _disputed(api, ada, lead)
    lead.next(queue, adjudicate=True)
    lead.decide(queue, position, "unusable")
    require_sound(queue)
    assert lead.next(queue, adjudicate=True)["position"] == position
    lead.undo(queue)
    require_sound(queue)
    lead.decide(queue, position, adjudicate=True)
    require_sound(queue)


def test_nobody_settles_what_an_adjudicator_has_in_hand(api: TestClient) -> None:
    ada, bob, lead = Person(api), Person(api), Person(api, "engineer")
    queue, [position] = _disputed(api, ada, bob)
    lead.next(queue, adjudicate=True)
    bob.decide(queue, position)
    require_sound(queue)
    lead.decide(queue, position, "unusable", adjudicate=True)
    assert _state(queue, position)[:2] == ("done", "adjudication")


def test_both_votes_can_be_withdrawn_and_given_again_after_an_adjudicator_left(
    api: TestClient,
) -> None:
    ada, bob, lead = Person(api), Person(api), Person(api, "engineer")
    queue, [position] = _disputed(api, ada, bob)
    lead.next(queue, adjudicate=True)
    ada.undo(queue)
    lead.client.post(f"{LAB}/queues/{queue}/claims/release")
    bob.undo(queue)
    require_sound(queue)
    bob.decide(queue, position)
    assert ada.work(queue)["position"] == position
    assert _state(queue, position)[0] == "done"
