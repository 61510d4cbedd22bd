"""Which of a scan's examples a page lists: the filter, held in the address alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query

from app.scans.schemas import Order


class Which(StrEnum):
    """Which examples are listed."""

    flagged = "flagged"
    all = "all"
    not_finite = "not_finite"


ORDER_NAMES = {
    Order.rank: "suspicion",
    Order.self_influence: "self-influence",
    Order.last_layer: "last layer's part",
    Order.loss: "loss",
    Order.margin: "margin",
    Order.el2n: "EL2N",
    Order.given_probability: "given label's probability",
    Order.position: "position",
}
_CLASSIFICATION_ONLY = {Order.margin, Order.given_probability}


def orders(is_classification: bool) -> list[tuple[str, str]]:
    """Value and name of each order that makes sense for the task."""
    return [
        (order.value, name)
        for order, name in ORDER_NAMES.items()
        if is_classification or order not in _CLASSIFICATION_ONLY
    ]


@dataclass(frozen=True)
class Listing:
    """A filter, an order and a page of a scan's examples."""

    which: Which = Which.flagged
    label: str | None = None
    suggested: str | None = None
    order: Order = Order.rank
    after: str | None = None

    @property
    def query(self) -> str:
        """As the query of an address: `?…`, or nothing for the list one meets first."""
        values = {
            "which": self.which.value if self.which is not Which.flagged else None,
            "label": self.label,
            "suggested": self.suggested,
            "order": self.order.value if self.order is not Order.rank else None,
            "after": self.after,
        }
        encoded = urlencode({name: value for name, value in values.items() if value is not None})
        return f"?{encoded}" if encoded else ""

    def but(self, **changes: object) -> Listing:
        """The same with some parts changed; another filter begins at its first page."""
        return replace(self, **({"after": None} | changes))  # type: ignore[arg-type]

    @property
    def is_filtered(self) -> bool:
        return self.but() != Listing()


def _listing(
    which: Which = Which.flagged,
    label: Annotated[str | None, Query(max_length=500)] = None,
    suggested: Annotated[str | None, Query(max_length=500)] = None,
    order: Order = Order.rank,
    after: str | None = None,
) -> Listing:
    # A form without scripts sends what was not chosen as an empty text.
    return Listing(which, label or None, suggested or None, order, after or None)


AskedListing = Annotated[Listing, Depends(_listing)]
