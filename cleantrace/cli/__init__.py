"""The `cleantrace` command. Each group of verbs is a file of its own."""

import typer

from cleantrace.cli import (
    datasets,
    doctor,
    estimates,
    exports,
    gates,
    keys,
    login,
    people,
    queues,
    runs,
    scans,
    scores,
    signing_keys,
    stack,
)
from cleantrace.version import __version__

app = typer.Typer(
    name="cleantrace",
    help="Finds mislabelled training data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("up")(stack.up)
app.command("login")(login.login)
app.command("logout")(login.logout)
app.command("doctor")(doctor.doctor)
app.add_typer(keys.app, name="keys")
app.add_typer(people.app, name="people")
app.add_typer(datasets.app, name="datasets")
app.add_typer(runs.app, name="runs")
app.add_typer(runs.checkpoints, name="checkpoints")
app.add_typer(scans.app, name="scans")
app.add_typer(estimates.app, name="estimates")
app.add_typer(scores.flags, name="flags")
app.add_typer(scores.scores, name="scores")
app.add_typer(queues.app, name="queues")
app.add_typer(gates.app, name="gates")
app.add_typer(gates.app, name="gate", hidden=True)  # `gate check` reads better than `gates check`
app.add_typer(exports.app, name="exports")
app.add_typer(signing_keys.app, name="signing-keys")


@app.command("version")
def version() -> None:
    """Print the version."""
    typer.echo(__version__)
