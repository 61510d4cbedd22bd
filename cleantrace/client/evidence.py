# Made from aio/evidence.py by tools/sync_client.py: change that.
"""Calls about evidence: the training examples for and against a label."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cleantrace.client.calls import Calls
from cleantrace.client.deadline import Deadline
from cleantrace.client.errors import EvidenceFailed
from cleantrace.client.models import Evidence, EvidenceRequest
from cleantrace.client.pace import aside
from cleantrace.client.refs import NO_REASON, ScanRef, path_id
from cleantrace.client.waiting import poll

NewInput = str | Path | Mapping[str, float] | Sequence[float]


class EvidenceCalls(Calls):
    def evidence(
        self,
        scan: ScanRef,
        position: int | Sequence[int] | None = None,
        *,
        key: str | None = None,
        k: int = 10,
        label: str | None = None,
    ) -> Evidence:
        """The training examples for and against an example's label, or a set of examples'.

        Args:
            position, key: of the example; or several positions, which are taken together.
            k: how many of each.
            label: look only among examples given this class.
        Raises:
            NoEvidence: the scan was started without.
            ScoreNotFound, ExampleNotFound, ExampleNotFinite, ClassUnknown
            ValueError: not exactly one of position and key is given.
        """
        if (position is None) == (key is None):
            raise ValueError("give either positions or a key")
        url = f"/scans/{path_id(scan)}"
        if key is not None:
            found = self._transport.get(f"{url}/scores-by-key", key=key)
            position = int(found["position"])
        if isinstance(position, int):
            answer = self._transport.get(f"{url}/scores/{position}/evidence", k=k, label=label)
        else:
            body = {"positions": list(position or ()), "k": k, "label": label}
            answer = self._transport.post(f"{url}/evidence", body)
        return Evidence.from_json(answer)

    def evidence_for(
        self,
        scan: ScanRef,
        inputs: Sequence[tuple[NewInput, str | float]],
        *,
        k: int = 10,
        label: str | None = None,
        timeout_s: float | None = None,
    ) -> list[Evidence]:
        """The same for inputs that are not in the dataset, in the order given.

        Args:
            inputs: pairs of an input and the label (a class) or target (a number) to ask about. An
                input is a text, the path of an image on this machine, or a row's numbers, by
                column or in the dataset's order.
            timeout_s: how long to wait for a worker.
        Raises:
            EvidenceFailed: with the stored reason.
            InputInvalid: one is not like the dataset's examples.
            WaitTimedOut, and what `evidence` raises.
        """
        url = f"/scans/{path_id(scan)}/evidence/inputs"
        given = [aside(_input, *each) for each in inputs]
        body = {"inputs": given, "k": k, "label": label}
        asked = EvidenceRequest.from_json(self._transport.post(url, body))

        def look() -> EvidenceRequest:
            return EvidenceRequest.from_json(self._transport.get(f"{url}/{asked.id}"))

        for seen in poll(look, _is_over, Deadline("The evidence", timeout_s)):
            over = seen
        if over.result is None:
            what = f"Evidence {over.id} was not found"
            raise EvidenceFailed(what, over, over.failure or NO_REASON)
        return over.result


def _is_over(request: EvidenceRequest) -> bool:
    return request.status in {"done", "failed"}


def _input(given: NewInput, label: str | float) -> dict[str, Any]:
    if isinstance(given, str):
        content: dict[str, Any] = {"text": given}
    elif isinstance(given, Path):
        content = {"image": base64.b64encode(given.read_bytes()).decode()}
    elif isinstance(given, Mapping):
        content = {"row": {name: float(value) for name, value in given.items()}}
    else:
        content = {"row": [float(value) for value in given]}
    return content | ({"label": label} if isinstance(label, str) else {"target": float(label)})
