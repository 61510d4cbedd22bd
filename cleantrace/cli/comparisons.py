"""`cleantrace datasets diff` and `cleantrace scans compare`."""

import itertools
from typing import Annotated

import typer
from rich.table import Table

from cleantrace.cli.dataset_names import find_dataset
from cleantrace.cli.results import AsJson, print_json, shown, tell
from cleantrace.cli.service import connected, out
from cleantrace.client import ChangedExample, ComparedExample, ScanComparison


def diff(
    context: typer.Context,
    before: Annotated[str, typer.Argument(help="The earlier version: id, or name:version.")],
    after: Annotated[str, typer.Argument(help="The later version.")],
    limit: Annotated[int, typer.Option(min=0, help="Examples to print at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what changed between two versions of a dataset, by whom, when and why."""
    with connected(context) as client:
        now, was = find_dataset(client, after), find_dataset(client, before)
        found = client.changes(now, was)
        every = client.changed_examples(now, was)
        if as_json:
            print_json(found.to_json() | {"examples": [each.to_json() for each in every]})
            return
        first = list(itertools.islice(every, limit))
    counts = found.counts
    out.print(
        f"{counts.before:,} examples became {counts.after:,}: {counts.relabelled:,} relabelled, "
        f"{counts.removed:,} removed, {counts.added:,} added, {counts.content:,} with other "
        f"content, {counts.unchanged:,} as they were."
    )
    if first:
        table = Table("key", "change", "old", "new", "by", "when", "why", box=None)
        for each in first:
            table.add_row(*map(shown, _changed_row(each)))
        out.print(table)
    changed = counts.before - counts.unchanged + counts.added
    if changed > len(first):
        out.print(f"and {changed - len(first):,} more: --limit, or --json for all")


def _changed_row(each: ChangedExample) -> list[str]:
    by = ["", "", ""]
    if each.origin is not None:
        by = [each.origin.who, f"{each.origin.at:%Y-%m-%d %H:%M}", each.origin.why or ""]
    return [
        each.key,
        ", ".join(each.kinds),
        _label(each.label_before, each.target_before),
        _label(each.label, each.target),
        *by,
    ]


def compare(
    context: typer.Context,
    before: Annotated[str, typer.Argument(help="Id of the earlier scan.")],
    after: Annotated[str, typer.Argument(help="Id of the later scan.")],
    limit: Annotated[int, typer.Option(min=0, max=200, help="Moved examples to tell.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what became of an earlier scan's flags, and which examples moved most."""
    with connected(context) as client:
        found = client.compare_scans(after, before, most=limit)
    tell(found, as_json, _print_comparison)


def _print_comparison(found: ScanComparison) -> None:
    flags, corrected = found.flags, found.corrected
    out.print(f"flags: {flags.gone:,} gone, {flags.kept:,} kept, {flags.new:,} new")
    out.print(
        f"corrected: {corrected.examples:,} examples, of which {corrected.flagged_before:,} were "
        f"flagged and {corrected.no_longer_flagged:,} no longer are"
    )
    if found.rank_correlation is not None:
        out.print(f"rank correlation: {found.rank_correlation:.3f} over {found.in_both:,} examples")
    if found.moved:
        table = Table("key", "old", "new", "rank before", "rank now", "flag", box=None)
        for each in found.moved:
            table.add_row(*map(shown, _moved_row(each)))
        out.print(table)


def _moved_row(each: ComparedExample) -> list[str]:
    flags = {(True, True): "kept", (True, False): "gone", (False, True): "new"}
    return [
        each.key,
        _label(each.label_before, each.target_before),
        _label(each.label, each.target),
        "" if each.rank_before is None else f"{each.rank_before:,}",
        "" if each.rank is None else f"{each.rank:,}",
        flags.get((each.flagged_before, each.flagged), ""),
    ]


def _label(label: str | None, target: float | None) -> str:
    if label is None:
        return "" if target is None else f"{target:g}"
    return label
