"""What the page of one verdict shows: ready values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup
from sqlalchemy.orm import Session

from app.access.models import Role
from app.access.service import Caller
from app.dashboard.charts import share_bar
from app.dashboard.formatting import number, plural, real, unbroken
from app.dashboard.frame import Place, project_url, with_query
from app.datasets.models import Dataset, Modality
from app.datasets.service import get_dataset
from app.datasets.shown import Shown, shown_examples
from app.datasets.views import dataset_url, estimate_url
from app.gates.facts import Inputs
from app.gates.follow_up import questions_open
from app.gates.limits import direction, limit_of, unit_of
from app.gates.pictures import Held, limit_picture, mark
from app.gates.policy import (
    Agreement,
    DetectorRecall,
    EstimatedShare,
    Fingerprint,
    FoundWrong,
    Rule,
    ScanAge,
    WrongLabels,
)
from app.gates.results import RuleResult, Status, WorstExample
from app.gates.schemas import EvaluationOut, ExplanationOut
from app.gates.sentences import sentence
from app.gates.words import percent
from app.runs.service import newest_run_on
from app.scans.gallery import Card
from cleantrace.reports.report import IN_WORDS, Report, waiver

_SHOWN = 12
_LONGEST_TEXT = 420
_MOST_CELLS = 12


@dataclass(frozen=True)
class RuleView:
    """What became of a rule."""

    id: str
    status: str
    mark: Markup
    asks: str
    reason: str
    remedy: str | None
    waiver: str | None
    picture: Markup | None


@dataclass(frozen=True)
class Step:
    """Something to do next; `makes` if pressing it makes it at once."""

    name: str
    why: str
    url: str
    makes: bool = False


@dataclass(frozen=True)
class Gallery:
    modality: str
    cards: list[Card]


@dataclass(frozen=True)
class EvaluationView:
    url: str
    title: str
    verdict: str
    headline: Markup
    on: str
    dataset_url: str
    policy: str
    policy_url: str
    at: datetime
    by: str
    scan_url: str | None
    baseline: Place | None
    compared: str | None
    summary: str
    rules: list[RuleView]
    steps: list[Step]
    examples: Gallery | None
    more_examples: Gallery | None
    examples_words: str
    repeats: bool
    evaluation_id: str


def gates_url(caller: Caller) -> str:
    return f"{project_url(caller)}/gates"


def policy_url(caller: Caller, name: str, version: int | None = None) -> str:
    return with_query(f"{gates_url(caller)}/policies/{name}", version=version)


def evaluations_url(caller: Caller) -> str:
    return f"{project_url(caller)}/gate-evaluations"


def evaluation_view(db: Session, caller: Caller, found: ExplanationOut) -> EvaluationView:
    evaluation, inputs = found.evaluation, found.inputs
    dataset = get_dataset(db, caller, evaluation.dataset.id)
    report = Report(evaluation.model_dump(mode="json"))
    base, scan = project_url(caller), evaluation.scan
    scan_url = f"{base}/scans/{scan.id}" if scan else None
    url = f"{evaluations_url(caller)}/{evaluation.id}"
    cards = _cards(dataset, base, scan_url, evaluation.worst) if scan_url else []
    modality = dataset.modality or Modality.table.value
    return EvaluationView(
        url=url,
        title=f"{report.verdict}: {report.policy}",
        verdict=evaluation.verdict.value,
        headline=mark(evaluation.verdict.value, report.verdict),
        on=report.dataset,
        dataset_url=dataset_url(caller, dataset),
        policy=report.policy,
        policy_url=policy_url(caller, evaluation.policy.name, evaluation.policy.version),
        at=evaluation.at,
        by=evaluation.by,
        scan_url=scan_url,
        baseline=_baseline(base, evaluation),
        compared=None
        if evaluation.changed_examples is None
        else f"{plural(evaluation.changed_examples, 'example')} new or changed",
        summary=_summary(evaluation),
        rules=_rules(report, inputs, evaluation),
        steps=list(_steps(db, caller, dataset, found, url)),
        examples=Gallery(modality, cards[:_SHOWN]) if cards else None,
        more_examples=Gallery(modality, cards[_SHOWN:]) if cards[_SHOWN:] else None,
        examples_words=f"{plural(len(cards), 'example')} behind what is not met, the most "
        "suspicious first; those that nobody has decided come before.",
        repeats=found.repeats,
        evaluation_id=str(evaluation.id),
    )


def _baseline(base: str, evaluation: EvaluationOut) -> Place | None:
    found = evaluation.baseline
    if found is None:
        return None
    return Place(f"{found.name} {found.version}", f"{base}/datasets/{found.dataset_id}")


def _summary(evaluation: EvaluationOut) -> str:
    """`1 of 4 rules failed, 1 passed with a warning.`"""
    counts = [
        (sum(rule.status is status for rule in evaluation.rules), words)
        for status, words in (
            (Status.fail, "failed"),
            (Status.no_verdict, "without a verdict"),
            (Status.warn, "with a warning"),
            (Status.waived, "waived"),
            (Status.passed, "passed"),
        )
    ]
    told = ", ".join(f"{number(count)} {words}" for count, words in counts if count)
    return f"{plural(len(evaluation.rules), 'rule')}: {told}."


def _rules(report: Report, inputs: Inputs, evaluation: EvaluationOut) -> list[RuleView]:
    asked = {rule.name: rule for rule in inputs.policy.rules}
    results = {rule.id: rule for rule in evaluation.rules}
    return [
        RuleView(
            id=told["id"],
            status=told["status"],
            mark=mark(told["status"], IN_WORDS[told["status"]]),
            asks=unbroken(sentence(asked[told["id"]])),
            reason=unbroken(told["reason"]),
            remedy=None if told["status"] == "pass" else told["remedy"],
            waiver=waiver(told),
            picture=rule_picture(asked[told["id"]], results[told["id"]], inputs),
        )
        for told in report.rules
    ]


def rule_picture(rule: Rule, result: RuleResult, inputs: Inputs) -> Markup | None:
    """None where there is no number, or nothing to hold it against."""
    limit = limit_of(rule)
    if result.value is None or isinstance(rule, Fingerprint):
        return None
    if limit is None and result.baseline is None:
        return None
    in_words = unit_of(rule)
    other_end, likeliest = _interval(rule, inputs)
    return limit_picture(
        Held(
            value=result.value,
            told=result.measured or in_words(result.value),
            limit=limit,
            baseline=result.baseline,
            finding=result.finding,
            less_is_better=direction(rule) > 0,
            is_share=in_words is percent,
            in_words=in_words,
            other_end=other_end,
            likeliest=likeliest,
        )
    )


def _interval(rule: Rule, inputs: Inputs) -> tuple[float | None, float | None]:
    """Where the number is a bound: the other one, and what is likeliest."""
    if isinstance(rule, DetectorRecall):
        found = inputs.facts.recall
        return None if found is None else found.highest, None
    if not isinstance(rule, WrongLabels):
        return None, None
    asked = (rule.confidence, rule.label, rule.key)
    for each in inputs.facts.wrong_labels:
        if (each.confidence, each.label, each.key) == asked:
            if rule.of == "after":
                return each.lower_after, each.estimate_after
            return each.lower_before, each.estimate_before
    return None, None


def _steps(
    db: Session, caller: Caller, dataset: Dataset, found: ExplanationOut, url: str
) -> Iterator[Step]:
    """What to do about rules that are not met, each once."""
    evaluation, inputs = found.evaluation, found.inputs
    statuses = {rule.id: rule.status for rule in evaluation.rules}
    unmet = [
        rule
        for rule in inputs.policy.rules
        if statuses[rule.name] not in (Status.passed, Status.waived)
    ]
    base, is_engineer = project_url(caller), caller.role.includes(Role.engineer)
    scan = evaluation.scan
    if is_engineer and scan and evaluation.worst and questions_open(inputs, evaluation):
        yield Step(
            "Make a queue of the unreviewed flags",
            "Those that the rules are about and that nobody has decided, as they are now.",
            f"{url}/queue",
            makes=True,
        )
    estimate = estimate_url(caller, dataset)
    if estimate and any(isinstance(rule, WrongLabels | EstimatedShare) for rule in unmet):
        yield Step(
            "How many labels are wrong",
            "What the audits say so far, and how many more it takes.",
            estimate,
        )
    people_needed = any(
        isinstance(rule, WrongLabels | EstimatedShare | Agreement) for rule in unmet
    )
    if is_engineer and scan and people_needed:
        yield Step(
            "Make another queue",
            "With audits, or for two people each: both are asked for in its form.",
            with_query(f"{base}/queues/new", scan=scan.id),
        )
    if any(isinstance(rule, FoundWrong) for rule in unmet):
        yield Step(
            "Export the corrections",
            "And register the corrected data as a new version.",
            f"{dataset_url(caller, dataset)}/exports",
        )
    stale = scan is None or any(isinstance(rule, ScanAge) for rule in unmet)
    weak = any(isinstance(rule, DetectorRecall) for rule in unmet)
    run = newest_run_on(db, caller, dataset.id) if is_engineer and (stale or weak) else None
    if run is not None:
        yield Step(
            "Scan it",
            "There is no verdict on scores that are missing or stale."
            if stale
            else "With more errors planted, or more flagged: what was computed is not again.",
            with_query(f"{base}/scans/new", run=run.id),
        )
    if is_engineer and evaluation.policy.version is not None:
        yield Step(
            "Check again",
            "What people decided since then counts.",
            with_query(
                f"{gates_url(caller)}/check", gate=evaluation.policy.name, dataset=dataset.id
            ),
        )


def _cards(dataset: Dataset, base: str, scan_url: str, worst: list[WorstExample]) -> list[Card]:
    return [
        Card(
            url=f"{scan_url}/examples/{each.position}",
            name=each.key,
            key=each.key,
            shown=shown,
            given=each.given,
            suggested=each.suggested,
            is_flagged=True,
            bar=share_bar(each.suspicion),
            reason=unbroken(each.reason),
            number=f"#{number(each.rank)}",
            number_words=f"rank {each.rank}, suspicion {real(each.suspicion)}",
        )
        for each, shown in zip(worst, _contents(dataset, base, worst), strict=True)
    ]


def _contents(dataset: Dataset, base: str, worst: list[WorstExample]) -> list[Shown]:
    if dataset.store is None:
        return [Shown(text=each.snippet or "") for each in worst]
    return shown_examples(
        dataset,
        base,
        [each.position for each in worst],
        longest_text=_LONGEST_TEXT,
        most_cells=_MOST_CELLS,
    )
