"""Nothing in the repository speaks of one machine, or of where packages happened to come from."""

import re
from collections.abc import Iterator

from tools.checks.source import SourceFile

_FORBIDDEN = (
    # Split, so that this file does not hold what it forbids.
    (re.compile(r"(?<![\w/.])/" + r"(?:work|root|home/[a-z]+)/[\w.]"), "a path of one machine"),
    (re.compile(r"\b(?:pypi|files)\." + r"(?:python|pythonhosted)\.org"), "a registry's address"),
    (re.compile(r"\bregistry\.(?:npm" + r"js\.org|yarnpkg\.com)"), "a registry's address"),
    (re.compile(r"\bdownload\.pytorch" + r"\.org"), "a registry's address"),
)
# A lock file must say where each package was taken from.
_LOCK_FILES = {"package-lock.json"}


class ForbiddenWords:
    """No machine's paths, no registry's address."""

    name = "forbidden-words"

    def applies(self, file: SourceFile) -> bool:
        return file.path.name not in _LOCK_FILES

    def find(self, file: SourceFile) -> Iterator[tuple[int, str]]:
        for number, line in enumerate(file.text.splitlines(), start=1):
            for pattern, what in _FORBIDDEN:
                if found := pattern.search(line):
                    yield number, f"{found.group()!r} is {what}"
