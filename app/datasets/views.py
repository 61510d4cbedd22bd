"""What the dataset pages show: ready values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from app.access.models import Role
from app.access.service import Caller
from app.dashboard.charts import share_bar
from app.dashboard.formatting import number, percent, plural
from app.dashboard.frame import project_url, with_query
from app.datasets.models import BadRows, Dataset, DatasetStatus, RejectedRow
from app.schemas import FailureOut

UNFINISHED = (DatasetStatus.registered, DatasetStatus.indexing)
# Indexing keeps the first rejected rows of a data set only.
_MOST_REJECTED = 1000


def dataset_url(caller: Caller, dataset: Dataset) -> str:
    return f"{project_url(caller)}/datasets/{dataset.id}"


def estimate_url(caller: Caller, dataset: Dataset) -> str | None:
    """Of the page of its wrong labels, for all but reviewers, whom a blind queue keeps from it."""
    if dataset.status != DatasetStatus.ready or caller.role is Role.reviewer:
        return None
    return f"{dataset_url(caller, dataset)}/estimate"


@dataclass(frozen=True)
class DatasetRow:
    """A dataset in the list."""

    id: str
    url: str
    estimate_url: str | None
    title: str
    what: str
    status: str
    note: str
    examples: int | None
    classes: int | None
    created_at: datetime


def _what(dataset: Dataset) -> str:
    return " · ".join(filter(None, [dataset.task, dataset.modality]))


def dataset_rows(caller: Caller, datasets: Sequence[Dataset]) -> list[DatasetRow]:
    return [
        DatasetRow(
            id=str(dataset.id),
            url=dataset_url(caller, dataset),
            estimate_url=estimate_url(caller, dataset),
            title=f"{dataset.name} {dataset.version}",
            what=_what(dataset),
            status=dataset.status,
            note=_note(dataset),
            examples=dataset.example_count,
            classes=len(dataset.classes) if dataset.classes else None,
            created_at=dataset.created_at,
        )
        for dataset in datasets
    ]


def _note(dataset: Dataset) -> str:
    if dataset.failure:
        return str(dataset.failure.get("detail", ""))
    if dataset.status in UNFINISHED:
        return f"{plural(dataset.rows_done, 'row')} read" if dataset.rows_done else ""
    return f"{plural(dataset.rejected_count, 'row')} rejected" if dataset.rejected_count else ""


@dataclass(frozen=True)
class ClassCount:
    name: str
    count: int
    share: str
    bar: Markup


@dataclass(frozen=True)
class DatasetView:
    """A dataset's page."""

    title: str
    status: str
    facts: list[str]
    created_at: datetime
    scans_url: str
    estimate_url: str | None
    """None: there is nothing to estimate, or the caller may be not to know."""
    exports_url: str | None
    changes_url: str | None
    verdicts_url: str
    parent_url: str | None
    failure: FailureOut | None
    retry_url: str | None
    is_unfinished: bool
    progress_words: str
    stats: list[tuple[str, str, str]]
    classes: list[ClassCount]
    rejected: Sequence[RejectedRow]
    rejected_words: str
    first_url: str | None
    next_url: str | None
    registered: list[tuple[str, str]]


def dataset_view(
    caller: Caller,
    dataset: Dataset,
    rejected: Sequence[RejectedRow],
    *,
    after: str | None,
    following: str | None,
) -> DatasetView:
    url = dataset_url(caller, dataset)
    may_retry = caller.role.includes(Role.engineer) and dataset.status == DatasetStatus.failed
    return DatasetView(
        title=f"{dataset.name} {dataset.version}",
        status=dataset.status,
        facts=[_what(dataset), dataset.format],
        created_at=dataset.created_at,
        scans_url=with_query(f"{project_url(caller)}/scans", dataset=dataset.id),
        estimate_url=estimate_url(caller, dataset),
        exports_url=f"{url}/exports" if dataset.status == DatasetStatus.ready else None,
        changes_url=f"{url}/changes" if dataset.status == DatasetStatus.ready else None,
        verdicts_url=with_query(f"{project_url(caller)}/gate-evaluations", dataset=dataset.id),
        parent_url=f"{project_url(caller)}/datasets/{dataset.parent_id}"
        if dataset.parent_id
        else None,
        failure=FailureOut.model_validate(dataset.failure) if dataset.failure else None,
        retry_url=f"{url}/retry" if may_retry else None,
        is_unfinished=dataset.status in UNFINISHED,
        progress_words=f"{plural(dataset.rows_done, 'row')} read so far.",
        stats=_stats(dataset),
        classes=_classes(dataset),
        rejected=rejected,
        rejected_words=_rejected_words(dataset, len(rejected)),
        first_url=url if after else None,
        next_url=with_query(url, after=following) if following else None,
        registered=_registered(dataset),
    )


def _stats(dataset: Dataset) -> list[tuple[str, str, str]]:
    if dataset.example_count is None:
        return []
    stats = [("examples", number(dataset.example_count), "accepted rows, in order")]
    if dataset.classes:
        counts = list((dataset.class_counts or {}).values()) or [0]
        smallest, largest = number(min(counts)), number(max(counts))
        stats.append(
            ("classes", number(len(dataset.classes)), f"from {smallest} to {largest} examples")
        )
    if dataset.input_names:
        names = ", ".join(dataset.input_names[:4])
        more = len(dataset.input_names) - 4
        stats.append(
            ("inputs", number(len(dataset.input_names)),
             names + (f" and {more} more" if more > 0 else ""))
        )  # fmt: skip
    note = "all rows could be used" if not dataset.rejected_count else "left out, listed below"
    stats.append(("rejected rows", number(dataset.rejected_count or 0), note))
    return stats


def _classes(dataset: Dataset) -> list[ClassCount]:
    counts = dataset.class_counts or {}
    if not dataset.classes or not counts:
        return []
    largest = max(counts.values()) or 1
    whole = sum(counts.values()) or 1
    return [
        ClassCount(
            name,
            counts.get(name, 0),
            percent(counts.get(name, 0) / whole),
            share_bar(counts.get(name, 0) / largest, "plain"),
        )
        for name in dataset.classes
    ]


def _rejected_words(dataset: Dataset, shown: int) -> str:
    count = dataset.rejected_count or shown
    words = f"{plural(count, 'row')} could not be used; positions are those in the source, from 0."
    return (
        f"{words} The first {number(_MOST_REJECTED)} are kept." if count > _MOST_REJECTED else words
    )


def _registered(dataset: Dataset) -> list[tuple[str, str]]:
    columns = dataset.columns or {}

    def column(value: object) -> str:
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    rows = [("location", dataset.uri), ("format", dataset.format)]
    rows += [
        (
            f"{name.replace('_', ' ')} column" if name != "label_file" else "label file",
            column(value),
        )
        for name, value in columns.items()
        if value is not None
    ]
    skip = dataset.on_bad_rows == BadRows.skip
    rows.append(("bad rows", "left out and listed" if skip else "fail the indexing"))
    if dataset.fingerprint:
        rows.append(("fingerprint", dataset.fingerprint))
    rows.append(("id", str(dataset.id)))
    return rows
