"""What the page of a new scan shows: ready values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.service import Caller
from app.dashboard.formatting import duration, number, percent, plural, real, size
from app.dashboard.frame import project_url, with_query
from app.datasets.models import Dataset, Task
from app.datasets.service import datasets_of
from app.jobs.models import JobStatus
from app.runs.errors import RunNotFound
from app.runs.models import Checkpoint, CheckpointStatus, TrainingRun
from app.runs.service import checkpoint_counts, get_run, list_checkpoints, list_runs
from app.scans.estimate_models import ScanEstimate
from app.scans.estimate_schemas import Basis, Choice, EstimateOut
from app.scans.models import RankedScore
from app.scans.new_scan_form import FIELDS, FieldProblem, NewScanForm, Problems, problems_of
from app.scans.views import dataset_title
from app.scans.words import SCORE_NAMES
from app.schemas import FailureOut

_RUNS_SHOWN = 200


@dataclass(frozen=True)
class RunOption:
    id: str
    label: str


@dataclass(frozen=True)
class CheckpointOption:
    id: str
    label: str
    note: str
    is_ticked: bool
    is_usable: bool


@dataclass(frozen=True)
class CostRow:
    """A way to scan, in words."""

    name: str
    label: str
    time: str
    shared: str
    memory: str
    disk: str
    compute: str
    reused: str
    alike: str
    alike_words: str


@dataclass(frozen=True)
class Cost:
    """An estimate: of an unfinished one what it waits for, of others what came out."""

    id: str
    url: str
    """The page, without a fragment: with one, a browser reloads nothing."""
    waiting: str | None
    failure: FailureOut | None
    rows: list[CostRow]
    basis: str


@dataclass(frozen=True)
class NewScanView:
    url: str
    start_choice_url: str
    form: NewScanForm
    problems: Problems
    runs: list[RunOption]
    run_words: str
    checkpoints: list[CheckpointOption]
    scores: list[tuple[str, str]]
    weightings: list[tuple[str, str]]
    precisions: list[tuple[str, str]]
    cost: Cost | None
    fields: tuple[str, ...] = field(default=FIELDS)

    @property
    def general(self) -> FieldProblem | None:
        """A problem that no field is at fault for."""
        return self.problems.get("")


def new_scan_url(caller: Caller, **query: object) -> str:
    return with_query(f"{project_url(caller)}/scans/new", **query)


def new_scan_view(
    db: Session,
    caller: Caller,
    form: NewScanForm | None,
    *,
    problems: Problems | None = None,
    estimate: ScanEstimate | None = None,
) -> NewScanView:
    """The page for the run that the form names; for the newest if there is no form."""
    runs, _ = list_runs(db, caller, limit=_RUNS_SHOWN)
    form = form or NewScanForm(run=str(runs[0].id) if runs else "")
    run = _chosen_run(db, caller, runs, form.run)
    if run is not None and run not in runs:
        runs.append(run)
    datasets = datasets_of(db, (each.dataset_id for each in runs))
    counts = checkpoint_counts(db, [each.id for each in runs])
    dataset = None if run is None else datasets[run.dataset_id]
    checkpoints = [] if run is None else list_checkpoints(db, caller, run.id)
    cost = None if estimate is None else _cost(caller, estimate)
    if cost is not None and cost.failure is not None and problems is None:
        problems = problems_of(cost.failure.model_dump())
        problems.pop("", None)  # the cost says it
    url = new_scan_url(caller)
    return NewScanView(
        url=url,
        start_choice_url=f"{url}/choice",
        form=form,
        problems=problems or {},
        runs=[
            RunOption(str(each.id), _run_label(each, datasets[each.dataset_id], counts))
            for each in runs
        ],
        run_words="" if dataset is None else _run_words(dataset),
        checkpoints=[_checkpoint(each, form) for each in checkpoints],
        scores=_scores(dataset, form),
        precisions=[
            ("full", "full: the model's own"),
            ("bf16", "bf16: quicker on a GPU, with an error that the scan states"),
            ("tf32", "tf32: a little quicker on a GPU, with a smaller error"),
        ],
        weightings=[("eta", "by learning rate, as TracIn does"), ("equal", "all alike")],
        cost=cost,
    )


def _chosen_run(
    db: Session, caller: Caller, runs: Sequence[TrainingRun], run_id: str
) -> TrainingRun | None:
    found = next((each for each in runs if str(each.id) == run_id), None)
    if found is not None:
        return found
    try:
        return get_run(db, caller, UUID(run_id))
    except (RunNotFound, ValueError):
        return None


def _run_label(run: TrainingRun, dataset: Dataset, counts: dict[UUID, int]) -> str:
    checkpoints = plural(counts.get(run.id, 0), "checkpoint")
    return f"{run.name} \N{EN DASH} {dataset_title(dataset)}, {checkpoints}"


def _run_words(dataset: Dataset) -> str:
    if dataset.example_count is None:
        return f"{dataset_title(dataset)} is not indexed yet: it is {dataset.status}."
    return f"It learnt {dataset_title(dataset)}: {plural(dataset.example_count, 'example')}."


def _scores(dataset: Dataset | None, form: NewScanForm) -> list[tuple[str, str]]:
    """Without those that make no sense for the task, unless one was chosen."""
    is_regression = dataset is not None and dataset.task == Task.regression
    left_out = {RankedScore.margin} if is_regression else set()
    return [
        (score.value, SCORE_NAMES[score])
        for score in RankedScore
        if score not in left_out or score.value == form.score
    ]


def _checkpoint(checkpoint: Checkpoint, form: NewScanForm) -> CheckpointOption:
    is_usable = checkpoint.status != CheckpointStatus.failed
    note = f"learning rate {real(checkpoint.eta)}"
    if not is_usable:
        note = f"cannot be used: {(checkpoint.failure or {}).get('detail', '')}"
    return CheckpointOption(
        id=str(checkpoint.id),
        label=f"step {number(checkpoint.step)}",
        note=note,
        is_ticked=str(checkpoint.id) in form.chosen,
        is_usable=is_usable,
    )


_WAITING = {
    JobStatus.queued: "Waiting for a worker. Those that score come to it after their shard.",
    JobStatus.running: "A worker times a few batches of your examples: some seconds.",
}


def _cost(caller: Caller, estimate: ScanEstimate) -> Cost:
    out = EstimateOut.model_validate(estimate)
    result = out.result
    return Cost(
        id=str(out.id),
        url=new_scan_url(caller, estimate=out.id),
        waiting=_WAITING.get(out.status),
        failure=out.failure,
        rows=[] if result is None else [_cost_row(each) for each in result.choices],
        basis="" if result is None else _basis(result.basis, result.choices[0]),
    )


def _cost_row(choice: Choice) -> CostRow:
    total = choice.results_to_compute + choice.results_reused
    alike = choice.rank_agreement
    return CostRow(
        name=choice.name,
        label=choice.label,
        time=duration(choice.seconds),
        shared=f"{percent(choice.scoring_seconds / choice.seconds)} of it shared by workers",
        memory=size(choice.memory_bytes),
        disk=size(choice.disk_bytes),
        compute=f"{number(choice.results_to_compute)} to compute",
        reused=f"{number(choice.results_reused)} of {number(total)} held already"
        if choice.results_reused
        else "",
        alike="" if alike is None else f"{alike:.2f}".replace("-", "\N{MINUS SIGN}"),
        alike_words=_alike_words(choice),
    )


def _alike_words(choice: Choice) -> str:
    alike = choice.rank_agreement
    if choice.name == "as_asked":
        return "is the measure"
    if alike is None:
        return "not measured: it would have taken too long"
    if alike >= 0.95:
        return "nearly the same order"
    return "a similar order" if alike >= 0.8 else "another order"


def _basis(basis: Basis, asked: Choice) -> str:
    on = "the CPU" if basis.device == "cpu" else basis.device
    return (
        f"Timed on {on}: {plural(basis.examples_timed, 'example')} in "
        f"{plural(basis.batches_timed, 'batch', 'batches')} of "
        f"{number(min(basis.batch_size, basis.examples_timed))}, "
        f"{duration_of_one(basis.result_seconds)} for an example and checkpoint. Times are for one "
        f"worker that has nothing else to do; several share the scoring, which is "
        f"{duration(asked.scoring_seconds)} of the scan as asked. Memory is a worker's at its "
        f"peak; disk is {size(basis.disk_bytes_per_example)} an example, database included. "
        "How alike two rankings are is measured on the timed examples (Spearman's correlation: 1 "
        "is the same order)."
    )


def duration_of_one(seconds: float) -> str:
    """`12.3 µs`, `4.56 ms`, or as any duration from a second on."""
    if seconds >= 1:
        return duration(seconds)
    return f"{real(1e3 * seconds)} ms" if seconds >= 1e-3 else f"{real(1e6 * seconds)} µs"
