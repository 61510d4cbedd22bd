"""What a rule needs counted. Asked of the database once, and kept with the answer as an input."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class FlagQuestion(BaseModel):
    """Which of a scan's flags are counted."""

    model_config = ConfigDict(frozen=True)

    suspicion: float = 0.0
    """At least this suspicious."""
    label: str | None = None
    key: str | None = None
    """A pattern with * and ?."""
    new: bool = False
    """That the baseline has not."""
    changed: bool = False
    """Of examples that are not as in the baseline."""
    unreviewed: bool = False
    per_class: bool = False

    @property
    def needs_baseline(self) -> bool:
        return self.new or self.changed
