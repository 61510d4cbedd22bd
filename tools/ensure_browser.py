"""Find a Chromium for the browser tests, or install Debian's where we may.

`python -m tools.ensure_browser` prints the program's path. Without a browser it says what to
install and ends with 0, because the tests then skip with that reason; with CI=true the absence is
a failure.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ADVICE = (
    "There is no Chromium for the browser tests. Install one: "
    "`.venv/bin/playwright install chromium`, or `apt-get install chromium` as root."
)


def find_browser() -> str | None:
    """Path of a browser: Playwright's own, else one on PATH; None if there is neither."""
    return _playwrights_own() or next(filter(None, map(shutil.which, _NAMES)), None)


def browser_missing(environment: dict[str, str]) -> str | None:
    """Why browser tests must be skipped, or None if they can run.

    Raises:
        RuntimeError: there is no browser, and CI=true says that there must be.
    """
    if find_browser() is not None:
        return None
    if environment.get("CI", "").lower() == "true":
        raise RuntimeError(ADVICE)
    return ADVICE


def _playwrights_own() -> str | None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _install_debians() -> None:
    """Debian's package, if we are root on such a system. Ubuntu's needs snap, which may fail."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    print("Installing chromium for the browser tests.", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (
        ["update", "-qq"],
        ["install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"],
    ):
        ended = subprocess.run(["apt-get", *arguments], env=environment, check=False)
        if ended.returncode != 0:
            print("apt-get failed; going on without.", file=sys.stderr)
            return


def main() -> int:
    if find_browser() is None:
        _install_debians()
    found = find_browser()
    if found is not None:
        print(f"Browser tests use {found}.")
        return 0
    print(ADVICE, file=sys.stderr)
    return 1 if os.environ.get("CI", "").lower() == "true" else 0


if __name__ == "__main__":
    sys.exit(main())
