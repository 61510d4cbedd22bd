"""`cleantrace gates ...`, and `cleantrace gate ...` for those who check one."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cleantrace.cli.dataset_names import find_dataset
from cleantrace.cli.exits import end, harmless
from cleantrace.cli.gate_exits import status_of
from cleantrace.cli.gate_reports import ReportOptions, wanted_reports, write_reports
from cleantrace.cli.gate_targets import find_target, fingerprint_of
from cleantrace.cli.results import AsJson, Timeout, print_json, tell, tell_all
from cleantrace.cli.service import connected, remember
from cleantrace.client import Gate, GateEvaluationRow
from cleantrace.client.errors import ApiError

if TYPE_CHECKING:
    from cleantrace.client import Client
    from cleantrace.gates import PolicyFile

app = typer.Typer(
    help="Gates: policies that a dataset version must meet.",
    no_args_is_help=True,
    callback=remember,
)


@app.command("check")
def check(
    context: typer.Context,
    policy: Annotated[Path | None, typer.Option(help="A policy file: YAML.")] = None,
    gate: Annotated[
        str | None, typer.Option(help="A stored policy instead: NAME or NAME:VERSION.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="What to check: id, or name:version. Its latest scan counts.")
    ] = None,
    scan: Annotated[str | None, typer.Option(help="What to check: the id of one scan.")] = None,
    baseline: Annotated[
        str | None, typer.Option(help="What to compare with: a dataset's id, or name:version.")
    ] = None,
    baseline_scan: Annotated[
        str | None, typer.Option(help="What to compare with: the id of one scan.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="The data in the repository, for the rule fingerprint.")
    ] = None,
    fingerprint: Annotated[
        str | None, typer.Option(help="Their fingerprint, where it is known already.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for a scan that is under way.")
    ] = False,
    timeout: Timeout = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail as well.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing.")] = False,
    as_json: AsJson = False,
    report: ReportOptions = None,
) -> None:
    """Hold a dataset version against a policy.

    Exit status: 0 passed (with warnings too, unless --strict), 1 failed, 2 the command line or
    the policy file is wrong, 3 the service refused or was not reached, 4 no verdict was possible.
    """
    wanted = wanted_reports(report, as_json=as_json)
    if (policy is None) == (gate is None):
        raise typer.BadParameter("Give --policy FILE or --gate NAME.")
    file = None if policy is None else _read(policy)
    with connected(context) as client:
        target = find_target(client, dataset, scan, wait=wait, timeout_s=timeout)
        if data is not None:
            fingerprint = fingerprint_of(client, target.dataset_id, data)
        name, version = _name_and_version(gate)
        try:
            found = client.check_gate(
                name or (file.policy if file else {}),
                target.dataset,
                scan=target.scan,
                version=version,
                baseline=None if baseline is None else find_dataset(client, baseline),
                baseline_scan=baseline_scan,
                fingerprint=fingerprint,
                dry_run=dry_run,
            )
        except ApiError as error:
            raise (file and file.refused(error)) or error from None
        write_reports(client, found, wanted, file=file, data=data, as_json=as_json)
    if as_json:
        print_json(found)
    raise typer.Exit(status_of(found, strict=strict))


@app.command("store")
def store(
    context: typer.Context,
    policy: Annotated[Path, typer.Argument(help="A policy file: YAML.")],
    as_json: AsJson = False,
) -> None:
    """Store a policy as the next version of its name, and print name and version."""
    file = _read(policy)
    with connected(context) as client:
        try:
            stored = client.store_gate(file.policy)
        except ApiError as error:
            raise file.refused(error) or error from None
    tell(stored, as_json, _tell_name)


def _tell_name(gate: Gate) -> None:
    typer.echo(f"{gate.name}:{gate.version}")


@app.command("list")
def list_gates(context: typer.Context, as_json: AsJson = False) -> None:
    """List stored policies in all their versions, the newest first."""
    columns = ["name", "version", "rules", "stored", "by", "id"]
    with connected(context) as client:
        tell_all(client.gates(), as_json, columns, _gate_row)


def _gate_row(gate: Gate) -> list[str]:
    rules = str(len(gate.policy["rules"]))
    stored = f"{gate.created_at:%Y-%m-%d %H:%M}"
    return [gate.name, str(gate.version), rules, stored, gate.created_by, gate.id]


@app.command("show")
def show(
    context: typer.Context,
    gate: Annotated[str, typer.Argument(help="NAME, NAME:VERSION, or an id.")],
    as_json: AsJson = False,
) -> None:
    """Show a stored policy as JSON, which is YAML as well; --json all that is stored with it."""
    with connected(context) as client:
        tell(_find_gate(client, gate), as_json, _print_policy)


def _print_policy(gate: Gate) -> None:
    print_json(gate.policy)


@app.command("evaluations")
def list_evaluations(
    context: typer.Context,
    dataset: Annotated[
        str | None, typer.Option(help="Only those of a dataset: id, or name:version.")
    ] = None,
    gate: Annotated[str | None, typer.Option(help="Only those of this name.")] = None,
    as_json: AsJson = False,
) -> None:
    """List verdicts, the newest first."""
    columns = ["at", "gate", "version", "verdict", "by", "id"]
    with connected(context) as client:
        only = None if dataset is None else find_dataset(client, dataset)
        tell_all(client.gate_evaluations(only, gate), as_json, columns, _verdict_row)


def _verdict_row(row: GateEvaluationRow) -> list[str]:
    version = "" if row.gate_version is None else str(row.gate_version)
    verdict = row.verdict.replace("_", " ")
    return [f"{row.at:%Y-%m-%d %H:%M}", row.gate, version, verdict, row.by, row.id]


@app.command("explain")
def explain(
    context: typer.Context,
    evaluation: Annotated[str, typer.Argument(help="Id of an evaluation.")],
    as_json: AsJson = False,
    report: ReportOptions = None,
) -> None:
    """Tell a verdict's reasons once more, and what it was made from."""
    wanted = wanted_reports(report, as_json=as_json)
    with connected(context) as client:
        found = client.explain_gate(evaluation)
        write_reports(client, found.evaluation, wanted, as_json=as_json)
    if as_json:
        print_json(found)
    elif all(path is not None for _, path in wanted):
        at, by = found.evaluation.at, harmless(found.evaluation.by)
        typer.echo(f"\nEvaluated on {at:%Y-%m-%d %H:%M %Z} by {by}.")
        same = "the same result" if found.repeats else "another result: the rules have changed"
        typer.echo(f"The same inputs give {same}. See them with --json.")


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of policy files, for editors and linters."""
    typer.echo(files("cleantrace.gates").joinpath("policy.schema.json").read_text(), nl=False)


def _read(path: Path) -> PolicyFile:
    from cleantrace.gates import PolicyFileInvalid, read_policy  # brings YAML along

    try:
        return read_policy(path)
    except PolicyFileInvalid as error:
        end(error)


def _name_and_version(gate: str | None) -> tuple[str | None, int | None]:
    if gate is None:
        return None, None
    name, separator, version = gate.partition(":")
    if separator and not version.isdecimal():
        raise typer.BadParameter(f"{version!r} is no version of a gate: it is a number from 1")
    return name, int(version) if separator else None


def _find_gate(client: Client, gate: str) -> Gate:
    if gate.count("-") == 4 and len(gate) == 36:
        return client.get_gate(gate)
    name, version = _name_and_version(gate)
    for each in client.gates(name):
        if version in (None, each.version):
            return each
    raise typer.BadParameter(f"there is no gate {gate!r}")
