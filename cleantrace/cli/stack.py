"""`cleantrace up`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from cleantrace.cli.exits import SERVICE, USAGE, fail


def up(
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Where everything is kept; a usual place by default."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address the API listens on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the API; 0 takes a free one.")
    ] = 8000,
    workers: Annotated[int, typer.Option(min=0, max=256, help="Worker processes.")] = 1,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH",
            help="Directory or URL prefix that data and checkpoints are read from. Repeatable.",
        ),
    ] = None,
    project: Annotated[str, typer.Option(help="Project to make a key and a link for.")] = "default",
    not_durable: Annotated[
        bool,
        typer.Option("--not-durable", help="Faster; loses data if the machine loses power."),
    ] = False,
) -> None:
    """Run the whole service on this machine, until Ctrl-C.

    Starts Postgres, Valkey, the API, workers and the sweep, and starts again what dies.

    With DATABASE_URL or REDIS_URL set it uses that server instead of starting one. Data is kept
    in --data-dir, else in CLEANTRACE_DATA_DIR, else in /var/lib/cleantrace (root) or
    ~/.local/share/cleantrace.
    """
    if os.name != "posix":
        fail("`up` needs Linux or macOS. Elsewhere use docker-compose.yml.", USAGE)
    # Loaded only here: the client's other commands should not pay for it.
    from cleantrace.standalone.data_dir import default_data_dir
    from cleantrace.standalone.errors import StandaloneError
    from cleantrace.standalone.launcher import Launcher, LaunchOptions
    from cleantrace.standalone.postgres import NO_DURABILITY

    options = LaunchOptions(
        data_dir=data_dir or default_data_dir(),
        host=host,
        port=port,
        workers=workers,
        allow=tuple(allow or ()),
        project=project,
        postgres_options=tuple(NO_DURABILITY.items()) if not_durable else (),
    )
    try:
        Launcher(options, _say).run()
    except StandaloneError as error:
        fail(str(error), SERVICE)


def _say(line: str) -> None:
    try:
        typer.echo(line)
    except BrokenPipeError:
        # Nobody reads any more (`cleantrace up | head`); the service goes on.
        return
