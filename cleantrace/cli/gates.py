"""`cleantrace gates ...`, and `cleantrace gate ...` for those who check one."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cleantrace.cli.dataset_names import find_dataset
from cleantrace.cli.gate_exits import connected_to_gates, end, status_of
from cleantrace.cli.gate_reports import ReportOptions, wanted_reports, write_reports
from cleantrace.cli.gate_targets import find_target, fingerprint_of
from cleantrace.cli.service import id_column, out, remember
from cleantrace.client import Client, Gate
from cleantrace.client.errors import ApiError
from cleantrace.gates import PolicyFile, PolicyFileInvalid, read_policy

app = typer.Typer(
    help="Gates: policies that a dataset version must meet.",
    no_args_is_help=True,
    callback=remember,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print the evaluation as JSON.")]


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
    timeout: Annotated[
        float | None, typer.Option(min=0, help="With --wait: seconds to wait at most.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail as well.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing.")] = False,
    as_json: AsJson = False,
    report: ReportOptions = None,
) -> None:
    """Hold a dataset version against a policy.

    Exit status: 0 passed (with warnings too, unless --strict), 1 failed, 2 the command line or
    the policy file is wrong, 3 the service refused or was not reached, 4 no verdict was possible.
    """
    wanted = wanted_reports(report)
    if (policy is None) == (gate is None):
        raise typer.BadParameter("Give --policy FILE or --gate NAME.")
    file = None if policy is None else _read(policy)
    with connected_to_gates(context) as client:
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
    raise typer.Exit(status_of(found, strict=strict))


@app.command("store")
def store(
    context: typer.Context,
    policy: Annotated[Path, typer.Argument(help="A policy file: YAML.")],
) -> None:
    """Store a policy as the next version of its name, and print name and version."""
    file = _read(policy)
    with connected_to_gates(context) as client:
        try:
            stored = client.store_gate(file.policy)
        except ApiError as error:
            raise file.refused(error) or error from None
    typer.echo(f"{stored.name}:{stored.version}")


@app.command("list")
def list_gates(context: typer.Context) -> None:
    """List stored policies in all their versions, the newest first."""
    table = Table("name", "version", "rules", "stored", "by", id_column(), box=None)
    with connected_to_gates(context) as client:
        for each in client.gates():
            rules = str(len(each.policy["rules"]))
            stored = f"{each.created_at:%Y-%m-%d %H:%M}"
            table.add_row(each.name, str(each.version), rules, stored, each.created_by, each.id)
    out.print(table)


@app.command("show")
def show(
    context: typer.Context,
    gate: Annotated[str, typer.Argument(help="NAME, NAME:VERSION, or an id.")],
) -> None:
    """Show a stored policy as JSON, which is YAML as well."""
    with connected_to_gates(context) as client:
        found = _find_gate(client, gate)
    typer.echo(json.dumps(found.policy, indent=2, ensure_ascii=False))


@app.command("evaluations")
def list_evaluations(
    context: typer.Context,
    dataset: Annotated[
        str | None, typer.Option(help="Only those of a dataset: id, or name:version.")
    ] = None,
    gate: Annotated[str | None, typer.Option(help="Only those of this name.")] = None,
) -> None:
    """List verdicts, the newest first."""
    table = Table("at", "gate", "version", "verdict", "by", id_column(), box=None)
    with connected_to_gates(context) as client:
        only = None if dataset is None else find_dataset(client, dataset)
        for each in client.gate_evaluations(only, gate):
            version = "" if each.gate_version is None else str(each.gate_version)
            at = f"{each.at:%Y-%m-%d %H:%M}"
            verdict = each.verdict.replace("_", " ")
            table.add_row(at, each.gate, version, verdict, each.by, each.id)
    out.print(table)


@app.command("explain")
def explain(
    context: typer.Context,
    evaluation: Annotated[str, typer.Argument(help="Id of an evaluation.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="All inputs and results, as JSON.")
    ] = False,
    report: ReportOptions = None,
) -> None:
    """Tell a verdict's reasons once more, and what it was made from."""
    wanted = wanted_reports(report)
    with connected_to_gates(context) as client:
        found = client.explain_gate(evaluation)
        if as_json:
            told = {"inputs": found.inputs, "repeats": found.repeats}
            typer.echo(json.dumps({"evaluation": found.evaluation.answer, **told}, indent=2))
            return
        write_reports(client, found.evaluation, wanted)
    if not report:
        typer.echo(f"\nEvaluated on {found.evaluation.at} by {found.evaluation.by}.")
        same = "the same result" if found.repeats else "another result: the rules have changed"
        typer.echo(f"The same inputs give {same}. See them with --json.")


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of policy files, for editors and linters."""
    typer.echo(files("cleantrace.gates").joinpath("policy.schema.json").read_text(), nl=False)


def _read(path: Path) -> PolicyFile:
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
