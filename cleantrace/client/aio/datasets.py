"""Registering datasets, and waiting until they are indexed."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from cleantrace.client.aio.pace import aside
from cleantrace.client.aio.pages import AsyncPages
from cleantrace.client.aio.uploads import AsyncUploadCalls
from cleantrace.client.aio.waiting import poll
from cleantrace.client.deadline import Deadline
from cleantrace.client.errors import DatasetFailed
from cleantrace.client.label_models import LabelEstimate
from cleantrace.client.models import Dataset, RejectedRow, Upload
from cleantrace.client.refs import NO_REASON, DatasetRef, Location, as_uri, path_id
from cleantrace.client.sources import Format, write_source


class AsyncDatasetCalls(AsyncUploadCalls):
    """Registering datasets, and waiting until they are indexed."""

    async def register_dataset(
        self,
        name: str,
        version: str,
        uri: Location,
        *,
        format: Format,  # noqa: A002  the API's word
        task: Literal["classification", "regression"],
        input: str | Sequence[str] | None = None,  # noqa: A002
        label: str | None = None,
        key: str | None = None,
        label_file: str | None = None,
        modality: Literal["image", "table", "text"] | None = None,
        classes: Sequence[str] | None = None,
        on_bad_rows: Literal["fail", "skip"] = "fail",
    ) -> Dataset:
        """Register a version of a data set. The service indexes it: see `wait_for_dataset`.

        Args:
            uri: where it is, for the service; a Path becomes an absolute file URI.
            input: the input column, or the numeric columns of a table; in an npz an array.
            label: column of the given label, or of the target.
            key: column of your own ids; without it, keys are hashes of the content.
            label_file: image_folder only: a CSV with paths and labels.
            classes: names in the model's order; found by indexing if left out.
            on_bad_rows: skip leaves rows out that cannot be used, and lists them.
        Raises:
            DatasetExists: this name and version are taken.
            LocationNotAllowed, LocationNotFound: the service cannot read from there.
        """
        names = None if input is None or isinstance(input, str) else list(input)
        columns = {"input": names or input, "label": label, "key": key, "label_file": label_file}
        given = {name: value for name, value in columns.items() if value is not None}
        body = {
            "name": name,
            "version": version,
            "uri": as_uri(uri),
            "format": format,
            "task": task,
            "modality": modality,
            "columns": given or None,
            "classes": None if classes is None else list(classes),
            "on_bad_rows": on_bad_rows,
        }
        return Dataset.from_json(await self._transport.post("/datasets", body))

    async def upload_dataset(
        self,
        name: str,
        version: str,
        data: Any,
        *,
        format: Format | None = None,  # noqa: A002
        progress: Callable[[Upload], None] | None = None,
        **options: Any,
    ) -> Dataset:
        """Send data from this machine and register it. The service indexes it: see
        `wait_for_dataset`.

        Args:
            data: a path; a pandas or polars DataFrame; a pyarrow Table; a `datasets.Dataset`; or a
                mapping of names to arrays.
            format: of a path whose name does not tell it.
            progress: called after each part that was sent.
            options: those of `register_dataset`.
        Raises:
            TypeError, ValueError: this is no data that can be sent.
            UploadFailed, and what `register_dataset` raises.
        """
        with tempfile.TemporaryDirectory(prefix="cleantrace-") as folder:
            if format is not None and isinstance(data, str | os.PathLike):
                path = Path(data)
            else:
                written = await aside(write_source, data, Path(folder))
                path, format = written  # noqa: A001
            sent = await self.upload(path, progress=progress)
        return await self.register_dataset(name, version, sent.uri, format=format, **options)

    async def get_dataset(self, dataset: DatasetRef) -> Dataset:
        return Dataset.from_json(await self._transport.get(f"/datasets/{path_id(dataset)}"))

    def datasets(self, name: str | None = None) -> AsyncPages[Dataset]:
        """The project's datasets, or all versions of one, newest first."""
        return self._pages("/datasets", Dataset, name=name)

    async def example_image(
        self, dataset: DatasetRef, position: int, *, longest: int | None = None
    ) -> bytes:
        """An example of an image dataset as PNG or JPEG.

        Args:
            longest: pixels of its longer side at most; it is drawn anew then, and nothing of the
                file comes through but its pixels.
        Raises:
            DatasetNotFound, DatasetNotReady, ExampleNotFound, NoPicture, PictureUnreadable
        """
        path = f"/datasets/{path_id(dataset)}/examples/{position}/image"
        return await self._transport.get_bytes(path, longest=longest)

    def rejected_rows(self, dataset: DatasetRef) -> AsyncPages[RejectedRow]:
        """Rows that indexing could not use, the first 1,000 of them."""
        return self._pages(f"/datasets/{path_id(dataset)}/rejected-rows", RejectedRow)

    async def retry_dataset(self, dataset: DatasetRef) -> Dataset:
        """Index a failed dataset again. Raises DatasetNotFailed."""
        return Dataset.from_json(await self._transport.post(f"/datasets/{path_id(dataset)}/retry"))

    async def estimate(
        self,
        dataset: DatasetRef,
        *,
        alpha: float = 0.05,
        target: float = 0.01,
        label: str | Sequence[str] = (),
        key: str | None = None,
        joint: bool = False,
    ) -> LabelEstimate:
        """How many labels are wrong, by the audits that review queues drew.

            found = client.estimate(dataset)
            print(found.says, found.wrong.after.share.highest)

        Args:
            alpha: bounds hold with confidence 1 - alpha, at all moments that anybody asks together.
            target: share left wrong that `forecast` tells the audits for.
            label, key: a slice, chosen before looking: examples given this class, or one of
                several, and with keys like a pattern (`night/*`).
            joint: the bounds of all `classes` hold together, instead of each by itself.
        Raises:
            DatasetNotReady, ClassUnknown, SliceEmpty
        """
        asked = {"alpha": alpha, "target": target, "key": key, "joint": joint or None}
        labels = [label] if isinstance(label, str) else list(label)
        path = f"/datasets/{path_id(dataset)}/estimate"
        return LabelEstimate.from_json(
            await self._transport.get(path, **asked, label=labels or None)
        )

    async def wait_for_dataset(
        self,
        dataset: DatasetRef,
        *,
        progress: Callable[[Dataset], None] | None = None,
        timeout_s: float | None = None,
    ) -> Dataset:
        """Wait until a dataset is indexed; returns it as it then is.

        Args:
            progress: called at each look; `rows_done` counts the rows read.
        Raises:
            DatasetFailed: with the stored reason.
            WaitTimedOut: after `timeout_s`.
        """
        deadline = Deadline("Indexing the dataset", timeout_s)
        async for seen in poll(
            lambda: self.get_dataset(dataset),
            lambda seen: seen.status in {"ready", "failed"},
            deadline,
        ):
            if progress is not None:
                progress(seen)
        if seen.status == "failed":
            what = f"Dataset {seen.name} {seen.version} could not be indexed"
            raise DatasetFailed(what, seen, seen.failure or NO_REASON)
        return seen
