# Made from aio/runs.py by tools/sync_client.py: change that.
"""Registering training runs and their checkpoints."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from cleantrace.client.calls import Calls
from cleantrace.client.deadline import Deadline
from cleantrace.client.errors import CheckpointFailed
from cleantrace.client.models import Checkpoint, Run
from cleantrace.client.pages import Pages
from cleantrace.client.refs import NO_REASON, DatasetRef, Location, RunRef, as_uri, path_id
from cleantrace.client.waiting import poll


class RunCalls(Calls):
    """Registering training runs and their checkpoints."""

    def register_run(
        self,
        name: str,
        dataset: DatasetRef,
        model: str | Mapping[str, Any],
        model_args: Mapping[str, Any] | None = None,
        *,
        preprocessing: Mapping[str, Any] | None = None,
        loss: Literal["cross_entropy", "squared_error"] | None = None,
    ) -> Run:
        """Register a training run.

        Args:
            model: the architecture's name, or {"name": ..., "args": {...}}.
            model_args: its arguments, where a name is given.
            preprocessing: how examples became the model's input in training.
            loss: by the task if left out.
        """
        spec = {"name": model, "args": dict(model_args or {})} if isinstance(model, str) else model
        body = {
            "name": name,
            "dataset_id": path_id(dataset),
            "model": dict(spec),
            "preprocessing": dict(preprocessing or {}),
            "loss": loss,
        }
        return Run.from_json(self._transport.post("/runs", body))

    def get_run(self, run: RunRef) -> Run:
        return Run.from_json(self._transport.get(f"/runs/{path_id(run)}"))

    def runs(self) -> Pages[Run]:
        """The project's training runs, newest first."""
        return self._pages("/runs", Run)

    def register_checkpoint(
        self, run: RunRef, uri: Location, *, step: int, eta: float, sha256: str | None = None
    ) -> Checkpoint:
        """Register saved weights. The service checks them: see `wait_for_checkpoints`.

        Args:
            uri: a .safetensors file, or a .pt file of plain tensors; a Path becomes a file URI.
            step: optimiser steps done when it was saved.
            eta: the learning rate in force then.
            sha256: if given, the file must have this hash.
        Raises:
            CheckpointExists: the run has one of this step.
        """
        body = {"uri": as_uri(uri), "step": step, "eta": eta, "sha256": sha256}
        return Checkpoint.from_json(self._transport.post(f"/runs/{path_id(run)}/checkpoints", body))

    def checkpoints(self, run: RunRef) -> list[Checkpoint]:
        """A run's checkpoints in the order of their steps."""
        found = self._transport.get(f"/runs/{path_id(run)}/checkpoints")
        return [Checkpoint.from_json(each) for each in found]

    def retry_checkpoint(self, checkpoint: Checkpoint) -> Checkpoint:
        """Check a failed checkpoint again. Raises CheckpointNotFailed."""
        path = f"/runs/{checkpoint.run_id}/checkpoints/{checkpoint.id}/retry"
        return Checkpoint.from_json(self._transport.post(path))

    def wait_for_checkpoints(
        self,
        run: RunRef,
        *,
        progress: Callable[[list[Checkpoint]], None] | None = None,
        timeout_s: float | None = None,
    ) -> list[Checkpoint]:
        """Wait until all of a run's checkpoints are read and fitted to the model.

        Raises:
            CheckpointFailed: one cannot be used; the first of them, with the stored reason.
            WaitTimedOut: after `timeout_s`.
        """
        deadline = Deadline("Checking the checkpoints", timeout_s)
        for seen in poll(
            lambda: self.checkpoints(run),
            lambda seen: all(each.status != "registered" for each in seen),
            deadline,
        ):
            if progress is not None:
                progress(seen)
        for each in seen:
            _refuse_failed(each)
        return seen

    def wait_for_checkpoint(
        self,
        checkpoint: Checkpoint,
        *,
        progress: Callable[[list[Checkpoint]], None] | None = None,
        timeout_s: float | None = None,
    ) -> Checkpoint:
        """Wait until this one is read and fitted to the model, whatever becomes of others.

        Raises:
            CheckpointFailed: it cannot be used; with the stored reason.
            WaitTimedOut: after `timeout_s`.
        """

        def look() -> Checkpoint:
            run = self.checkpoints(checkpoint.run_id)
            return next(each for each in run if each.id == checkpoint.id)

        deadline = Deadline("Checking the checkpoint", timeout_s)
        for seen in poll(look, lambda seen: seen.status != "registered", deadline):
            if progress is not None:
                progress([seen])
        _refuse_failed(seen)
        return seen


def _refuse_failed(checkpoint: Checkpoint) -> None:
    if checkpoint.status == "failed":
        what = f"The checkpoint of step {checkpoint.step} cannot be used"
        raise CheckpointFailed(what, checkpoint, checkpoint.failure or NO_REASON)
