"""`cleantrace login` and `cleantrace logout`."""

import sys
from typing import Annotated

import typer

from cleantrace.cli.exits import USAGE, ending_as_told, fail, harmless
from cleantrace.client.user_config import forget_login, remember_login


def login(
    url: Annotated[str, typer.Argument(help="URL of the service.")],
    project: Annotated[str, typer.Option(help="Project of the key.")] = "default",
    key_stdin: Annotated[
        bool, typer.Option("--key-stdin", help="Read the key from standard input; ask nobody.")
    ] = False,
) -> None:
    """Keep an API key on this machine, and talk to its service from now on.

    The key is asked for and not shown. It is kept for this user alone, with the URL, and goes to
    no other. Variables and options come before it.
    """
    if key_stdin:
        key = sys.stdin.readline().strip()
    elif sys.stdin.isatty():
        key = typer.prompt("API key", hide_input=True, err=True).strip()
    else:
        raise typer.BadParameter("there is no terminal to ask for the key: use --key-stdin")
    if not key:
        raise typer.BadParameter("the key is empty")
    from cleantrace.client import Client  # brings HTTP along

    with ending_as_told(), Client(url, key, project, tries=2) as client:
        me = client.me()
    with ending_as_told():
        try:
            path = remember_login(client.url, project, key)
        except OSError as error:
            fail(f"The key could not be kept: {error}.", USAGE)
    said = f"{me.name}, {me.role} of {me.project} at {client.url}. Kept in {path}."
    typer.echo(harmless(said), err=True)


def logout(
    url: Annotated[
        str | None, typer.Argument(help="Of which service; the one in use by default.")
    ] = None,
) -> None:
    """Forget the key of a service. It stays valid: its page, or `keys revoke`, ends it."""
    with ending_as_told():
        forgotten = forget_login(url)
    if forgotten is None:
        fail("No key is kept" + (f" for {url}." if url else "."), USAGE)
    typer.echo(f"Forgot the key of {forgotten}.", err=True)
