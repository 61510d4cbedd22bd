"""`cleantrace keys ...`, for the operator of a stack on this machine."""

from typing import Annotated

import typer

from cleantrace.cli.operator import DataDir, Project, run_as_operator
from cleantrace.cli.results import AsJson

app = typer.Typer(help="API keys.", no_args_is_help=True)


@app.command("create")
def create(
    project: Project = "default",
    role: Annotated[str, typer.Option(help="viewer, reviewer, engineer or admin.")] = "engineer",
    name: Annotated[str, typer.Option(help="What the key is for.")] = "unnamed",
    days: Annotated[
        int | None, typer.Option(min=1, help="Days until it expires; without it, never.")
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="It sees what its role sees, changes nothing.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key and print it, once: only its hash is kept.

    Uses the stack that runs on the data directory; without --data-dir and with DATABASE_URL set,
    the service that the environment describes.
    """
    arguments = ["create-key", "--project", project, "--role", role, "--name", name]
    arguments += ["--read-only"] if read_only else []
    arguments += [] if days is None else ["--days", str(days)]
    run_as_operator(data_dir, as_json, *arguments)


@app.command("list")
def list_keys(
    project: Project = "default", data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Print the keys that open something: id, name, scope, expiry, last use."""
    run_as_operator(data_dir, as_json, "list-keys", "--project", project)


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id that `list` prints.")],
    project: Project = "default",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """End a key at once, and every browser session begun with it."""
    run_as_operator(data_dir, as_json, "revoke-key", "--project", project, key_id)
