"""The body that starts a scan, or asks what it would cost."""

from collections.abc import Sequence
from typing import Any, Literal

from cleantrace.client.refs import CheckpointRef, RunRef, path_id

RankedScore = Literal["self_influence", "last_layer", "loss", "margin", "el2n"]

Precision = Literal["full", "tf32", "bf16"]


def scan_request(
    run: RunRef,
    *,
    layers: Literal["all", "last", "auto"] | Sequence[str],
    checkpoints: Literal["all"] | Sequence[CheckpointRef],
    weighting: Literal["eta", "equal"],
    score: RankedScore,
    top_k: int | None,
    share: float | None,
    threshold: float | None,
    evidence: bool | int,
    fresh: bool,
    precision: Precision,
    canaries: int,
) -> dict[str, Any]:
    """Raises ValueError: more than one of top_k, share, threshold."""
    body: dict[str, Any] = {
        "run_id": path_id(run),
        "layers": layers if isinstance(layers, str) else list(layers),
        "checkpoints": checkpoints
        if isinstance(checkpoints, str)
        else [path_id(each) for each in checkpoints],
        "weighting": weighting,
        "score": score,
        "evidence": evidence if isinstance(evidence, bool) else {"dimension": evidence},
        "fresh": fresh,
        "precision": precision,
        "canaries": canaries,
    }
    policies: list[dict[str, Any]] = []
    if top_k is not None:
        policies.append({"kind": "top_k", "k": top_k})
    if share is not None:
        policies.append({"kind": "share", "share": share})
    if threshold is not None:
        policies.append({"kind": "threshold", "score": threshold})
    if len(policies) > 1:
        raise ValueError("give one of top_k, share and threshold")
    if policies:
        body["policy"] = policies[0]
    return body
