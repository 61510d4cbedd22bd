"""By what the points of a scatter may be told apart."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.access.service import Caller
from app.dashboard.formatting import shortened
from app.reviews.queues import list_queues
from app.scans.results import Results

MOST_CLASSES = 10  # more shapes than this look alike
_QUEUES_OFFERED = 20


@dataclass(frozen=True)
class Colour:
    value: str
    """`flagged`, `given` or a queue's id."""
    name: str
    is_queue: bool = False

    @property
    def kind(self) -> str:
        return "outcome" if self.is_queue else self.value


def colours_of(db: Session, caller: Caller, found: Results) -> list[Colour]:
    """The usual one first; the latest queues of the dataset last."""
    colours = [Colour("flagged", "whether flagged")]
    if found.dataset.classes and len(found.dataset.classes) <= MOST_CLASSES:
        colours.append(Colour("given", "given class"))
    queues, _ = list_queues(db, caller, dataset_id=found.dataset.id, limit=_QUEUES_OFFERED)
    return colours + [
        Colour(str(queue.id), f"outcome in {shortened(queue.name, 40)}", is_queue=True)
        for queue in queues
    ]
