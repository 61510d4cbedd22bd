"""Bars in a terminal, plain lines elsewhere."""

import io

from rich.console import Console

from cleantrace.progress import Bar


def test_lines_without_a_terminal() -> None:
    file = io.StringIO()
    with Bar("Scanning", Console(file=file)) as bar:
        for done in range(1000):
            bar.update(done, 999, f"{done} of 999 examples")
    (line,) = file.getvalue().splitlines()
    assert line.startswith("Scanning: 999 of 999 examples, ")


def test_a_bar_in_a_terminal_ends_full() -> None:
    file = io.StringIO()
    with Bar("Scanning", Console(file=file, force_terminal=True, width=100)) as bar:
        bar.update(0, None, "queued")
        bar.update(7, 10, "7 of 10")
    text = file.getvalue()
    assert "✓" in text
    assert "Scanning" in text


def test_what_fails_is_not_shown_as_done() -> None:
    for terminal in (False, True):
        file = io.StringIO()
        try:
            with Bar("Scanning", Console(file=file, force_terminal=terminal)) as bar:
                bar.update(7, 10, "7 of 10")
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
        assert "✓" not in file.getvalue()
        assert ", 0.0 s" not in file.getvalue()
