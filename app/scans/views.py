"""What the scan pages show: ready values, made from the same services as the API's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup
from sqlalchemy.orm import Session

from app.access.models import Role
from app.access.service import Caller
from app.dashboard import charts
from app.dashboard.formatting import (
    caller_name,
    duration,
    number,
    percent,
    plural,
    real,
    speed,
)
from app.dashboard.frame import project_url
from app.datasets.models import Dataset, Task
from app.datasets.service import datasets_of
from app.runs.models import TrainingRun
from app.runs.service import runs_of
from app.scans import results, words
from app.scans.listing import Listing, Which
from app.scans.models import UNFINISHED, Scan, ScanStatus
from app.scans.results import Results
from app.scans.schemas import ScanOut
from app.scans.service import describe_scans

_CLASSES_SHOWN = 24
_DOTS = 200
_LONG_FIGURE = 12


def scan_url(caller: Caller, scan: Scan) -> str:
    return f"{project_url(caller)}/scans/{scan.id}"


def events_url(caller: Caller, scan: Scan) -> str:
    return f"/api/v1{scan_url(caller, scan)}/events"


def dataset_title(dataset: Dataset) -> str:
    return f"{dataset.name} {dataset.version}"


def _left(scan: ScanOut) -> str:
    left = scan.progress.seconds_left
    return "" if left is None or scan.status not in UNFINISHED else f"about {duration(left)} left"


@dataclass(frozen=True)
class ScanRow:
    """A scan in the list."""

    id: str
    url: str
    dataset: str
    run: str
    status: str
    note: str
    events_url: str | None
    done: int
    count: int
    left: str
    flagged: int | None
    flagged_share: str
    created_at: datetime
    by: str


def scan_rows(db: Session, caller: Caller, scans: Sequence[Scan]) -> list[ScanRow]:
    """Rows of the list, in four statements however many there are."""
    datasets = datasets_of(db, (scan.dataset_id for scan in scans))
    runs = runs_of(db, (scan.run_id for scan in scans))
    rows = []
    for scan, out in zip(scans, describe_scans(db, scans), strict=True):
        note = ""
        if out.failure is not None:
            note = out.failure.detail
        elif scan.status == ScanStatus.complete:
            note = f"in {duration(out.progress.seconds_elapsed)}"
        rows.append(
            ScanRow(
                id=str(scan.id),
                url=scan_url(caller, scan),
                dataset=dataset_title(datasets[scan.dataset_id]),
                run=runs[scan.run_id].name,
                status=scan.status,
                note=note,
                events_url=events_url(caller, scan) if scan.status in UNFINISHED else None,
                done=out.progress.examples_done,
                count=scan.example_count,
                left=_left(out),
                flagged=scan.flagged_count,
                flagged_share=_share(scan.flagged_count, scan.example_count),
                created_at=scan.created_at,
                by=caller_name(scan.created_by),
            )
        )
    return rows


def _share(part: int | None, whole: int) -> str:
    return "" if part is None or not whole else percent(part / whole)


@dataclass(frozen=True)
class Head:
    """The top of a scan's page."""

    title: str
    status: str
    facts: list[str]
    created_at: datetime
    by: str
    failure: Any
    progress_words: str
    cancel_url: str | None
    retry_url: str | None


def head(caller: Caller, scan: Scan, out: ScanOut, dataset: Dataset, run: TrainingRun) -> Head:
    may_change = caller.role.includes(Role.engineer)
    url = scan_url(caller, scan)
    facts = [run.name, *words.setting_facts(scan), plural(scan.example_count, "example")]
    if scan.status == ScanStatus.complete:
        facts[-1] += f" in {duration(out.progress.seconds_elapsed)}"
    name = words.score_name(scan.score)
    done = out.progress.examples_done
    return Head(
        title=f"{name[0].upper()}{name[1:]} of {dataset_title(dataset)}",
        status=scan.status,
        facts=facts,
        created_at=scan.created_at,
        by=caller_name(scan.created_by),
        failure=out.failure,
        progress_words=f"{number(done)} of {plural(scan.example_count, 'example')} were scored.",
        cancel_url=f"{url}/cancel" if may_change and scan.status in UNFINISHED else None,
        retry_url=f"{url}/retry"
        if may_change and scan.status in (ScanStatus.failed, ScanStatus.cancelled)
        else None,
    )


@dataclass(frozen=True)
class Running:
    """Progress of an unfinished scan; the script keeps it fresh from the event stream."""

    words: str
    events_url: str
    done: int
    count: int
    share: str
    speed: str
    left: str


def running(caller: Caller, scan: Scan, out: ScanOut) -> Running | None:
    if scan.status not in UNFINISHED:
        return None
    progress = out.progress
    share = 100 * progress.examples_done // max(progress.example_count, 1)
    return Running(
        words=words.waiting_words(out),
        events_url=events_url(caller, scan),
        done=progress.examples_done,
        count=progress.example_count,
        share=f"{share} %",
        speed=speed(progress.examples_per_second) if progress.examples_per_second else "",
        left=_left(out),
    )


@dataclass(frozen=True)
class Stat:
    name: str
    figure: str
    note: str
    url: str | None = None

    @property
    def is_long(self) -> bool:
        """Too long for the largest type."""
        return len(self.figure) > _LONG_FIGURE


@dataclass(frozen=True)
class Overview:
    """A complete scan at a glance."""

    stats: list[Stat]
    histogram: Markup
    scale_words: str
    heat: charts.HeatMap | None
    scatter: Markup | None
    scatter_words: str
    classes: list[charts.ClassRow]
    more_classes: list[charts.ClassRow]


def overview(db: Session, caller: Caller, found: Results) -> Overview:
    scan, dataset = found.scan, found.dataset
    summary = scan.summary or {}
    url = scan_url(caller, scan)

    def list_url(**changes: Any) -> str:
        return f"{url}{Listing(**changes).query}#examples"

    high = summary.get("higher_is_suspicious", True)
    cut = summary.get("cut")
    name = words.score_name(scan.score)
    scale = "square-root scale" if summary["histogram"]["scale"] == "sqrt" else "linear scale"
    classes = charts.class_rows(summary.get("classes", []), lambda label: list_url(label=label))
    scatter, scatter_words = None, ""
    if dataset.task == Task.regression:
        scatter, scatter_words = _scatter(db, url, found)
    side = "above" if high else "below"
    return Overview(
        stats=_stats(scan, summary, list_url),
        histogram=charts.histogram(
            summary["histogram"], cut=cut, higher_is_suspicious=high, score_name=name
        ),
        scale_words=f"{name[0].upper()}{name[1:]}, {scale}"
        + (f"; flagged are those {side} the cut." if cut is not None else "."),
        heat=charts.heat_map(
            summary.get("pairs", []),
            dataset.classes or [],
            lambda given, suggested: list_url(label=given, suggested=suggested),
        ),
        scatter=scatter,
        scatter_words=scatter_words,
        classes=classes[:_CLASSES_SHOWN],
        more_classes=classes[_CLASSES_SHOWN:],
    )


def _stats(scan: Scan, summary: dict[str, Any], list_url: Any) -> list[Stat]:
    flagged = scan.flagged_count or 0
    stats = [
        Stat(
            "flagged",
            number(flagged),
            # A share says itself how many of a hundred that are.
            ("" if scan.policy["kind"] == "share" else f"{_share(flagged, scan.example_count)} ")
            + f"of {number(scan.example_count)}: "
            + words.policy_in_words(scan.policy, summary.get("higher_is_suspicious", True)),
        )
    ]
    if summary.get("pairs"):
        top = max(summary["pairs"], key=lambda pair: pair["count"])
        stats.append(
            Stat(
                "most often",
                f"{top['given']} → {top['suggested']}",
                f"{plural(top['count'], 'example')} given {top['given']}, "
                f"suggested {top['suggested']}",
                list_url(label=top["given"], suggested=top["suggested"]),
            )
        )
    if summary.get("seconds"):
        device = f" on {summary['device']}" if summary.get("device") else ""
        stats.append(
            Stat(
                "scored in",
                duration(summary["seconds"]),
                f"{speed(summary.get('examples_per_second'))}{device}",
            )
        )
    if summary.get("reused"):
        reused, every = summary["reused"], summary["reused"] + summary["computed"]
        stats.append(
            Stat(
                "taken from earlier scans",
                _share(reused, every),
                f"{number(reused)} of {number(every)} results, example by checkpoint",
            )
        )
    choice = summary.get("layer_choice")
    if choice:
        stats.append(
            Stat(
                "ranks like all layers",
                f"{choice['agreement']:.2f}",
                f"rank correlation on {number(choice['sample'])} examples, for "
                f"{percent(choice['cost_share'])} of the operations",
            )
        )
    coverage = words.coverage_in_words(summary.get("coverage"))
    if coverage is not None:
        stats.append(Stat("of the parameters", coverage[0], coverage[1]))
    if summary.get("non_finite"):
        stats.append(
            Stat(
                "not finite",
                number(summary["non_finite"]),
                "examples whose loss or gradient is not a number: not ranked",
                list_url(which=Which.not_finite),
            )
        )
    return stats


def _scatter(db: Session, url: str, found: Results) -> tuple[Markup | None, str]:
    flags, _ = results.list_flags(db, found, limit=_DOTS)
    dots = [
        charts.Dot(
            flag.given_target,
            flag.suggested_value,
            f"{url}/examples/{flag.position}",
            flag.key,
        )
        for flag in flags
        if flag.given_target is not None and flag.suggested_value is not None
    ]
    if not dots:
        return None, ""
    targets = (found.scan.summary or {}).get("targets") or {}
    low = targets.get("min", min(dot.given for dot in dots))
    high = targets.get("max", max(dot.given for dot in dots))
    told = f"The {plural(len(dots), 'most suspicious example')}, of targets from "
    return charts.scatter(dots, (low, high)), f"{told}{real(low)} to {real(high)}."
