"""Queues in words: what is in them, in which order, and what there is to do."""

from __future__ import annotations

from typing import Any

from app.dashboard.formatting import number, percent, plural
from app.reviews.models import OrderBy
from app.scans.words import region_words

ORDER_NAMES = {
    OrderBy.suspicion: "suspicion",
    OrderBy.self_influence: "self-influence",
    OrderBy.self_influence_equal: "self-influence, checkpoints alike",
    OrderBy.last_layer: "last layer's self-influence",
    OrderBy.loss: "mean loss",
    OrderBy.margin: "mean margin",
    OrderBy.el2n: "EL2N",
    OrderBy.given_probability: "the given label's probability",
}


def policy_words(policy: dict[str, Any]) -> str:
    """What a queue was filled with: `the 100 most suspicious`."""
    match policy["kind"]:
        case "flagged":
            return "what the scan flagged"
        case "top_k":
            return f"the {number(policy['k'])} most suspicious"
        case "suspicion":
            return f"more suspicious than {percent(policy['at_least'])} of all"
        case "each_class":
            return f"the {number(policy['k'])} most suspicious of each class"
        case "keys":
            return f"{plural(policy['count'], 'example')} by key"
        case "class":
            suggested = policy.get("suggested")
            words = f"given {policy['given']}" + (f", suggested {suggested}" if suggested else "")
        case "region":
            words = region_words(policy)
        case _:
            words = _filter_words(policy)
    return words + (f", the first {number(policy['k'])}" if policy.get("k") else "")


def _filter_words(policy: dict[str, Any]) -> str:
    parts = []
    if policy.get("flagged") is not None:
        parts.append("flagged" if policy["flagged"] else "not flagged")
    parts += [
        f"{name} {' or '.join(policy[name])}" for name in ("given", "suggested") if policy.get(name)
    ]
    if policy.get("suspicion_at_least") is not None:
        parts.append(f"more suspicious than {percent(policy['suspicion_at_least'])} of all")
    if policy.get("suspicion_at_most") is not None:
        parts.append(f"less suspicious than {percent(1 - policy['suspicion_at_most'])} of all")
    return ", ".join(parts) or "all examples"
