"""What a gate asks for: rules, and waivers of them. The published JSON Schema is made from this."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from app.datasets.key_patterns import KeyPattern
from app.gates.questions import FlagQuestion
from app.schemas import In, Name, Text

SCHEMA_ID = "urn:cleantrace:gate-policy:1"
_MOST_RULES = 100
NAME = re.compile(r"^[a-z][a-z0-9_-]{0,63}$")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Level(StrEnum):
    fail = "fail"
    warn = "warn"


def _is_date(value: Any) -> Any:
    # Otherwise a number would be taken for seconds since 1970.
    if isinstance(value, str) and not _DATE.fullmatch(value):
        raise ValueError("a date is written as 2026-12-31")
    if not isinstance(value, str | date):
        raise ValueError("a date is a text such as 2026-12-31")
    return value


def _is_time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError("no such time zone; write one such as UTC or Europe/Berlin") from error
    return value


RuleId = Annotated[str, StringConstraints(pattern=NAME.pattern)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Suspicion = Annotated[Fraction, Field(description="Only flags at least this suspicious.")]
Label = Annotated[Text, Field(max_length=1000, description="Only examples given this class.")]
Ratchet = Annotated[
    bool, Field(description="Never worse than the baseline; with a limit as well, both hold.")
]
OnlyChanged = Annotated[
    bool, Field(description="Only examples that are new, or other, than in the baseline.")
]


class Rule(In):
    """What every rule has."""

    rule: str
    id: RuleId | None = Field(None, description="Its name in reports; the kind if not given.")
    level: Level = Field(
        Level.fail, description="`warn`: reported, and stops nothing unless asked with --strict."
    )

    @property
    def name(self) -> str:
        return self.id or self.rule

    def question(self) -> FlagQuestion | None:
        """What must be counted to judge it; None if it is not about flags."""
        return None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for fault in self._faults():
            raise ValueError(fault)
        return self

    def _faults(self) -> Iterator[str]:
        values = self.__dict__
        limits = [name for name in values if name.startswith(("at_most", "at_least"))]
        given = [name for name in limits if values[name] is not None]
        if len(given) > 1:
            yield f"give one of {' and '.join(given)}, not both"
        if limits and not given and not values.get("ratchet"):
            others = " or ratchet: true" if "ratchet" in values else ""
            yield f"give a limit: {' or '.join(limits)}{others}"
        if values.get("ratchet") and values.get("only_changed"):
            yield "a ratchet compares whole versions: leave out ratchet or only_changed"


class WrongLabels(Rule):
    """The upper bound of the share of wrong labels, from audits."""

    rule: Literal["wrong_labels"]
    at_most: Fraction | None = None
    confidence: float = Field(0.95, ge=0.5, le=0.9999)
    of: Literal["after", "before"] = Field(
        "after", description="After the corrections made so far, or before them."
    )
    label: Label | None = None
    key: KeyPattern | None = None
    ratchet: Ratchet = False


class EstimatedShare(Rule):
    """The most likely share of wrong labels, from audits."""

    rule: Literal["estimated_share"]
    at_most: Fraction | None = None
    of: Literal["after", "before"] = Field(
        "after", description="After the corrections made so far, or before them."
    )
    label: Label | None = None
    key: KeyPattern | None = None
    ratchet: Ratchet = False


class NewFlags(Rule):
    """Flags that the baseline has not: of examples that are new there, or were not flagged."""

    rule: Literal["new_flags"]
    at_most: Count | None = 0
    suspicion: Suspicion = 0.0
    label: Label | None = None
    key: KeyPattern | None = None

    def question(self) -> FlagQuestion:
        return FlagQuestion(suspicion=self.suspicion, label=self.label, key=self.key, new=True)


class UnreviewedFlags(Rule):
    """Flags above a suspicion that nobody has decided."""

    rule: Literal["unreviewed_flags"]
    at_most: Count | None = None
    suspicion: Suspicion = 0.0
    label: Label | None = None
    key: KeyPattern | None = None
    only_changed: OnlyChanged = False
    ratchet: Ratchet = False

    def question(self) -> FlagQuestion:
        return FlagQuestion(
            suspicion=self.suspicion,
            label=self.label,
            key=self.key,
            changed=self.only_changed,
            unreviewed=True,
        )


class FoundWrong(Rule):
    """Labels that people found wrong, and that this version still has."""

    rule: Literal["found_wrong"]
    at_most: Count | None = 0
    label: Label | None = None
    key: KeyPattern | None = None


class Flags(Rule):
    """Flags of the whole dataset, of a class or of a slice."""

    rule: Literal["flags"]
    at_most: Count | None = None
    at_most_share: Fraction | None = None
    suspicion: Suspicion = 0.0
    label: Label | None = None
    key: KeyPattern | None = None
    only_changed: OnlyChanged = False
    ratchet: Ratchet = False

    def question(self) -> FlagQuestion:
        return FlagQuestion(
            suspicion=self.suspicion, label=self.label, key=self.key, changed=self.only_changed
        )


class FlagsPerClass(Rule):
    """Flags of each class: none may have more."""

    rule: Literal["flags_per_class"]
    at_most: Count | None = None
    at_most_share: Fraction | None = None
    suspicion: Suspicion = 0.0
    key: KeyPattern | None = None
    only_changed: OnlyChanged = False
    ratchet: Ratchet = False

    def question(self) -> FlagQuestion:
        return FlagQuestion(
            suspicion=self.suspicion, key=self.key, changed=self.only_changed, per_class=True
        )


class Reviewed(Rule):
    """The share that people have decided: of the flags, or of all examples."""

    rule: Literal["reviewed"]
    at_least: Fraction | None = None
    of: Literal["flags", "examples"] = "flags"
    suspicion: Suspicion = 0.0
    label: Label | None = None
    key: KeyPattern | None = None
    only_changed: OnlyChanged = False
    ratchet: Ratchet = False

    def question(self) -> FlagQuestion | None:
        if self.of == "examples":
            return None
        return FlagQuestion(
            suspicion=self.suspicion, label=self.label, key=self.key, changed=self.only_changed
        )

    def _faults(self) -> Iterator[str]:
        yield from super()._faults()
        if self.of == "examples" and (self.suspicion or self.only_changed):
            yield "suspicion and only_changed go with of: flags"


class Agreement(Rule):
    """How far people agree on what several of them decided."""

    rule: Literal["agreement"]
    at_least: float | None = Field(None, ge=-1, le=1)
    measure: Literal["alpha", "share"] = Field(
        "alpha", description="Krippendorff's alpha, or the share of items on which all agree."
    )
    min_items: int = Field(
        20, ge=1, le=2**31 - 1, description="With fewer there is no verdict: too few to say."
    )
    ratchet: Ratchet = False


class DetectorRecall(Rule):
    """The share of errors planted in memory that the scan would have flagged: its lower bound.

    With 95 % confidence for one look. Real errors, which the model was trained on, are found less
    often.
    """

    rule: Literal["detector_recall"]
    at_least: Fraction | None = None


class ScanAge(Rule):
    """Age of the scan. One that is too old gives no verdict: its scores are stale."""

    rule: Literal["scan_age"]
    at_most_days: Annotated[float, Field(gt=0, le=36_500)] | None = None


class Fingerprint(Rule):
    """The data in the repository are those that are registered."""

    rule: Literal["fingerprint"]


class ClassDrift(Rule):
    """How far the classes' shares are from the baseline's.

    Half the sum of all differences: the share of examples that would have to change their class.
    """

    rule: Literal["class_drift"]
    at_most: Fraction | None = None


AnyRule = Annotated[
    WrongLabels
    | EstimatedShare
    | NewFlags
    | UnreviewedFlags
    | FoundWrong
    | Flags
    | FlagsPerClass
    | Reviewed
    | Agreement
    | DetectorRecall
    | ScanAge
    | Fingerprint
    | ClassDrift,
    Field(discriminator="rule"),
]


class Waiver(In):
    """Lets a rule pass, whatever it finds, until a day is over."""

    rule: RuleId = Field(description="The rule's id, or its kind if it has none.")
    owner: Name = Field(description="Who answers for it.")
    reason: Annotated[Text, StringConstraints(min_length=1, max_length=2000)]
    until: Annotated[date, BeforeValidator(_is_date)] = Field(
        description="The last day on which it holds, in the policy's time zone."
    )


class Policy(In):
    """What a dataset version has to meet."""

    model_config = ConfigDict(title="Cleantrace gate policy")

    format: Literal[1] = Field(1, description="Of this file.")
    name: RuleId = Field(description="By which it is stored, and found in reports.")
    description: Annotated[Text, StringConstraints(max_length=2000)] | None = None
    time_zone: Annotated[str, AfterValidator(_is_time_zone)] = Field(
        "UTC", max_length=100, description="In which waivers' days end, such as Europe/Berlin."
    )
    rules: list[AnyRule] = Field(min_length=1, max_length=_MOST_RULES)
    waivers: list[Waiver] = Field(default_factory=list, max_length=_MOST_RULES)

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        if faults := list(self._misnamed()):
            raise ValidationError.from_exception_data("Policy", faults)
        return self

    def _misnamed(self) -> Iterator[InitErrorDetails]:
        names: set[str] = set()
        for index, rule in enumerate(self.rules):
            if rule.name in names:
                yield _fault(
                    f"a second rule is called {rule.name}: give it an id of its own",
                    ("rules", index, "id"),
                )
            names.add(rule.name)
        for index, waiver in enumerate(self.waivers):
            if waiver.rule not in names:
                known = ", ".join(sorted(names))
                yield _fault(
                    f"no rule is called {waiver.rule}; there are {known}",
                    ("waivers", index, "rule"),
                )


def _fault(message: str, place: tuple[str | int, ...]) -> InitErrorDetails:
    return InitErrorDetails(
        type=PydanticCustomError("policy_invalid", "{what}", {"what": message}),
        loc=place,
        input=None,
    )


def json_schema() -> dict[str, Any]:
    """The published schema of policy files."""
    found = Policy.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **found,
    }
