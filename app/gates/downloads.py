"""Reports of verdicts as files, and the pictures in them."""

from __future__ import annotations

from contextlib import suppress

from fastapi import Response
from sqlalchemy.orm import Session

from app.access.service import Caller
from app.dashboard.frame import project_url
from app.datasets.content import NoPicture
from app.datasets.image_file import ExampleChanged
from app.datasets.models import Dataset, Modality
from app.datasets.service import get_ready_dataset
from app.datasets.thumbnails import PictureUnreadable, contact_sheet, thumbnail
from app.gates.errors import ReportUnknown
from app.gates.schemas import EvaluationOut
from app.settings import settings
from cleantrace.reports import FORMATS, Report
from cleantrace.reports.pictures import LONGEST, MOST_PICTURES

_TEXTS = {
    "html": ("one page, with pictures", "html"),
    "markdown": ("for a comment or a job's summary", "md"),
    "junit": ("for test reports", "xml"),
    "sarif": ("for code scanning", "sarif"),
    "gitlab": ("GitLab's code quality", "json"),
    "github": ("GitHub's annotations", "txt"),
    "terminal": ("plain text", "txt"),
}
"""What each is for, and how its file's name ends."""


def report_names(dataset: Dataset, evaluation: EvaluationOut) -> list[tuple[str, str]]:
    """Reports to be had of a verdict, and what each is for."""
    named = [(name, what) for name, (what, _) in _TEXTS.items()]
    if _has_pictures(dataset, evaluation):
        named.insert(1, ("png", "the worst examples as one picture"))
    return named


def download(db: Session, caller: Caller, evaluation: EvaluationOut, name: str) -> Response:
    """A report as a file. Raises ReportUnknown; what `pictures_of` raises."""
    if name == "png":
        return _file(pictures_of(db, caller, evaluation), evaluation, "png")
    if name not in _TEXTS:
        raise ReportUnknown(
            f"There is no report {name!r}.",
            field="name",
            remedy=f"There are {', '.join(_TEXTS)}.",
        )
    report = Report(
        evaluation.model_dump(mode="json"),
        project_url=f"{settings().public_url.rstrip('/')}{project_url(caller)}",
        pictures=_pictures(db, caller, evaluation) if name == "html" else {},
    )
    return _file(FORMATS[name](report).encode(), evaluation, _TEXTS[name][1])


def _file(data: bytes, evaluation: EvaluationOut, ending: str) -> Response:
    name = f"gate-{evaluation.policy.name}-{str(evaluation.id)[:8]}.{ending}"
    return Response(
        data,
        # Saved, never shown: as a page of ours it would have our rights.
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


def pictures_of(db: Session, caller: Caller, evaluation: EvaluationOut) -> bytes:
    """The worst examples as one PNG.

    Raises:
        DatasetNotReady.
        NoPicture: they are no images, or there are none.
    """
    dataset = get_ready_dataset(db, caller, evaluation.dataset.id)
    if not _has_pictures(dataset, evaluation):
        raise NoPicture(
            "No picture of an example is behind this verdict.",
            remedy="Read the report as text: any other format has all there is.",
        )
    tiles = []
    for each in evaluation.worst[:MOST_PICTURES]:
        instead = "" if each.suggested is None else f" > {each.suggested}"
        tiles.append((each.position, f"{each.given}{instead}"))
    return contact_sheet(dataset, tiles)


def _has_pictures(dataset: Dataset, evaluation: EvaluationOut) -> bool:
    return dataset.modality == Modality.image and bool(evaluation.worst)


def _pictures(db: Session, caller: Caller, evaluation: EvaluationOut) -> dict[int, bytes]:
    found = {}
    dataset = get_ready_dataset(db, caller, evaluation.dataset.id) if evaluation.worst else None
    if dataset is not None and _has_pictures(dataset, evaluation):
        for each in evaluation.worst[:MOST_PICTURES]:
            with suppress(PictureUnreadable, ExampleChanged):
                found[each.position] = thumbnail(dataset, each.position, LONGEST).data
    return found
