"""What the client's methods return: frozen dataclasses with the API's names.

Members that this version does not know are left out, so an older client reads a newer service.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from typing import Any, ClassVar, Literal, Self

UNFINISHED = ("queued", "running", "finalising")


@dataclass(frozen=True)
class Record:
    """Base: how a JSON object becomes one of these, and one again."""

    _readers: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    """What turns a member that is not null into what the attribute holds."""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Raises KeyError: a member is missing; ValueError: one is not what it should be."""
        found = {}
        for each in fields(cls):
            if each.name not in values and each.default is not MISSING:
                continue
            value = values[each.name]
            read = cls._readers.get(each.name)
            found[each.name] = value if read is None or value is None else read(value)
        return cls(**found)

    def to_json(self) -> dict[str, Any]:
        """The API's object once more, as far as this version knows it."""
        return {each.name: _as_json(getattr(self, each.name)) for each in fields(self)}


def _as_json(value: Any) -> Any:
    match value:
        case Record():
            return value.to_json()
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case list() | tuple():
            return [_as_json(each) for each in value]
    return value


@dataclass(frozen=True)
class FieldProblem(Record):
    """A field at fault, dotted (`columns.label`), and what to do about it."""

    field: str
    message: str = ""
    remedy: str | None = None


@dataclass(frozen=True)
class Failure(Record):
    """Why a job failed."""

    title: str
    detail: str
    remedy: str | None = None
    errors: tuple[FieldProblem, ...] = ()

    _readers: ClassVar = {
        "errors": lambda found: tuple(FieldProblem.from_json(each) for each in found)
    }


_COMMON: Mapping[str, Callable[[Any], Any]] = {
    "failure": Failure.from_json,
    **dict.fromkeys(
        ("created_at", "ready_at", "started_at", "finished_at"), datetime.fromisoformat
    ),
}


@dataclass(frozen=True)
class Me(Record):
    """Whose key it is, and what it may do in its project."""

    principal_id: str
    name: str
    kind: str
    role: str
    project: str


@dataclass(frozen=True)
class Dataset(Record):
    """An immutable registered version of a data set.

    `example_count` and all that indexing finds are None until `status` is ready.
    """

    id: str
    name: str
    version: str
    uri: str
    format: str
    task: str
    status: Literal["registered", "indexing", "ready", "failed"]
    modality: str | None
    classes: list[str] | None
    columns: dict[str, Any] | None
    failure: Failure | None
    rows_done: int
    example_count: int | None
    rejected_count: int | None
    class_counts: dict[str, int] | None
    input_names: list[str] | None
    fingerprint: str | None
    created_at: datetime
    ready_at: datetime | None
    parent_id: str | None = None
    """The version that it is a correction of."""
    export_id: str | None = None
    on_bad_rows: str = "fail"

    _readers: ClassVar = _COMMON


@dataclass(frozen=True)
class Upload(Record):
    """A file that was sent to the service, or of which parts were."""

    id: str
    name: str
    size: int
    sha256: str
    uri: str
    status: Literal["receiving", "queued", "running", "done", "failed"]
    failure: Failure | None
    part_bytes: int
    part_count: int
    received: int
    missing: list[int]
    created_at: datetime

    _readers: ClassVar = _COMMON

    @property
    def is_over(self) -> bool:
        return self.status in ("done", "failed")


@dataclass(frozen=True)
class RejectedRow(Record):
    """A row that indexing could not use, with its position in the source."""

    row: int
    key: str | None
    reason: str


@dataclass(frozen=True)
class Run(Record):
    """A training run: dataset, model, preprocessing and loss."""

    id: str
    dataset_id: str
    name: str
    model: dict[str, Any]
    preprocessing: dict[str, Any]
    loss: str
    created_at: datetime

    _readers: ClassVar = _COMMON


@dataclass(frozen=True)
class Checkpoint(Record):
    """Saved weights at a step, with the learning rate (`eta`) in force there."""

    id: str
    run_id: str
    uri: str
    step: int
    eta: float
    sha256: str | None
    status: Literal["registered", "ready", "failed"]
    failure: Failure | None
    created_at: datetime

    _readers: ClassVar = _COMMON


@dataclass(frozen=True)
class Progress(Record):
    """How far a scan is; speed is None until there is one."""

    examples_done: int
    example_count: int
    shards_done: int
    shard_count: int
    examples_per_second: float | None
    seconds_left: float | None
    seconds_elapsed: float | None


@dataclass(frozen=True)
class ShareRange(Record):
    """A share from 0 to 1: the likeliest, and bounds."""

    estimate: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class Caught(Record):
    """Canaries of one planted class."""

    label: str
    planted: int
    caught: int
    missed: int
    caught_share: ShareRange

    _readers: ClassVar = {"caught_share": ShareRange.from_json}


@dataclass(frozen=True)
class DetectorRecall(Record):
    """How many errors, planted in memory, a scan would have flagged.

    An upper estimate: the model was not trained on these labels, as it was on the real errors.

    curve: the share of data reviewed, most suspicious first, and that of the canaries in it.
    """

    planted: int
    caught: int
    missed: int
    not_finite: int
    alpha: float
    caught_share: ShareRange
    classes: list[Caught]
    curve: list[tuple[float, float]]

    _readers: ClassVar = {
        "caught_share": ShareRange.from_json,
        "classes": lambda found: [Caught.from_json(each) for each in found],
        "curve": lambda found: [(each["reviewed"], each["caught"]) for each in found],
    }


@dataclass(frozen=True)
class Scan(Record):
    """One scoring of a dataset with a training run. `summary` is there once it is complete."""

    id: str
    run_id: str
    dataset_id: str
    layers: str | list[str]
    checkpoint_ids: list[str]
    weighting: str
    score: str
    policy: dict[str, Any]
    status: Literal["queued", "running", "finalising", "complete", "failed", "cancelled"]
    failure: Failure | None
    progress: Progress
    flagged_count: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    fresh: bool = False
    precision: str = "full"
    evidence: dict[str, Any] | None = None
    canaries: int = 0
    summary: dict[str, Any] | None = None

    _readers: ClassVar = {**_COMMON, "progress": Progress.from_json}

    @property
    def recall(self) -> DetectorRecall | None:
        """What became of its canaries. None: it planted none, or is not complete."""
        found = (self.summary or {}).get("canaries")
        return None if found is None else DetectorRecall.from_json(found)

    @property
    def is_over(self) -> bool:
        """Complete, failed or cancelled."""
        return self.status not in UNFINISHED


@dataclass(frozen=True)
class Choice(Record):
    """A way to scan, and what it costs.

    request_changes: put over the estimate's `request`, they make the request of this scan.
    seconds: from start to end with one worker; of them, w workers share `scoring_seconds`.
    memory_bytes: at its peak in one worker, of the GPU where there is one.
    rank_agreement: Spearman's correlation of its ranking with that of the scan as asked.
    """

    name: str
    label: str
    request_changes: dict[str, Any]
    seconds: float
    scoring_seconds: float
    memory_bytes: int
    disk_bytes: int
    results_to_compute: int
    results_reused: int
    rank_agreement: float | None


@dataclass(frozen=True)
class Basis(Record):
    """What was measured, from which all of an estimate is extrapolated."""

    device: str
    batch_size: int
    batches_timed: int
    examples_timed: int
    workers: int
    result_seconds: float
    read_seconds: float
    load_seconds: float
    handling_seconds: float
    disk_bytes_per_example: float
    weights_bytes: int


@dataclass(frozen=True)
class EstimateResult(Record):
    """The scan as asked comes first among the choices."""

    choices: tuple[Choice, ...]
    basis: Basis

    _readers: ClassVar = {
        "choices": lambda found: tuple(Choice.from_json(each) for each in found),
        "basis": Basis.from_json,
    }


@dataclass(frozen=True)
class Estimate(Record):
    """What a scan would cost. `result` is there once `status` is done."""

    id: str
    run_id: str
    request: dict[str, Any]
    status: Literal["queued", "running", "done", "failed"]
    failure: Failure | None
    result: EstimateResult | None
    created_at: datetime

    _readers: ClassVar = {**_COMMON, "result": EstimateResult.from_json}


@dataclass(frozen=True)
class Score(Record):
    """Everything known of one example in a scan; what is not finite is None."""

    position: int
    key: str
    given_label: str | None
    given_target: float | None
    finite: bool
    flagged: bool
    rank: int | None
    suspicion: float | None
    self_influence: float | None
    self_influence_equal: float | None
    last_layer: float | None
    loss: float | None
    margin: float | None
    el2n: float | None
    predicted_label: str | None
    predicted_value: float | None
    probability: float | None
    given_probability: float | None
    terms: list[float | None] | None


@dataclass(frozen=True)
class Flag(Record):
    """An example that the scan's policy holds for likely mislabelled."""

    position: int
    key: str
    rank: int
    suspicion: float
    given_label: str | None
    given_target: float | None
    suggested_label: str | None
    suggested_value: float | None
    reason: str


@dataclass(frozen=True)
class Influence(Record):
    """A training example, and its influence on what was asked about."""

    position: int
    key: str
    given_label: str | None
    given_target: float | None
    predicted_label: str | None
    predicted_value: float | None
    suspicion: float | None
    influence: float


def _influences(values: list[dict[str, Any]]) -> list[Influence]:
    return [Influence.from_json(each) for each in values]


@dataclass(frozen=True)
class Evidence(Record):
    """The training examples that support a label, and those that oppose it, strongest first.

    The opponents of a wrong label are, most of them, examples of the right one.
    """

    proponents: list[Influence]
    opponents: list[Influence]
    dimension: int

    _readers: ClassVar = {"proponents": _influences, "opponents": _influences}


def _answers(value: dict[str, Any] | None) -> list[Evidence] | None:
    return None if value is None else [Evidence.from_json(each) for each in value["inputs"]]


@dataclass(frozen=True)
class EvidenceRequest(Record):
    """A question about new inputs. `result` has the evidence of each once it is done."""

    id: str
    scan_id: str
    status: Literal["queued", "running", "done", "failed"]
    failure: Failure | None
    result: list[Evidence] | None
    created_at: datetime

    _readers: ClassVar = {**_COMMON, "result": _answers}
