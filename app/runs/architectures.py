"""Which models a run may name. The API knows the names only; workers build them with torch."""

from __future__ import annotations

from collections.abc import Sequence

from app.runs.errors import ModelUnknown

BUILT_IN = (
    "linear",
    "mlp",
    "small_cnn",
    "resnet9",
    "resnet20",
    "resnet56",
    "swem",
)


def require_known_model(name: str, factories: Sequence[str]) -> None:
    """Raises ModelUnknown: neither built in nor among the operator's factories."""
    known = sorted({*BUILT_IN, *(factory.partition("=")[0] for factory in factories)})
    if name not in known:
        raise ModelUnknown(
            f"There is no model {name!r}. Known are: {', '.join(known)}.",
            field="model.name",
            remedy="Use one of these, or ask the operator to list your architecture in "
            "CLEANTRACE_MODEL_FACTORIES.",
        )
