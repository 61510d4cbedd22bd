"""What a scan's page shows of its canaries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from app.dashboard.formatting import number, percent, plural, unbroken
from app.dashboard.recall_chart import recall_chart
from app.percent import percent as in_percent
from app.scans.models import Scan

_WHY = (
    "The model was not trained on these labels, so it did not learn them by heart, as it may have "
    "learnt the real errors. And each was tried alone, while real errors take places from one "
    "another: fewer of them are found, far fewer where less is flagged than is wrong."
)


@dataclass(frozen=True)
class ClassRecall:
    name: str
    planted: int
    caught: int
    share: str
    between: str


@dataclass(frozen=True)
class RecallView:
    says: str
    caveat: str
    chart: Markup
    classes: list[ClassRecall]


def recall_view(scan: Scan) -> RecallView | None:
    """None: the scan planted nothing."""
    found: dict[str, Any] | None = (scan.summary or {}).get("canaries")
    if found is None:
        return None
    reviewed = (scan.flagged_count or 0) / max(scan.example_count, 1)
    share = found["caught_share"]
    lost = found["not_finite"]
    return RecallView(
        says=unbroken(
            f"Of {plural(found['planted'], 'error')} planted in memory, {number(found['caught'])} "
            f"would have been flagged: {percent(share['estimate'])}, {_between(share)} with "
            f"{percent(1 - found['alpha'])} confidence."
            + (f" {number(lost)} had no finite score, and count as missed." if lost else "")
        ),
        caveat=_WHY,
        chart=recall_chart(
            [(each["reviewed"], each["caught"]) for each in found["curve"]],
            at=(reviewed, share["estimate"]),
        ),
        classes=[
            ClassRecall(
                name=each["label"],
                planted=each["planted"],
                caught=each["caught"],
                share=unbroken(percent(each["caught_share"]["estimate"])),
                between=unbroken(_between(each["caught_share"])),
            )
            for each in sorted(found["classes"], key=lambda row: row["caught_share"]["estimate"])
        ],
    )


def _between(share: dict[str, float]) -> str:
    # As the page of estimates has it: no bound is told as tighter than it is.
    lowest = in_percent(share["lowest"], 1, math.floor)
    return f"between {unbroken(lowest)} and {unbroken(in_percent(share['highest'], 1, math.ceil))}"
