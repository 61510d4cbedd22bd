"""Whatever people do at a queue, in whatever order, its counts stay true and nothing is lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from app.access.service import Caller
from app.reviews import mixing
from benchmarks.review_world import CLASSES
from tests.app.reviews.mixed import found_right, queue_of, require_exact, roles_of
from tests.app.reviews.world import (
    Person,
    add_scan,
    add_world,
    let_claims_expire,
    make_queue,
    require_sound,
    sql,
)

# Few items, so that people meet at them.
_ITEMS = 5
_STEPS = 150
_ROLES = ("reviewer", "reviewer", "engineer", "engineer")
_KINDS = ["right", "right", "relabel", "unusable", "unsure", "skip", "skip"]


def caller_of(person: Person) -> Caller:
    from app.access.keys import caller_of, require_key
    from app.db import transaction

    with transaction() as db:
        return caller_of(require_key(db, person.key))


@dataclass
class Play:
    """People at one queue who do what the dice say."""

    rng: random.Random
    queue: UUID
    scans: list[UUID]
    callers: list[Caller]
    batches: list[UUID] = field(default_factory=list)
    story: list[str] = field(default_factory=list)

    def step(self) -> None:
        from app.db import transaction
        from app.errors import ProblemError

        act = self.rng.choice(_ACTS)
        who = self.rng.randrange(len(self.callers))
        self.story.append(f"{act.__name__[1:]} by {who}")
        try:
            with transaction() as db:
                act(self, db, self.callers[who])
        except ProblemError as error:
            self.story[-1] += f": {type(error).__name__}"

    def note(self, **said: Any) -> None:
        self.story[-1] += f" {said}"

    def decide(self, db: Session, caller: Caller, position: int, *, adjudicate: bool) -> None:
        from app.reviews.item_schemas import VerdictIn
        from app.reviews.verdicts import decide

        kind = self.rng.choice(_KINDS)
        label = self.rng.choice(CLASSES) if kind == "relabel" else None
        self.note(position=position, kind=kind, label=label, adjudicate=adjudicate)
        body = {"kind": kind, "label": label, "adjudicate": adjudicate, "token": uuid4()}
        decide(db, caller, self.queue, position, VerdictIn.model_validate(body))


def _take(play: Play, db: Session, caller: Caller) -> None:
    from app.reviews.claims import next_items

    count = play.rng.randint(1, 2)
    taken = next_items(db, caller, play.queue, count=count).items
    play.note(taken=[item.position for item in taken])


def _take_dispute(play: Play, db: Session, caller: Caller) -> None:
    from app.reviews.claims import next_items

    taken = next_items(db, caller, play.queue, adjudicate=True).items
    play.note(taken=[item.position for item in taken])


def _decide_what_is_held(play: Play, db: Session, caller: Caller) -> None:
    held = sql(
        "SELECT position, adjudicates FROM review_claims WHERE principal_id = :me",
        me=caller.principal_id,
    )
    if held:
        position, adjudicates = play.rng.choice(sorted(held))
        play.decide(db, caller, position, adjudicate=adjudicates)


def _decide_any(play: Play, db: Session, caller: Caller) -> None:
    play.decide(db, caller, play.rng.randrange(_ITEMS), adjudicate=play.rng.random() < 0.2)


def _undo(play: Play, db: Session, caller: Caller) -> None:
    from app.reviews.item_schemas import UndoIn
    from app.reviews.undoing import undo

    steps = play.rng.choice([1, 1, 1, 2, 3])
    undone = undo(db, caller, play.queue, UndoIn(steps=steps, token=uuid4()))
    play.note(undone=[(verdict.position, verdict.kind.value) for verdict in undone])


def _release(play: Play, db: Session, caller: Caller) -> None:
    from app.reviews.claims import release_claims

    position = play.rng.choice([None, play.rng.randrange(_ITEMS)])
    release_claims(db, caller, play.queue, position)


def _vanish(play: Play, db: Session, caller: Caller) -> None:
    let_claims_expire(caller.principal_id)


def _take_skips_up(play: Play, db: Session, caller: Caller) -> None:
    from app.reviews.verdicts import take_up_skips

    take_up_skips(db, caller, play.queue)


def _batch(play: Play, db: Session, caller: Caller) -> None:
    from app.reviews.bulk import apply_batch
    from app.reviews.bulk_schemas import BulkIn

    given = play.rng.choice(CLASSES)
    body = {"selection": {"given": given}, "verdict": {"kind": "right"}}
    play.batches.append(apply_batch(db, caller, play.queue, BulkIn.model_validate(body)).id)


def _undo_batch(play: Play, db: Session, caller: Caller) -> None:
    from app.reviews.bulk import undo_batch

    if play.batches:
        undo_batch(db, caller, play.queue, play.batches.pop())


def _draw(play: Play, db: Session, caller: Caller) -> None:
    from app.reviews.bulk import draw_sample
    from app.reviews.bulk_schemas import SampleIn

    body = {"selection": {"given": play.rng.choice(CLASSES)}, "k": 1}
    draw_sample(db, caller, play.queue, SampleIn.model_validate(body))


def _order_anew(play: Play, db: Session, caller: Caller) -> None:
    from app.reviews.queue_schemas import ReprioritiseIn
    from app.reviews.queues import reprioritise_queue

    scan = play.rng.choice(play.scans)
    reprioritise_queue(db, caller, play.queue, ReprioritiseIn(scan_id=scan))


_ACTS: list[Callable[[Play, Session, Caller], None]] = [
    *[_take] * 4,
    *[_decide_what_is_held] * 6,
    *[_decide_any] * 4,
    *[_take_dispute] * 2,
    *[_undo] * 4,
    _release,
    _vanish,
    _take_skips_up,
    _batch,
    _undo_batch,
    _draw,
    _order_anew,
]


@pytest.mark.parametrize(("overlap", "seed"), [(1, 1), (2, 5), (3, 9)])
def test_counts_stay_true_whatever_people_do(api: TestClient, overlap: int, seed: int) -> None:
    queue, made = make_queue(api, _ITEMS, overlap=overlap)
    play = Play(
        random.Random(seed),
        UUID(queue),
        [made.scan_id, add_scan(made.dataset_id, _ITEMS, seed=1)],
        [caller_of(Person(api, role)) for role in _ROLES],
    )
    _play(play, lambda: require_sound(queue))
    _finish(api, queue, overlap)


def _play(play: Play, require: Callable[[], None]) -> None:
    for done in range(_STEPS):
        play.step()
        if done % 3:
            continue
        try:
            require()
        except AssertionError as error:
            raise AssertionError("\n".join(play.story[-40:])) from error


@pytest.mark.parametrize(("overlap", "seed"), [(1, 2), (2, 3)])
def test_so_they_do_where_audits_and_canaries_are_mixed_in(
    api: TestClient, overlap: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = 4 * _ITEMS
    made = add_world("lab", n)
    found_right(api, made.scan_id, n // 2)
    keys = [f"key-{position}" for position in range(_ITEMS)]
    policy = {"kind": "keys", "keys": keys}
    queue = queue_of(api, made.scan_id, policy=policy, overlap=overlap, audits=5, canaries=3)
    monkeypatch.setattr(mixing, "CHANCE", random.Random(seed))
    play = Play(
        random.Random(seed),
        UUID(queue),
        [made.scan_id, add_scan(made.dataset_id, n, seed=1)],
        [caller_of(Person(api, role)) for role in _ROLES],
    )

    def require() -> None:
        require_sound(queue)
        require_exact(made, n)

    _play(play, require)
    _finish(api, queue, overlap)
    require()
    assert set(roles_of(queue).values()) == {"flag", "audit", "canary"}


def _finish(api: TestClient, queue: str, overlap: int) -> None:
    """Fresh people find all that is left to decide."""
    let_claims_expire()
    # Whoever is among the last may be given a canary, which others have to see too.
    for _ in range(2 * overlap):
        late = Person(api)
        while late.work(queue):
            pass
    require_sound(queue)
    lead = Person(api, "engineer")
    while disputed := lead.next(queue, adjudicate=True):
        lead.decide(queue, disputed["position"], adjudicate=True)
    require_sound(queue)
    assert sql("SELECT DISTINCT state FROM review_items WHERE queue_id = :q", q=queue) == [
        ("done",)
    ]
