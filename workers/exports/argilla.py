"""Suspects as records for Argilla, and the settings of a data set that holds them."""

from __future__ import annotations

import json
from typing import Any

from app.datasets.example_store import StoreMeta
from app.datasets.models import Modality
from cleantrace.class_names import written_class
from workers.exports.cells import inert_json
from workers.exports.suspects import Suspect

_TELLING = {"rank": "integer", "suspicion": "float"}
_GUIDELINES = "Give each record the label that it should have. Discard what you cannot decide."


def record_of(suspect: Suspect, meta: StoreMeta, agent: str) -> dict[str, Any]:
    """A record as Argilla writes it; its id is the example's key."""
    shown = suspect.shown
    if isinstance(shown, dict):
        shown = "\n".join(f"{name}: {json.dumps(value)}" for name, value in shown.items())
    fields = {_input(meta): shown, "given_label": str(suspect.given)}
    if suspect.reason is not None:
        fields["reason"] = suspect.reason
    metadata = {name: getattr(suspect, name) for name in _TELLING}
    suggestions = {}
    if suspect.suggested is not None:
        suggestions["label"] = {
            "value": str(suspect.suggested),
            "score": suspect.suspicion,
            "agent": agent,
        }
    return {
        "id": suspect.key,
        "fields": fields,
        "metadata": {name: value for name, value in metadata.items() if value is not None},
        "suggestions": suggestions,
        "responses": {},
        "vectors": {},
        "_server_id": None,
    }


def _input(meta: StoreMeta) -> str:
    return {Modality.image: "image", Modality.text: "text"}.get(Modality(meta.modality), "row")


def settings_of(meta: StoreMeta) -> str:
    """For `rg.Settings.from_json`. A number is asked for as a text: Argilla has no other way."""
    name = _input(meta)
    is_image = name == "image"
    own = _field(name, name.capitalize(), {"type": "image"} if is_image else _TEXT)
    fields = [own, _field("given_label", "Given label", _TEXT)]
    fields.append(_field("reason", "Why it is suspected", _TEXT, required=False))
    return inert_json(
        {
            "guidelines": _GUIDELINES,
            "questions": [_question(meta)],
            "fields": fields,
            "vectors": [],
            "metadata": [_metadata(name, kind) for name, kind in _TELLING.items()],
            "allow_extra_metadata": False,
            "distribution": {"strategy": "overlap", "min_submitted": 1},
        }
    )


_TEXT = {"type": "text", "use_markdown": False}


def _field(
    name: str, title: str, settings: dict[str, Any], *, required: bool = True
) -> dict[str, Any]:
    return {"name": name, "title": title, "required": required, "settings": settings}


def _question(meta: StoreMeta) -> dict[str, Any]:
    settings: dict[str, Any] = _TEXT
    if meta.classes is not None:
        names = [written_class(each) for each in meta.classes]
        options = [{"value": name, "text": name, "description": None} for name in names]
        settings = {"type": "label_selection", "options": options, "visible_options": None}
    return {
        "name": "label",
        "title": "What should the label be?",
        "description": None,
        "required": True,
        "settings": settings,
    }


def _metadata(name: str, kind: str) -> dict[str, Any]:
    settings = {"type": kind, "min": None, "max": None}
    return {
        "name": name,
        "title": name.capitalize(),
        "visible_for_annotators": True,
        "settings": settings,
    }
