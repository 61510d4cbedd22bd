"""What a scan's page shows at a glance: distribution, class counts, class pairs. JSON values."""

from __future__ import annotations

from typing import Any

import numpy as np

_BINS = 44


def histogram(score: np.ndarray, is_flagged: np.ndarray) -> dict[str, Any]:
    """Counts of a score, and of its flagged part, over bins that are even on the drawn scale.

    Scores that cannot be negative are long-tailed: their bins are even in the square root.

    Args:
        score: (n,) float64; those not finite are left out.
        is_flagged: (n,) bool.
    """
    finite = np.isfinite(score)
    values, flags = score[finite], is_flagged[finite]
    if not len(values):
        return {"scale": "linear", "edges": [0.0, 1.0], "counts": [0], "flagged": [0]}
    low, high = float(values.min()), float(values.max())
    scale = "sqrt" if low >= 0 else "linear"
    if scale == "sqrt":
        edges = np.linspace(0.0, np.sqrt(high) or 1.0, _BINS + 1) ** 2
        edges[-1] = max(edges[-1], high)  # rounding must not leave the largest outside
    else:
        edges = np.linspace(low, high if high > low else low + 1.0, _BINS + 1)
    counts, _ = np.histogram(values, edges)
    flagged_counts, _ = np.histogram(values[flags], edges)
    return {
        "scale": scale,
        "edges": [float(edge) for edge in edges],
        "counts": [int(count) for count in counts],
        "flagged": [int(count) for count in flagged_counts],
    }


def class_counts(
    labels: np.ndarray, is_flagged: np.ndarray, classes: list[str]
) -> list[dict[str, Any]]:
    """Examples and flagged examples of each class, in the order of the classes."""
    examples = np.bincount(labels, minlength=len(classes))
    flagged = np.bincount(labels[is_flagged], minlength=len(classes))
    return [
        {"label": name, "examples": int(examples[index]), "flagged": int(flagged[index])}
        for index, name in enumerate(classes)
    ]


def class_pairs(
    given: np.ndarray, suggested: np.ndarray, classes: list[str]
) -> list[dict[str, Any]]:
    """How many flagged examples of each given class have each other class suggested.

    Args:
        given, suggested: (m,) int class indices of the flagged; -1 where nothing is suggested.
    """
    pairs: dict[tuple[int, int], int] = {}
    for pair in zip(given.tolist(), suggested.tolist(), strict=True):
        if pair[1] >= 0:
            pairs[pair] = pairs.get(pair, 0) + 1
    return [
        {"given": classes[a], "suggested": classes[b], "count": count}
        for (a, b), count in sorted(pairs.items(), key=lambda item: -item[1])
    ]


def in_words(share: float, group: str, *, prediction: str | None) -> str:
    """Why an example is flagged, for a person.

    >>> in_words(0.994, "of the 9s", prediction="the model says 4 (91 %)")
    'Harder to fit than 99.4 % of the 9s; the model says 4 (91 %).'
    """
    # Never "100 %": there is always the example itself.
    percent = min(100 * share, 99.9)
    reason = f"Harder to fit than {percent:.1f} % {group}"
    return f"{reason}; {prediction}." if prediction else f"{reason}."
