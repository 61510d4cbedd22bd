"""`cleantrace signing-keys ...`: what evidence packs are signed and verified with."""

import typer

from cleantrace.cli.operator import run_as_operator
from cleantrace.cli.results import AsJson, print_json
from cleantrace.cli.service import connected, remember

app = typer.Typer(
    help="The keys that evidence packs are signed with.", no_args_is_help=True, callback=remember
)


@app.command("list")
def list_keys(context: typer.Context, as_json: AsJson = False) -> None:
    """Print the service's public keys as PEM, the one that signs now first.

    Keep them in a file: packs are verified with it, and without the service.
    """
    with connected(context) as client:
        keys = client.signing_keys()
        if not keys:
            typer.echo("Nothing is signed yet: the key is made with the first pack.", err=True)
        for key in keys:
            if as_json:
                print_json(key, indent=None)
                continue
            until = "signs now" if key.retired_at is None else f"retired {key.retired_at:%Y-%m-%d}"
            typer.echo(f"# {key.id}, made {key.created_at:%Y-%m-%d}, {until}")
            typer.echo(key.public_key, nl=False)


@app.command("rotate")
def rotate(context: typer.Context, as_json: AsJson = False) -> None:
    """Sign with a new key from now on, and print its public part.

    The old one's private part is forgotten; its public part stays, so that older packs verify.
    Acts as the operator: on the stack that runs on --data-dir, or that the environment describes.
    """
    run_as_operator(context.obj["data_dir"], as_json, "rotate", room="app.signing")
