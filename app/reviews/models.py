from __future__ import annotations

import uuid
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    Computed,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, id_column, now

HEAD = -(2**31)
"""A place before all that a queue has."""


class OrderBy(StrEnum):
    """The score of a scan by which a queue is ordered, the most suspicious first."""

    suspicion = "suspicion"
    self_influence = "self_influence"
    self_influence_equal = "self_influence_equal"
    last_layer = "last_layer"
    loss = "loss"
    margin = "margin"
    el2n = "el2n"
    given_probability = "given_probability"


class ItemState(StrEnum):
    open = "open"
    """Verdicts are wanting."""
    disputed = "disputed"
    """All verdicts are there and do not agree: an adjudicator decides."""
    done = "done"


class SettledBy(StrEnum):
    """What made an item done."""

    consensus = "consensus"
    adjudication = "adjudication"
    batch = "batch"


class VerdictKind(StrEnum):
    right = "right"
    relabel = "relabel"
    unusable = "unusable"
    unsure = "unsure"
    skip = "skip"
    undo = "undo"
    """Withdraws an earlier verdict; only ever made by an undo."""


class ItemRole(StrEnum):
    """Why an item is in its queue. In a blind queue its reviewers are not told."""

    flag = "flag"
    """The queue's policy chose it. It may be drawn for an audit too: see `audit_draws`."""
    audit = "audit"
    """Drawn at random from what nobody had reviewed, and no flag of the queue."""
    canary = "canary"
    """An example known to be right, shown with a wrong label. Its verdicts count for nothing."""


class Duty(StrEnum):
    review = "review"
    adjudicate = "adjudicate"


class ReviewQueue(Base):
    """Examples of a data set to be looked at by people, in order of priority."""

    __tablename__ = "review_queues"

    id: Mapped[uuid.UUID] = id_column()
    project_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("projects.id"))
    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id"), index=True)
    scan_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("scans.id"))
    """The scan that it was made from."""
    order_scan_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("scans.id"))
    """The scan that orders it now."""
    name: Mapped[str]
    policy: Mapped[dict[str, Any]]
    order_by: Mapped[str]
    overlap: Mapped[int] = mapped_column(SmallInteger)
    """How many people decide each item."""
    claim_ttl_s: Mapped[int]
    show_suggestion: Mapped[bool]
    tolerance: Mapped[float] = mapped_column(Double)
    """Regression: numbers that differ by no more agree."""
    is_assigned: Mapped[bool]
    """Only people and groups with the duty to review may; otherwise every reviewer."""
    epoch: Mapped[int] = mapped_column(default=0)
    """Counts the changes after which everybody must look at the queue from its head again."""
    item_count: Mapped[int]
    """Flags; what is mixed in comes on top."""
    audits: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """How many audits are to be drawn while it is reviewed."""
    canaries: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """How many canaries at most."""
    audits_drawn: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    canaries_made: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    mixed_in: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """Items beside its flags: canaries, and audits but those that fell on flags of its own."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("principals.id"))
    closed_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    """When every item was found to be done; null again if one is undone."""

    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        Index(None, "project_id", "created_at", "id"),
    )

    @property
    def is_blind(self) -> bool:
        """Until it is closed, reviewers are told nothing by which its items' roles differ."""
        return self.closed_at is None and (self.audits > 0 or self.canaries > 0)

    @property
    def whole(self) -> int:
        """Items that it has once it is over. Before, what falls on flags is not told apart."""
        planned = self.audits + self.canaries
        return self.item_count + (planned if self.finished_at is None else self.mixed_in)


class QueueDuty(Base):
    """A person's duty at a queue."""

    __tablename__ = "review_duties"

    queue_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("review_queues.id"), primary_key=True)
    principal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("principals.id"), primary_key=True)
    duty: Mapped[str] = mapped_column(primary_key=True)


class GroupDuty(Base):
    """A group's duty at a queue: whoever is in the group at a moment has it then."""

    __tablename__ = "review_group_duties"

    queue_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("review_queues.id"), primary_key=True)
    group_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("groups.id"), primary_key=True, index=True
    )
    duty: Mapped[str] = mapped_column(primary_key=True)


class ReviewItem(Base):
    """An example in a queue.

    No foreign keys: a million items are made by one statement, and one check for each would take
    longer than all else. `seats + votes + live claims` is the queue's overlap while it is open.
    """

    __tablename__ = "review_items"

    queue_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int]
    """In the queue's order, from 1. Audits and canaries have 0, -1, …: they come before the rest,
    are not ordered anew, and no batch decides them. A flag that is drawn moves there too."""
    role: Mapped[str] = mapped_column(default=ItemRole.flag, server_default=text("'flag'"))
    given_label: Mapped[int | None]
    """The example's label as people are to judge it; a canary's is not its own."""
    suggested_label: Mapped[int | None]
    suggested_value: Mapped[float | None] = mapped_column(Double)
    priority: Mapped[float | None] = mapped_column(Double)
    """The ordering score; items without come last."""
    seats: Mapped[int] = mapped_column(SmallInteger)
    """How many more people may take it."""
    votes: Mapped[int] = mapped_column(SmallInteger, default=0, server_default=text("0"))
    # A column of its own, so that a change of `seats` from 2 to 1 changes nothing that is indexed.
    is_open: Mapped[bool] = mapped_column(Computed("seats > 0", persisted=True))
    freed_at: Mapped[datetime | None]
    """When a seat last came back: an item behind where people look is found by it."""
    state: Mapped[str] = mapped_column(default=ItemState.open, server_default=text("'open'"))
    settled_by: Mapped[str | None]
    outcome: Mapped[str | None]
    """A verdict's kind; with `outcome_label` or `outcome_value` what the label should be."""
    outcome_label: Mapped[int | None]
    outcome_value: Mapped[float | None] = mapped_column(Double)
    batch_id: Mapped[uuid.UUID | None]

    __table_args__ = (
        CheckConstraint("seats >= 0", name="seats"),
        Index(None, "queue_id", "place"),
        Index("ix_review_items_open", "queue_id", "place", postgresql_where=text("is_open")),
        Index(
            "ix_review_items_freed",
            "queue_id",
            "freed_at",
            postgresql_where=text("freed_at IS NOT NULL"),
        ),
        Index(None, "queue_id", "given_label", "suggested_label", "place"),
        # What was found is counted and listed from this alone, so that it costs as much as was
        # decided, not as much as there is.
        Index(
            "ix_review_items_settled",
            "queue_id",
            "outcome",
            "given_label",
            "outcome_label",
            "place",
            postgresql_where=text("outcome IS NOT NULL AND role <> 'canary'"),
        ),
        Index(
            "ix_review_items_canaries",
            "queue_id",
            "position",
            postgresql_where=text("role = 'canary'"),
        ),
        {"postgresql_with": {"fillfactor": 85}},
    )


class ReviewDesk(Base):
    """A person's place at a queue: how far down its order they have looked.

    Whatever is a person's own at a queue (claims, votes, this row) changes only under the lock
    of this row. How it is used: see `claim_queries.py`.
    """

    __tablename__ = "review_desks"

    queue_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("review_queues.id"), primary_key=True)
    principal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("principals.id"), primary_key=True)
    base: Mapped[int] = mapped_column(default=HEAD)
    """No item before this place is for them, but those freed after `since`."""
    since: Mapped[datetime] = mapped_column(default=now)
    pending: Mapped[int] = mapped_column(default=HEAD)
    """Becomes `base` once a second look, a while after `pending_at`, has found nothing either."""
    pending_at: Mapped[datetime] = mapped_column(default=now)
    epoch: Mapped[int] = mapped_column(default=0)
    whole_at: Mapped[datetime | None]
    """When they last looked from the queue's head because nothing else was left."""

    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)


class ReviewClaim(Base):
    """A person's time-limited hold on an item. The table stays small: decided items leave it."""

    __tablename__ = "review_claims"

    queue_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    principal_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    claimed_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    adjudicates: Mapped[bool] = mapped_column(default=False, server_default=false())

    __table_args__ = (
        Index(None, "queue_id", "expires_at"),
        {
            "postgresql_with": {
                "autovacuum_vacuum_scale_factor": 0.0,
                "autovacuum_vacuum_threshold": 1000,
            }
        },
    )


class ReviewVote(Base):
    """A person's standing verdict on an item: what counts now, where the log says all that was."""

    __tablename__ = "review_votes"

    queue_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    principal_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    verdict_id: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    label: Mapped[int | None]
    """What the label should be, for `right` too."""
    value: Mapped[float | None] = mapped_column(Double)

    __table_args__ = (
        Index(
            "ix_review_votes_skipped",
            "queue_id",
            "principal_id",
            postgresql_where=text("kind = 'skip'"),
        ),
    )


class ReviewVerdict(Base):
    """One thing that a person decided or took back. Rows are only ever added."""

    __tablename__ = "review_verdicts"

    queue_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    principal_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    position: Mapped[int]
    kind: Mapped[str]
    label: Mapped[int | None]
    value: Mapped[float | None] = mapped_column(Double)
    comment: Mapped[str | None]
    seconds: Mapped[float | None] = mapped_column(REAL)
    at: Mapped[datetime] = mapped_column(default=now)
    token: Mapped[uuid.UUID]
    """Made by whoever sends it: a repeat is known by it."""
    undoes: Mapped[int | None] = mapped_column(BigInteger)
    batch_id: Mapped[uuid.UUID | None]
    adjudicates: Mapped[bool] = mapped_column(default=False, server_default=false())
    counted: Mapped[bool] = mapped_column(default=True, server_default=true())
    """False: it came when others had filled the item, and is kept beside."""
    item_state: Mapped[str]
    """The item's state after it."""
    import_id: Mapped[uuid.UUID | None]
    """It was said in another tool, and came with this import."""

    __table_args__ = (
        ForeignKeyConstraint(
            ["queue_id", "principal_id"], ["review_desks.queue_id", "review_desks.principal_id"]
        ),
        UniqueConstraint("queue_id", "principal_id", "token"),
        Index(None, "queue_id", "position", "id"),
        Index(
            "uq_review_verdicts_undoes",
            "queue_id",
            "undoes",
            unique=True,
            postgresql_where=text("undoes IS NOT NULL"),
        ),
        Index(
            "ix_review_verdicts_batch_id",
            "batch_id",
            "position",
            postgresql_where=text("batch_id IS NOT NULL"),
        ),
    )


class ReviewDispute(Base):
    """An item whose verdicts do not agree; kept once an adjudicator has decided it."""

    __tablename__ = "review_disputes"

    queue_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int]
    is_held: Mapped[bool] = mapped_column(default=False, server_default=false())
    verdict_id: Mapped[int | None] = mapped_column(BigInteger)
    """The adjudicator's standing verdict."""
    decided_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("principals.id"))

    __table_args__ = (
        Index(
            "ix_review_disputes_open",
            "queue_id",
            "place",
            postgresql_where=text("NOT is_held AND verdict_id IS NULL"),
        ),
    )


class ReviewTally(Base):
    """What a person did at a queue in a day, in UTC.

    The queue's counts are sums of these rows: nobody counts items, and nobody waits for a row that
    somebody else changes.
    """

    __tablename__ = "review_tallies"

    queue_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("review_queues.id"), primary_key=True)
    principal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("principals.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    decided: Mapped[int]
    """Verdicts but skips, less those undone."""
    skipped: Mapped[int]
    seconds: Mapped[float] = mapped_column(Double)
    """Time that the decided took."""
    done: Mapped[int]
    """Items that became done by what they did, less those that became undone."""
    disputed: Mapped[int]
    recent: Mapped[float] = mapped_column(Double)
    """Decisions, each forgotten at e^(-age / 10 minutes), as of `recent_at`: a rate."""
    recent_at: Mapped[datetime]

    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)


class ReviewSample(Base):
    """Items drawn at random from a group, to be decided by hand before the group is."""

    __tablename__ = "review_samples"

    id: Mapped[uuid.UUID] = id_column()
    queue_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("review_queues.id"), index=True)
    selection: Mapped[dict[str, Any]]
    positions: Mapped[list[Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("principals.id"))


class ReviewBatch(Base):
    """Many items decided at once, by the same verdict."""

    __tablename__ = "review_batches"

    id: Mapped[uuid.UUID] = id_column()
    queue_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("review_queues.id"))
    selection: Mapped[dict[str, Any]]
    verdict: Mapped[dict[str, Any]]
    comment: Mapped[str | None]
    sample_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("review_samples.id"))
    item_count: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("principals.id"))
    undone_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "queue_id", "created_at", "id"),)


class ReviewImport(Base):
    """Annotations that came from another tool, each of them now a verdict of its annotator."""

    __tablename__ = "review_imports"

    id: Mapped[uuid.UUID] = id_column()
    queue_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("review_queues.id"))
    tool: Mapped[str]
    report: Mapped[dict[str, Any]]
    """What became of them: an `ImportReport`."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("principals.id"))
    undone_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "queue_id", "created_at", "id"),)
