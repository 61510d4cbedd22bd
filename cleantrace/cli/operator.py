"""Commands that act on the database itself, as the operator of the service."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cleantrace.cli.exits import SERVICE, USAGE, fail

Project = Annotated[str, typer.Option(help="Name of the project.")]
DataDir = Annotated[Path | None, typer.Option(help="Data directory of the running stack.")]

_SOURCE = Path(__file__).resolve().parents[2]


def run_as_operator(
    data_dir: Path | None, as_json: bool, *arguments: str, room: str = "app.access"
) -> NoReturn:
    """Run one of the service's own commands, and end as it ends.

    Uses the stack that runs on the data directory; without one and with DATABASE_URL set, the
    service that the environment describes.
    """
    path = os.pathsep.join(filter(None, [str(_SOURCE), os.environ.get("PYTHONPATH")]))
    answer = subprocess.run(
        [sys.executable, "-m", room, *arguments, *(["--json"] if as_json else [])],
        env={**os.environ, "PYTHONPATH": path, **_service_environment(data_dir)},
        check=False,
    )
    # Python ends with 1 whatever is wrong; here that is what failed gates end with.
    raise typer.Exit(SERVICE if answer.returncode == 1 else answer.returncode)


def _service_environment(data_dir: Path | None) -> dict[str, str]:
    if data_dir is None and os.environ.get("DATABASE_URL"):
        return {}
    from cleantrace.standalone.data_dir import DataDirectory, default_data_dir

    data = DataDirectory(data_dir or default_data_dir())
    state = data.read_state()
    if state is None:
        fail(
            f"No stack runs on {data.path}. Start one (cleantrace up), name its directory with "
            f"--data-dir, or set DATABASE_URL.",
            USAGE,
        )
    return {
        "DATABASE_URL": state.database_url,
        "REDIS_URL": state.redis_url,
        "CLEANTRACE_ARTIFACTS": state.artifacts,
        "CLEANTRACE_PUBLIC_URL": state.url,
        "CLEANTRACE_EVIDENCE_KEYS": os.environ.get("CLEANTRACE_EVIDENCE_KEYS")
        or data.evidence_key(),
    }
