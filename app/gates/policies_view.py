"""What the pages of policies and the list of verdicts show: ready values."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from markupsafe import Markup
from sqlalchemy.orm import Session

from app.access.service import Caller
from app.dashboard.formatting import unbroken
from app.dashboard.frame import project_url
from app.datasets.service import datasets_of
from app.gates import queries
from app.gates.errors import GateNotFound
from app.gates.evaluation_view import evaluations_url, policy_url
from app.gates.pictures import VERDICTS, Past, mark, verdict_strip
from app.gates.policy import NAME, Level, Policy
from app.gates.results import Verdict
from app.gates.schemas import EvaluationRow, GateOut
from app.gates.sentences import sentence
from app.gates.service import list_policies
from cleantrace.gates import write_policy

_HISTORY = 30
_DATASETS_SHOWN = 5
_MOST_VERSIONS = 200


@dataclass(frozen=True)
class VerdictRow:
    """A verdict in a list."""

    id: str
    url: str
    mark: Markup
    gate: str
    version: str
    gate_url: str
    on: str
    dataset_url: str
    at: datetime
    by: str


@dataclass(frozen=True)
class RuleRow:
    asks: str
    warns: bool


@dataclass(frozen=True)
class GateCard:
    """A gate in the list: what it asks for, and how it stands."""

    name: str
    url: str
    version: str
    description: str | None
    rules: list[RuleRow]
    waivers: int
    strip: Markup | None
    latest: list[VerdictRow]
    more_datasets: int
    verdicts_url: str


@dataclass(frozen=True)
class VersionRow:
    version: int
    url: str
    is_current: bool
    created_at: datetime
    created_by: str


@dataclass(frozen=True)
class Line:
    """Of a difference: `added`, `removed` or `same`."""

    kind: str
    text: str


@dataclass(frozen=True)
class PolicyView:
    name: str
    title: str
    url: str
    is_stored: bool
    version: int | None
    is_latest: bool
    description: str | None
    rules: list[RuleRow]
    waivers: list[str]
    yaml: str
    versions: list[VersionRow]
    against: int | None
    difference: list[Line]
    strip: Markup | None


def evaluation_rows(db: Session, caller: Caller, rows: Sequence[EvaluationRow]) -> list[VerdictRow]:
    titles = _titles(db, rows)
    return [
        _verdict_row(caller, row, titles[row.dataset_id], version=row.gate_version, by=row.by)
        for row in rows
    ]


def _verdict_row(
    caller: Caller, row: Any, on: str, *, version: int | None = None, by: str = ""
) -> VerdictRow:
    return VerdictRow(
        id=str(row.id),
        url=f"{evaluations_url(caller)}/{row.id}",
        mark=mark(row.verdict, VERDICTS[Verdict(row.verdict)]),
        gate=row.gate,
        version="" if version is None else str(version),
        gate_url=policy_url(caller, row.gate, version),
        on=on,
        dataset_url=f"{project_url(caller)}/datasets/{row.dataset_id}",
        at=row.at,
        by=by,
    )


def gate_cards(db: Session, caller: Caller, names: Sequence[str]) -> list[GateCard]:
    """In as many statements for many gates as for few."""
    project = caller.project_id
    stored = queries.latest_policies(db, project, names)
    policies = _policies(db, caller, {name: each.policy for name, each in stored.items()}, names)
    every = queries.recent_evaluations(db, project, names, most=_HISTORY)
    recent, titles = _by_gate(every), _titles(db, every)
    latest = _by_gate(queries.latest_of_each_dataset(db, project, names))
    return [
        _card(
            caller,
            name,
            None if name not in stored else stored[name].version,
            policies[name],
            _strip(recent.get(name, []), titles),
            sorted(latest.get(name, []), key=lambda row: row.at, reverse=True),
        )
        for name in names
    ]


def _by_gate(rows: Iterable[Any]) -> dict[str, list[Any]]:
    ordered = sorted(rows, key=lambda row: row.gate)
    return {gate: list(found) for gate, found in groupby(ordered, key=lambda row: row.gate)}


def _policies(
    db: Session, caller: Caller, stored: dict[str, dict[str, Any]], names: Sequence[str]
) -> dict[str, Policy]:
    """The stored ones, or what the latest checks held datasets against. Raises GateNotFound."""
    others = [name for name in names if name not in stored]
    found = stored | queries.policies_of_latest(db, caller.project_id, others)
    for name in names:
        if name not in found:
            raise _unknown(name)
    return {name: Policy.model_validate(found[name]) for name in names}


def _unknown(name: str) -> GateNotFound:
    return GateNotFound(
        f"There is no gate {name!r} in this project.",
        field="name",
        remedy="List the gates to see their names.",
    )


def _card(
    caller: Caller,
    name: str,
    version: int | None,
    policy: Policy,
    strip: Markup | None,
    latest: Sequence[Any],
) -> GateCard:
    shown = latest[:_DATASETS_SHOWN]
    return GateCard(
        name=name,
        url=policy_url(caller, name),
        version="in a repository, not stored" if version is None else f"version {version}",
        description=policy.description,
        rules=_rule_rows(policy),
        waivers=len(policy.waivers),
        strip=strip,
        latest=[_verdict_row(caller, row, f"{row.name} {row.version}") for row in shown],
        more_datasets=len(latest) - len(shown),
        verdicts_url=f"{policy_url(caller, name)}#verdicts",
    )


def _rule_rows(policy: Policy) -> list[RuleRow]:
    return [RuleRow(unbroken(sentence(rule)), rule.level is Level.warn) for rule in policy.rules]


def _titles(db: Session, rows: Sequence[Any]) -> dict[UUID, str]:
    """Of the datasets that the rows are about."""
    datasets = datasets_of(db, {row.dataset_id for row in rows})
    return {key: f"{each.name} {each.version}" for key, each in datasets.items()}


def _strip(recent: Sequence[Any], titles: dict[UUID, str]) -> Markup | None:
    if not recent:
        return None
    oldest_first = sorted(recent, key=lambda row: row.at)
    return verdict_strip(
        [Past(Verdict(row.verdict), row.at, titles[row.dataset_id]) for row in oldest_first]
    )


def policy_view(
    db: Session, caller: Caller, name: str, *, version: int | None, against: int | None
) -> PolicyView:
    """A stored version and how it differs from another, or what came with the latest check.

    Raises:
        GateNotFound: neither is there.
    """
    if not NAME.fullmatch(name):
        raise _unknown(name)
    versions, _ = list_policies(db, caller, name=name, limit=_MOST_VERSIONS)
    shown = _chosen(versions, version) if versions else None
    policy = _policies(db, caller, {} if shown is None else {name: shown.policy}, [name])[name]
    other = _other(versions, shown, against)
    recent = queries.recent_evaluations(db, caller.project_id, [name], most=_HISTORY)
    return PolicyView(
        name=name,
        title=name if shown is None else f"{name} {shown.version}",
        url=policy_url(caller, name),
        is_stored=shown is not None,
        version=None if shown is None else shown.version,
        is_latest=shown is None or shown.version == versions[0].version,
        description=policy.description,
        rules=_rule_rows(policy),
        waivers=[
            f"{each.rule}, by {each.owner}, until {each.until}: {each.reason}"
            for each in policy.waivers
        ],
        yaml=policy_yaml(policy),
        versions=[_version_row(caller, each, shown) for each in versions],
        against=None if other is None else other.version,
        difference=[] if shown is None or other is None else _difference(other, shown),
        strip=_strip(recent, _titles(db, recent)),
    )


def _chosen(versions: Sequence[GateOut], version: int | None) -> GateOut:
    for each in versions:
        if version in (None, each.version):
            return each
    raise GateNotFound(
        f"There is no version {version} of the gate {versions[0].name!r}.",
        field="version",
        remedy="Its page lists the versions there are.",
    )


def _other(
    versions: Sequence[GateOut], shown: GateOut | None, against: int | None
) -> GateOut | None:
    """What a version is compared with: the one before unless another is asked for."""
    if shown is None or len(versions) < 2:
        return None
    wanted = against or (shown.version - 1 if shown.version > 1 else shown.version + 1)
    return next((each for each in versions if each.version == wanted), None)


def _version_row(caller: Caller, each: GateOut, shown: GateOut | None) -> VersionRow:
    return VersionRow(
        version=each.version,
        url=policy_url(caller, each.name, each.version),
        is_current=shown is not None and each.version == shown.version,
        created_at=each.created_at,
        created_by=each.created_by,
    )


def policy_yaml(policy: Policy) -> str:
    """As one would write it: without what is not said otherwise."""
    return write_policy(policy.model_dump(mode="json", exclude_defaults=True))


def _difference(before: GateOut, after: GateOut) -> list[Line]:
    kinds = {"+ ": "added", "- ": "removed", "  ": "same"}
    then, now = (policy_yaml(Policy.model_validate(each.policy)) for each in (before, after))
    return [
        Line(kinds[line[:2]], line[2:])
        for line in difflib.ndiff(then.splitlines(), now.splitlines())
        if line[:2] in kinds
    ]
