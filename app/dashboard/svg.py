"""Elements of SVG as ready markup."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup


def coordinate(value: float) -> str:
    """A coordinate, short."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def tag(name: str, content: Markup | str | None = None, **attributes: Any) -> Markup:
    """An SVG element; `_` in names is `-`, a trailing one is dropped (`class_`)."""
    parts = Markup("").join(
        Markup(' {}="{}"').format(
            key.rstrip("_").replace("_", "-") if key != "viewBox" else key,
            coordinate(value) if isinstance(value, float) else value,
        )
        for key, value in attributes.items()
    )
    if content is None:
        return Markup("<{0}{1}/>").format(name, parts)
    return Markup("<{0}{1}>{2}</{0}>").format(name, parts, content)
