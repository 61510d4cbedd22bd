"""`cleantrace people ...`, for the operator of a stack on this machine."""

from typing import Annotated

import typer

from cleantrace.cli.operator import DataDir, Project, run_as_operator
from cleantrace.cli.results import AsJson

app = typer.Typer(help="People of a project.", no_args_is_help=True)


@app.command("invite")
def invite(
    project: Project = "default",
    role: Annotated[str, typer.Option(help="viewer, reviewer, engineer or admin.")] = "reviewer",
    email: Annotated[
        str | None, typer.Option(help="Whom alone it is for; without it, for whoever holds it.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="Days that it is valid.")] = 7,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Print a link by which somebody joins the project, once."""
    arguments = ["invite", "--project", project, "--role", role, "--days", str(days)]
    arguments += [] if email is None else ["--email", email]
    run_as_operator(data_dir, as_json, *arguments)


@app.command("list")
def list_people(
    project: Project = "default", data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Print the project's people: name, e-mail address, role."""
    run_as_operator(data_dir, as_json, "list-people", "--project", project)


@app.command("link")
def link(
    email: Annotated[str, typer.Argument(help="The person's e-mail address.")],
    project: Project = "default",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Print a link that signs a person in, once: for whoever lost their password."""
    run_as_operator(data_dir, as_json, "link", "--project", project, email)
