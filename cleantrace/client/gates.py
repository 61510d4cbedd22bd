# Made from aio/gates.py by tools/sync_client.py: change that.
"""Gates: policies that a dataset version is held against."""

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from cleantrace.client.calls import Calls
from cleantrace.client.gate_models import (
    Gate,
    GateEvaluation,
    GateEvaluationRow,
    GateExplanation,
)
from cleantrace.client.pages import Pages
from cleantrace.client.refs import DatasetRef, ScanRef, path_id


class GateCalls(Calls):
    """Gates: policies that a dataset version is held against."""

    def store_gate(self, policy: Mapping[str, Any]) -> Gate:
        """Store a policy as the next version of its name; the same again is the same version."""
        return Gate.from_json(self._transport.post("/gates", {"policy": dict(policy)}))

    def gates(self, name: str | None = None) -> Pages[Gate]:
        """Stored policies in all their versions, the newest first."""
        return self._pages("/gates", Gate, name=name)

    def get_gate(self, gate: Gate | str | uuid.UUID) -> Gate:
        return Gate.from_json(self._transport.get(f"/gates/{_id(gate)}"))

    def check_gate(
        self,
        policy: Mapping[str, Any] | str,
        dataset: DatasetRef | None = None,
        *,
        scan: ScanRef | None = None,
        version: int | None = None,
        baseline: DatasetRef | None = None,
        baseline_scan: ScanRef | None = None,
        fingerprint: str | None = None,
        dry_run: bool = False,
    ) -> GateEvaluation:
        """Hold a dataset version against a policy.

        Args:
            policy: as the published JSON Schema says, or the name of a stored one.
            dataset: its latest complete scan counts; or name a scan instead.
            version: of a stored policy; the latest if not given.
            baseline: what to compare with; or name a scan instead.
            fingerprint: of the data in the repository.
            dry_run: store nothing.
        Raises:
            GateNotFound, ScanNotFound, DatasetNotFound, Invalid
        """
        body: dict[str, Any] = {
            "dataset_id": dataset and path_id(dataset),
            "scan_id": scan and path_id(scan),
            "baseline_dataset_id": baseline and path_id(baseline),
            "baseline_scan_id": baseline_scan and path_id(baseline_scan),
            "fingerprint": fingerprint,
            "dry_run": dry_run,
        }
        if isinstance(policy, str):
            body |= {"gate": policy, "gate_version": version}
        else:
            body["policy"] = dict(policy)
        return GateEvaluation.from_json(self._transport.post("/gate-evaluations", body))

    def gate_evaluations(
        self, dataset: DatasetRef | None = None, gate: str | None = None
    ) -> Pages[GateEvaluationRow]:
        """Verdicts, the newest first."""
        only = None if dataset is None else path_id(dataset)
        return self._pages("/gate-evaluations", GateEvaluationRow, dataset_id=only, gate=gate)

    def get_gate_evaluation(self, evaluation: str | uuid.UUID) -> GateEvaluation:
        return GateEvaluation.from_json(self._transport.get(f"/gate-evaluations/{_id(evaluation)}"))

    def gate_pictures(self, evaluation: str | uuid.UUID) -> bytes:
        """The worst examples behind a verdict as one PNG, numbered from 1, the worst first.

        Raises:
            EvaluationNotFound, NoPicture
        """
        path = f"/gate-evaluations/{_id(evaluation)}/pictures"
        return self._transport.get_bytes(path)

    def explain_gate(self, evaluation: str | uuid.UUID) -> GateExplanation:
        """A verdict with all that it depends on."""
        path = f"/gate-evaluations/{_id(evaluation)}/explanation"
        return GateExplanation.from_json(self._transport.get(path))


def _id(ref: Gate | str | uuid.UUID) -> str:
    return quote(str(ref.id if isinstance(ref, Gate) else ref), safe="")
