"""What comes along when the client is imported: it runs inside training jobs and in each CI job."""

from __future__ import annotations

import subprocess
import sys

import pytest

_NEVER = "torch numpy pandas pyarrow polars app workers sqlalchemy fastapi celery uvicorn"


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import cleantrace", f"{_NEVER} httpx rich typer yaml pydantic"),
        ("from cleantrace import Client, AsyncClient", f"{_NEVER} yaml pydantic"),
        ("import cleantrace.cli", f"{_NEVER} httpx yaml"),
    ],
)
def test_importing_brings_nothing_heavy(code: str, heavy: str) -> None:
    told = f"{code}\nimport sys\nprint(*[m for m in {heavy.split()} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def test_names_are_there_when_asked_for() -> None:
    names = ["AsyncClient", "CleantraceError", "Client"]
    code = f"import cleantrace; print(*[getattr(cleantrace, n).__name__ for n in {names}])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == names
