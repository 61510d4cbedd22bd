"""How far an export is, as its row keeps it: what a next worker goes on from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Part:
    """A finished part of the file in hand: an artifact, and where in the source its rows end.

    Attributes:
        rows: of the file's source (of a patch: decisions) that are done once it is.
        examples: of the dataset that are done once it is.
        written: rows in it.
    """

    artifact: str
    rows: int
    examples: int
    written: int


@dataclass
class Progress:
    """
    Attributes:
        save: keeps it in the row. Raises LeaseLost.
        decisions: the artifact with what was decided, or with what is to be.
        taken: counts of it; empty until it is there.
        files: those that are whole, as the result lists them; with `examples` as in `Part`.
        parts: of the file in hand, in order.
        fingerprint: that registering the files gives.
    """

    save: Callable[[Progress], None]
    decisions: str | None = None
    taken: dict[str, Any] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    fingerprint: str | None = None

    @classmethod
    def of(cls, kept: dict[str, Any] | None, save: Callable[[Progress], None]) -> Self:
        values = {name: value for name, value in (kept or {}).items() if name != "artifacts"}
        values["parts"] = [Part(**part) for part in values.get("parts", [])]
        return cls(save=save, **values)

    def as_json(self) -> dict[str, Any]:
        names = ("decisions", "taken", "files", "fingerprint")
        parts = [asdict(part) for part in self.parts]
        kept = {name: getattr(self, name) for name in names}
        return kept | {"parts": parts, "artifacts": self._artifacts()}

    def _artifacts(self) -> list[str]:
        """Those that the sweep of the store must leave alone."""
        found = [file["artifact"] for file in self.files]
        found += [part.artifact for part in self.parts]
        return found if self.decisions is None else [*found, self.decisions]

    @property
    def examples_done(self) -> int:
        if self.parts:
            return self.parts[-1].examples
        return int(self.files[-1]["examples"]) if self.files else 0

    @property
    def rows_done(self) -> int:
        """Rows written."""
        return sum(file["rows"] for file in self.files) + sum(part.written for part in self.parts)

    def add(self, part: Part) -> None:
        self.parts.append(part)
        self.save(self)

    def finish_file(self, file: dict[str, Any]) -> list[str]:
        """Returns the artifacts that are needed no more."""
        dropped = [part.artifact for part in self.parts]
        self.files.append(file)
        self.parts = []
        self.save(self)
        return dropped
