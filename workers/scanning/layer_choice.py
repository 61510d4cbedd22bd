"""`layers: auto`: chosen once, when a scan is planned, on a sample of its examples."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.datasets.example_store import ExampleStore
from app.runs.models import Checkpoint, TrainingRun
from app.scans.models import Scan
from app.settings import settings
from workers.data.preprocess import Preprocessor
from workers.influence import choose_layers
from workers.models import build_loss, build_model
from workers.models.checkpoints import load_checkpoint

AUTO = ["auto"]

_SAMPLE = 256
_CHECKPOINTS = 3
_BUDGET = 0.5


def settle_layers(
    scan: Scan, run: TrainingRun, store: ExampleStore, checkpoints: list[Checkpoint]
) -> dict[str, Any] | None:
    """Put names in the place of `auto` in the scan, which is not stored here.

    The layers nearest the output that together cost at most half the operations of all, and of
    those the smallest set that ranks a sample most like all layers do. The same run gives the same
    layers, so that its scans share their results.

    Returns:
        `agreement` with the ranking of all layers (Spearman), `cost_share` of their operations,
        `time_share` of their time as measured, `gradient_share` of their gradient and the
        `sample`'s size; None: nothing was to be chosen.
    Raises:
        ProblemError: weights that do not fit, or preprocessing.
        InfluenceError: the model cannot be scored.
    """
    if scan.layers != AUTO:
        return None
    positions = np.unique(np.linspace(0, len(store) - 1, min(_SAMPLE, len(store))).astype(int))
    rows = store.take(positions)
    preprocessor = Preprocessor(run.preprocessing, store.meta)
    model = build_model(run.model, factories=settings().model_factories)
    spread = np.unique(np.linspace(0, len(checkpoints) - 1, _CHECKPOINTS).astype(int))
    chosen = [checkpoints[at] for at in spread]
    found = choose_layers(
        model,
        (preprocessor.inputs(rows), preprocessor.targets(rows)),
        loss=build_loss(run.loss),
        checkpoints=[(load_checkpoint(each, model), each.eta) for each in chosen],
        budget=_BUDGET,
        device=None if settings().device == "auto" else settings().device,
    )
    scan.layers = list(found.layers)
    return {
        "agreement": found.agreement,
        "cost_share": found.cost_share,
        "time_share": found.time_share,
        "gradient_share": found.gradient_share,
        "sample": len(positions),
    }
