"""With and without a browser: the search runs in a process whose PATH we choose."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SEARCH = """
import os
from tools import ensure_browser
ensure_browser.os.geteuid = lambda: 1000
print(ensure_browser.find_browser())
raise SystemExit(ensure_browser.main())
"""


def search(path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": str(path),
        "HOME": str(path),
        "PLAYWRIGHT_BROWSERS_PATH": str(path / "browsers"),
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-c", SEARCH],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_browser_on_path_is_found(tmp_path: Path) -> None:
    program = tmp_path / "google-chrome"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    ended = search(tmp_path)
    assert ended.stdout.splitlines()[0] == str(program)
    assert ended.returncode == 0


def test_missing_browser_is_told_and_fails_only_where_it_must(tmp_path: Path) -> None:
    ended = search(tmp_path)
    assert ended.returncode == 0
    assert "playwright install chromium" in ended.stderr
    assert search(tmp_path, CI="true").returncode == 1
