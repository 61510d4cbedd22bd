"""`cleantrace keys ...`, for the operator of a stack on this machine."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from cleantrace.cli.failing import fail

app = typer.Typer(help="API keys.", no_args_is_help=True)

_SOURCE = Path(__file__).resolve().parents[2]


@app.callback()
def _group() -> None:
    """API keys."""


@app.command("create")
def create(
    project: Annotated[str, typer.Option(help="Project the key belongs to.")] = "default",
    role: Annotated[str, typer.Option(help="viewer, reviewer, engineer or admin.")] = "engineer",
    name: Annotated[str, typer.Option(help="What the key is for.")] = "unnamed",
    data_dir: Annotated[
        Path | None, typer.Option(help="Data directory of the running stack.")
    ] = None,
) -> None:
    """Make an API key and print it, once: only its hash is kept.

    Uses the stack that runs on the data directory; without --data-dir and with DATABASE_URL set,
    the service that the environment describes.
    """
    path = os.pathsep.join(filter(None, [str(_SOURCE), os.environ.get("PYTHONPATH")]))
    answer = subprocess.run(
        [
            sys.executable, "-m", "app.access", "create-key",
            "--project", project, "--role", role, "--name", name,
        ],
        env={**os.environ, "PYTHONPATH": path, **_service_environment(data_dir)},
        check=False,
    )  # fmt: skip
    raise typer.Exit(answer.returncode)


def _service_environment(data_dir: Path | None) -> dict[str, str]:
    if data_dir is None and os.environ.get("DATABASE_URL"):
        return {}
    from cleantrace.standalone.data_dir import DataDirectory, default_data_dir

    data = DataDirectory(data_dir or default_data_dir())
    state = data.read_state()
    if state is None:
        fail(
            f"No stack runs on {data.path}. Start one (cleantrace up), name its directory with "
            f"--data-dir, or set DATABASE_URL."
        )
    return {
        "DATABASE_URL": state.database_url,
        "REDIS_URL": state.redis_url,
        "CLEANTRACE_ARTIFACTS": state.artifacts,
    }
