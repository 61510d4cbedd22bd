"""Suspects as tasks for Label Studio, and the labelling interface that shows them."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import quoteattr

from app.datasets.example_store import StoreMeta
from app.datasets.models import Modality
from cleantrace.class_names import written_class
from workers.exports.suspects import Suspect

_SHOWN_AS = {
    Modality.image: ("image", "Image"),
    Modality.text: ("text", "Text"),
    Modality.table: ("row", "Table"),
}


def task_of(suspect: Suspect, meta: StoreMeta, agent: str) -> dict[str, Any]:
    """A task with its prediction. Annotations of it come back by its `key`."""
    name, _ = _SHOWN_AS[Modality(meta.modality)]
    data = {"key": suspect.key, name: suspect.shown, "given_label": suspect.given}
    for told in ("rank", "suspicion", "reason"):
        if getattr(suspect, told) is not None:
            data[told] = getattr(suspect, told)
    return {"data": data, "predictions": _predictions(suspect, meta, agent)}


def _predictions(suspect: Suspect, meta: StoreMeta, agent: str) -> list[dict[str, Any]]:
    if suspect.suggested is None:
        return []
    value: dict[str, Any] = {"number": suspect.suggested}
    if meta.classes is not None:
        value = {"choices": [suspect.suggested]}
    kind = next(iter(value))
    result = {"from_name": "label", "to_name": "input", "type": kind, "value": value}
    prediction: dict[str, Any] = {"model_version": agent, "result": [result]}
    if suspect.suspicion is not None:
        prediction["score"] = suspect.suspicion
    return [prediction]


def labelling_interface(meta: StoreMeta) -> str:
    """The project's configuration, in XML."""
    name, tag = _SHOWN_AS[Modality(meta.modality)]
    lines = [
        "<View>",
        '  <Header value="Given label: $given_label"/>',
        f'  <{tag} name="input" value="${name}"/>',
    ]
    if meta.classes is None:
        lines.append('  <Number name="label" toName="input" required="true"/>')
    else:
        lines.append('  <Choices name="label" toName="input" choice="single" required="true">')
        names = (quoteattr(written_class(each)) for each in meta.classes)
        lines += [f"    <Choice value={each}/>" for each in names]
        lines.append("  </Choices>")
    return "\n".join([*lines, "</View>", ""])
