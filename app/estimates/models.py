from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, now


class AuditPool(Base):
    """A dataset of which audits are drawn.

    An example *leaves the pool* when an item of it is first settled, in whatever queue of the
    dataset, or when it is drawn. Whoever draws holds this row for update, whoever settles an item
    holds it for share: so each settles before a draw or after it. A dataset without this row has
    no audits, and keeps no `reviewed_examples`.
    """

    __tablename__ = "audit_pools"

    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id"), primary_key=True)
    draws: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """How many were drawn so far; the number of the last."""
    made_at: Mapped[datetime] = mapped_column(default=now)

    # A draw changes nothing that is indexed.
    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)


class AuditDraw(Base):
    """An example drawn uniformly from those that were in the pool at that moment.

    What is known of it is the outcome of its items, like that of any example; it stands in the
    queue that drew it, and may stand in others.
    """

    __tablename__ = "audit_draws"

    dataset_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("audit_pools.dataset_id"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    """1, 2, …: in the order in which they were drawn."""
    position: Mapped[int]
    queue_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("review_queues.id"), index=True)
    unreviewed: Mapped[int]
    """How many were in the pool, itself among them: each was drawn with probability 1 by this."""
    drawn_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("dataset_id", "position"),)


class ReviewedExample(Base):
    """An example that was settled, be it undone since. Rows are only ever added.

    It had left the pool before draw t if `left_after < t`, or if it was drawn before t itself.
    Canaries are no reviews. No foreign keys: a batch writes a million at once.
    """

    __tablename__ = "reviewed_examples"

    dataset_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    left_after: Mapped[int]
    """How many draws had been made when it was first settled; its own among them, if drawn."""
