"""A file that cannot be taken in at once is two files."""

from collections.abc import Iterator

from tools.checks.source import SourceFile

LONGEST = 500


class FileLength:
    """No Python, template, style or script file over 500 lines."""

    name = "file-length"

    def applies(self, file: SourceFile) -> bool:
        return file.path.suffix in {".css", ".html", ".js", ".py"}

    def find(self, file: SourceFile) -> Iterator[tuple[int, str]]:
        lines = file.text.count("\n")
        if lines > LONGEST:
            yield LONGEST + 1, f"{lines} lines; split it by what it does (at most {LONGEST})"
