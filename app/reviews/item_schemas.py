"""Items, verdicts and what became of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from app.reviews.models import ItemRole, ItemState, SettledBy, VerdictKind
from app.schemas import In, Name, Out

Comment = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*$")]


class ItemOut(Out):
    """An item as a reviewer sees it."""

    position: int = Field(description="The example's position in its dataset; names the item.")
    key: str
    place: int | None = Field(description="In the queue's order, from 1; null in a blind queue.")
    given_label: str | None
    given_target: float | None
    suggested_label: str | None = Field(description="Null if the queue does not show it.")
    suggested_value: float | None
    priority: float | None = Field(
        description="The ordering score; null if it has none, and in a blind queue."
    )
    state: ItemState
    votes: int = Field(description="Verdicts that stand.")
    adjudicates: bool = Field(description="Held to settle a disagreement.")
    expires_at: datetime = Field(description="When the claim ends, if it is not renewed.")


class HolderOut(Out):
    position: int
    key: str
    principal_id: UUID
    name: str
    adjudicates: bool
    expires_at: datetime


class NothingLeft(Out):
    """Why there is nothing to give out, and what may come yet."""

    held: list[HolderOut] = Field(description="Who holds what until when; the first 100.")
    held_count: int
    skipped: int = Field(description="Items that the caller skipped and may take up again.")
    disputed: int = Field(description="Items that wait for an adjudicator.")


class NextOut(Out):
    items: list[ItemOut] = Field(
        description="The first is to be decided, the rest are prefetched. In the queue's order; in "
        "a blind queue as they were claimed. All are claimed."
    )
    nothing_left: NothingLeft | None


class ClaimOut(Out):
    position: int
    expires_at: datetime


class ReleasedOut(Out):
    released: int


class VerdictIn(In):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "relabel",
                    "label": "dog",
                    "seconds": 3.2,
                    "token": "7b0f9f6e-2f0e-4b0f-9c85-1f6d6f0f3f55",
                }
            ]
        }
    )

    kind: Literal["right", "relabel", "unusable", "unsure", "skip"] = Field(
        description="`right`: the given label. `unsure` leaves it to others; `skip` says nothing."
    )
    label: Name | None = Field(None, description="With `relabel`: a class of the dataset.")
    value: float | None = Field(
        None, allow_inf_nan=False, description="With `relabel` in a regression: the number."
    )
    comment: Comment | None = None
    seconds: float | None = Field(
        None, ge=0, le=86_400, allow_inf_nan=False, description="Time that the decision took."
    )
    token: UUID = Field(
        description="Made by the sender, new for each decision: a repeat with the same token "
        "changes nothing and gets the first answer."
    )
    adjudicate: bool = Field(False, description="Settle a disputed item, as an adjudicator.")


class VerdictOut(Out):
    """One line of the append-only log."""

    id: int
    position: int
    key: str
    principal_id: UUID
    kind: VerdictKind
    label: str | None = Field(description="What the label should be, for `right` too.")
    value: float | None
    comment: str | None
    seconds: float | None
    at: datetime
    token: UUID
    undoes: int | None = Field(description="With `undo`: the id of the verdict taken back.")
    batch_id: UUID | None
    adjudicates: bool
    counted: bool = Field(
        description="False: others had filled the item before. It is kept, but decides nothing."
    )
    item_state: ItemState = Field(description="The item's state after it.")


class HistoryOut(VerdictOut):
    is_undone: bool


class UndoIn(In):
    steps: int = Field(1, ge=1, le=100, description="How many of the caller's verdicts.")
    token: UUID = Field(description="As with a verdict: a repeat changes nothing.")


class OutcomeOut(Out):
    """What an item came to."""

    settled_by: SettledBy
    kind: VerdictKind
    label: str | None
    value: float | None


class MineView(Out):
    """What the caller says of an item."""

    kind: VerdictKind
    label: str | None
    value: float | None


class ItemView(Out):
    """An item as it stands, claimed or not."""

    position: int
    key: str
    role: ItemRole | None = Field(
        description="`flag`: the queue's policy chose it. `audit`: drawn at random. `canary`: "
        "shown with a label that is not its own. Null for reviewers in a blind queue, as are "
        "`place`, `suggested_…` and `priority`."
    )
    place: int | None = Field(
        description="In the queue's order, from 1. What was drawn comes before, from 0 down."
    )
    given_label: str | None
    given_target: float | None
    suggested_label: str | None = Field(
        description="Null for reviewers if the queue does not show it."
    )
    suggested_value: float | None
    priority: float | None
    state: ItemState
    votes: int
    outcome: OutcomeOut | None
    mine: MineView | None = Field(description="The caller's standing verdict; null in lists.")
    expires_at: datetime | None = Field(
        description="When the caller's claim ends, if they hold it."
    )
    adjudicates: bool
