"""A progress bar of plain characters: the engine needs no other package."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

Progress = Callable[[int, int | None], None]

_WIDTH = 30
_REDRAWN_S = 0.1
_LINES = 10  # where there is no terminal to redraw on


class TextBar:
    """Draws how far a pass over the examples is; to be called with examples done and their total.

    In a terminal or notebook one line is redrawn, elsewhere ten are written at most.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = sys.stderr if out is None else out
        self._redraws = self._out.isatty() or "ipykernel" in sys.modules
        self._began = time.perf_counter()
        self._drawn_s = -1.0
        self._tenths = -1

    def __call__(self, done: int, total: int | None) -> None:
        spent_s = time.perf_counter() - self._began
        is_over = total is not None and done >= total
        tenths = _LINES * done // total if total else 0
        due = spent_s - self._drawn_s > _REDRAWN_S if self._redraws else tenths > self._tenths
        if not (due or is_over):
            return
        self._drawn_s, self._tenths = spent_s, tenths
        text = self._line(done, total, spent_s)
        if self._redraws:
            self._out.write(f"\r{text}" + ("\n" if is_over else ""))
        else:
            self._out.write(text + "\n")
        self._out.flush()

    def _line(self, done: int, total: int | None, spent_s: float) -> str:
        speed = done / spent_s if spent_s else 0.0
        if not total:
            return f"{done:,} examples, {speed:,.0f}/s"
        full = _WIDTH * done // total
        left = f", {(total - done) / speed:,.0f} s left" if 0 < done < total and speed else ""
        bar = "█" * full + "░" * (_WIDTH - full)
        return f"{bar} {done:,} of {total:,} examples, {speed:,.0f}/s{left}   "
