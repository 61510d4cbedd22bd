"""`cleantrace doctor`: what is wrong between this machine and the service, and what to do."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import typer

from cleantrace.cli.exits import FAILED, harmless
from cleantrace.cli.results import AsJson, print_json
from cleantrace.cli.service import ApiKey, DataDir, Project, Url, out, settings_of
from cleantrace.client.config import Settings
from cleantrace.client.errors import CleantraceError
from cleantrace.version import __version__

if TYPE_CHECKING:
    import httpx

_MOST_SKEW_S = 60


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what to do about it."""

    what: str
    is_well: bool
    detail: str
    remedy: str = ""


def doctor(
    url: Url = None,
    api_key: ApiKey = None,
    project: Project = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Look at configuration, service, key and clock; say what to do where something is wrong.

    Exit status: 0 all is well, 1 something is not.
    """
    is_well = True
    for finding in _look(url, api_key, project, data_dir):
        is_well &= finding.is_well
        if as_json:
            print_json(asdict(finding), indent=None)
        else:
            _print(finding)
    if not is_well:
        raise typer.Exit(FAILED)


def _print(finding: Finding) -> None:
    mark, style = ("ok ", "green") if finding.is_well else ("BAD", "bold red")
    out.print(f"[{style}]{mark}[/] ", end="")
    out.print(harmless(f"{finding.what}: {finding.detail}"), markup=False, highlight=False)
    if finding.remedy:
        out.print(harmless(f"    {finding.remedy}"), markup=False, highlight=False)


def _look(url: Url, api_key: ApiKey, project: Project, data_dir: DataDir) -> Iterator[Finding]:
    """Stops at the first thing without which the rest cannot be known."""
    import httpx

    yield Finding("this", True, f"cleantrace {__version__}, Python {platform.python_version()}")
    try:
        found = settings_of(url, api_key, project, data_dir)
    except CleantraceError as error:
        yield Finding("configuration", False, str(error))
        return
    key = f"a key from {found.api_key_from}" if found.api_key else "no key"
    detail = f"{found.url} ({found.url_from}), project {found.project}, {key}"
    if not found.api_key:
        remedy = f"Keep one here: cleantrace login {found.url} --project {found.project}"
        yield Finding("configuration", False, detail, remedy)
    else:
        yield Finding("configuration", True, detail)
    answer = None
    try:
        answer = _ask(f"{found.url}/api/v1/health")
        health = answer.json()
        yield _service(health)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        reason = str(error) if answer is None else f"it answered {answer.status_code}, not as ours"
        remedy = "Check the URL, that the service runs, and proxies between here and there."
        yield Finding("service", False, f"not reached: {reason}", remedy)
        return
    if date := answer.headers.get("Date"):
        yield _clock(date)
    if found.api_key:
        yield _key(found)


def _ask(url: str) -> httpx.Response:
    import httpx

    from cleantrace.client.answers import is_loopback

    # As the client does it: a proxy cannot reach this machine's own services.
    return httpx.get(url, timeout=10, trust_env=not is_loopback(httpx.URL(url).host))


def _service(health: dict[str, object]) -> Finding:
    detail = f"version {health['version']}, {health['status']}"
    if health["status"] == "ok":
        if health["version"] == __version__:
            return Finding("service", True, detail)
        return Finding("service", True, f"{detail}; this is {__version__}")
    away = [name for name in ("database", "broker") if not health[name]]
    remedy = "Its operator has to look at: " + ", ".join(away)
    return Finding("service", False, f"{detail}; without its {' and '.join(away)}", remedy)


def _clock(date: str) -> Finding:
    skew = abs(parsedate_to_datetime(date).timestamp() - time.time())
    if skew <= _MOST_SKEW_S:
        return Finding("clock", True, "as the service's")
    detail = f"{skew:.0f} s apart from the service's"
    return Finding("clock", False, detail, "Set this machine's clock, or the service's (NTP).")


def _key(found: Settings) -> Finding:
    from cleantrace.client import Client

    try:
        with Client(found.url, found.api_key, found.project, tries=2) as client:
            me = client.me()
    except CleantraceError as error:
        return Finding("key", False, str(error))
    return Finding("key", True, f"{me.name}, {me.role} of {me.project}")
