"""`python -m tools.checks` runs every check over the repository."""

import sys
from pathlib import Path

from tools.checks.every import EVERY_CHECK
from tools.checks.source import run_check, tracked_files


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    files = list(tracked_files(root))
    findings = [
        found for file in files for check in EVERY_CHECK for found in run_check(check, file)
    ]
    for finding in findings:
        print(finding)
    print(f"{len(EVERY_CHECK)} checks over {len(files)} files: {len(findings)} found.")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
