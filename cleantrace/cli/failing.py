"""How a command ends when it cannot do what was asked."""

from typing import NoReturn

import typer


def fail(message: str) -> NoReturn:
    """Print the reason on the error stream and end with status 1."""
    typer.secho(f"cleantrace: {message}", err=True, fg=typer.colors.RED)
    raise typer.Exit(1)
