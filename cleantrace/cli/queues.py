"""`cleantrace queues ...`."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cleantrace.cli.dataset_names import find_dataset
from cleantrace.cli.exits import USAGE, fail
from cleantrace.cli.results import (
    AsJson,
    finite,
    print_fields,
    print_json,
    tell,
    tell_all,
    tell_id,
)
from cleantrace.cli.service import connected, remember
from cleantrace.client import AnnotationImport, ImportReport, Queue

app = typer.Typer(help="Review queues.", no_args_is_help=True, callback=remember)

QueueId = Annotated[str, typer.Argument(metavar="QUEUE", help="Id of the queue.")]


class Tool(StrEnum):
    label_studio = "label-studio"
    argilla = "argilla"


class Skips(StrEnum):
    unsure = "unsure"
    unusable = "unusable"
    ignore = "ignore"


@app.command("create")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the queue.")],
    scan: Annotated[str, typer.Option(help="Id of a complete scan.")],
    top_k: Annotated[int | None, typer.Option(min=1, help="The first so many.")] = None,
    suspicion: Annotated[
        float | None,
        typer.Option(min=0, max=1, callback=finite, help="All at least this suspicious."),
    ] = None,
    given: Annotated[str | None, typer.Option(help="Those given this class.")] = None,
    suggested: Annotated[str | None, typer.Option(help="With --given: suggested this one.")] = None,
    order_by: Annotated[str, typer.Option(help="Score that orders it.")] = "suspicion",
    overlap: Annotated[int, typer.Option(min=1, help="People who decide each item.")] = 1,
    hide_suggestions: Annotated[
        bool, typer.Option("--hide-suggestions", help="Do not show suggestions.")
    ] = False,
    audits: Annotated[
        int, typer.Option(min=0, help="Examples drawn at random among the rest, as a proof.")
    ] = 0,
    canaries: Annotated[
        int, typer.Option(min=0, help="Examples shown with a wrong label, at most.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Make a queue of what a scan flagged, or of what is named; print its id."""
    policies: list[dict[str, Any]] = []
    if top_k is not None:
        policies.append({"kind": "top_k", "k": top_k})
    if suspicion is not None:
        policies.append({"kind": "suspicion", "at_least": suspicion})
    if given is not None:
        policies.append({"kind": "class", "given": given, "suggested": suggested})
    if len(policies) > 1:
        raise typer.BadParameter("give one of --top-k, --suspicion and --given")
    if suggested is not None and given is None:
        raise typer.BadParameter("--suggested needs --given")
    with connected(context) as client:
        made = client.create_queue(
            name,
            scan,
            policies[0] if policies else None,
            order_by=order_by,
            overlap=overlap,
            show_suggestion=not hide_suggestions,
            audits=audits,
            canaries=canaries,
        )
    tell(made, as_json, tell_id)


@app.command("list")
def list_queues(
    context: typer.Context,
    dataset: Annotated[
        str | None, typer.Option(help="Only those of this one: id, or name:version.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List queues, newest first."""
    columns = ["created", "name", "done", "disputed", "overlap", "", "id"]
    with connected(context) as client:
        only = None if dataset is None else find_dataset(client, dataset)
        tell_all(client.queues(only), as_json, columns, _row)


def _row(queue: Queue) -> list[str]:
    return [
        f"{queue.created_at:%Y-%m-%d %H:%M}",
        queue.name,
        f"{queue.done:,} of {queue.item_count:,}",
        f"{queue.disputed:,}",
        str(queue.overlap),
        "closed" if queue.closed_at else "",
        queue.id,
    ]


@app.command("mix")
def change_mixing(
    context: typer.Context,
    queue: QueueId,
    audits: Annotated[int, typer.Option(min=0, help="In all, with those drawn so far.")],
    canaries: Annotated[int, typer.Option(min=0, help="In all, at most.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Say anew how many audits and canaries are mixed into a queue."""
    with connected(context) as client:
        changed = client.change_mixing(queue, audits=audits, canaries=canaries)
    tell(changed, as_json, _tell_mixing)


def _tell_mixing(queue: Queue) -> None:
    typer.echo(f"{queue.audits:,} audits, up to {queue.canaries:,} canaries")


@app.command("import")
def import_annotations(
    context: typer.Context,
    queue: QueueId,
    file: Annotated[
        Path, typer.Argument(help="What the tool exported.", exists=True, dir_okay=False)
    ],
    tool: Annotated[Tool, typer.Option("--format", help="Which tool that is.")],
    skipped: Annotated[
        Skips, typer.Option(help="What it means that somebody skipped or discarded one.")
    ] = Skips.unsure,
    name: Annotated[
        list[str] | None,
        typer.Option(help="ID=NAME: what to call an annotator; repeat for more."),
    ] = None,
    leave_out_invalid: Annotated[
        bool, typer.Option("--leave-out-invalid", help="Import the rest, if some are not known.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of them, and stop.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take annotations from Label Studio or Argilla as verdicts of their annotators."""
    from cleantrace.annotations import AnnotationsUnreadable, read_annotations

    names = dict(each.partition("=")[::2] for each in name or ())
    try:
        found = read_annotations(file.read_bytes(), tool.value, skipped=skipped.value, names=names)
    except AnnotationsUnreadable as error:
        fail(f"{file} cannot be read as an export of {tool.value}.\n{error}", USAGE)
    with connected(context) as client:
        reports: Sequence[ImportReport] = (
            client.preview_import(queue, tool.value, found)
            if dry_run
            else client.import_annotations(
                queue, tool.value, found, leave_out_invalid=leave_out_invalid
            )
        )
    for report in reports:
        if as_json:
            print_json(report, indent=None)
            continue
        if isinstance(report, AnnotationImport):
            typer.echo(report.id or "nothing was new")
        _tell(report)


def _tell(report: ImportReport) -> None:
    """On standard error: what is asked for, the import's id, stands alone."""
    from cleantrace.reports.escaping import visible

    counts = {name: getattr(report, name) for name in _COUNTS}
    said = [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count]
    typer.echo(f"{report.annotations:,} annotations: {', '.join(said)}", err=True)
    for row in report.invalid_rows:
        typer.echo(f"  {visible(row['key'])}: {visible(row['message'])}", err=True)


_COUNTS = ("new", "changed", "unchanged", "taken", "mixed_in", "repeated", "invalid")


@app.command("show")
def show(context: typer.Context, queue: QueueId, as_json: AsJson = False) -> None:
    """Show a queue and its progress."""
    with connected(context) as client:
        found, progress = client.get_queue(queue), client.queue_progress(queue)
    if as_json:
        print_json(found.to_json() | {"progress": progress.to_json()})
    else:
        print_fields(found)
        print_fields(progress)


@app.command("close")
def close(context: typer.Context, queue: QueueId, as_json: AsJson = False) -> None:
    """Give no item of a queue out any more."""
    with connected(context) as client:
        tell(client.close_queue(queue), as_json, _tell_state)


@app.command("reopen")
def reopen(context: typer.Context, queue: QueueId, as_json: AsJson = False) -> None:
    """Give items of a closed queue out again."""
    with connected(context) as client:
        tell(client.reopen_queue(queue), as_json, _tell_state)


def _tell_state(queue: Queue) -> None:
    typer.echo("closed" if queue.closed_at else "open")


@app.command("reprioritise")
def reprioritise(
    context: typer.Context,
    queue: QueueId,
    scan: Annotated[str, typer.Option(help="Id of a complete scan of its dataset.")],
    order_by: Annotated[
        str | None, typer.Option(help="Score that orders it; the one before if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Order a queue by another scan. Verdicts stay."""
    with connected(context) as client:
        tell(client.reprioritise_queue(queue, scan, order_by=order_by), as_json, tell_id)
