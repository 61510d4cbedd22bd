"""The bar that needs no other package."""

import io

from workers.influence.progress import TextBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_file_gets_few_lines_and_the_last_one_is_whole() -> None:
    out = io.StringIO()
    bar = TextBar(out)
    for done in range(1, 1001):
        bar(done, 1000)
    lines = out.getvalue().splitlines()
    assert 2 <= len(lines) <= 12
    assert "1,000 of 1,000 examples" in lines[-1]


def test_a_terminal_gets_one_line() -> None:
    out = Terminal()
    bar = TextBar(out)
    for done in range(1, 1001):
        bar(done, 1000)
    assert out.getvalue().count("\n") == 1
    assert "\r" in out.getvalue()


def test_an_unknown_total_is_told_without_a_bar() -> None:
    out = Terminal()
    TextBar(out)(17, None)
    assert "17 examples" in out.getvalue()
