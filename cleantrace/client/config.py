"""Which service to talk to: given, or from the environment, or from a stack on this machine."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from cleantrace.client.errors import NotConfigured
from cleantrace.standalone.data_dir import DataDirectory


@dataclass(frozen=True)
class Address:
    """Where the service is, and who we are there."""

    url: str
    api_key: str
    project: str


def from_environment(url: str | None, api_key: str | None, project: str | None) -> Address:
    """What is given, else CLEANTRACE_URL, CLEANTRACE_API_KEY and CLEANTRACE_PROJECT.

    Raises:
        NotConfigured: there is no URL, or no key.
    """
    url = url or os.environ.get("CLEANTRACE_URL")
    api_key = api_key or os.environ.get("CLEANTRACE_API_KEY")
    project = project or os.environ.get("CLEANTRACE_PROJECT") or "default"
    if not url:
        raise NotConfigured(
            "No service is named. Give its URL, set CLEANTRACE_URL, or start one here: cleantrace "
            "up."
        )
    if not api_key:
        raise NotConfigured(
            f"There is no API key for {url}. Give one or set CLEANTRACE_API_KEY; the service's "
            "operator makes keys with: cleantrace keys create."
        )
    return Address(url, api_key, project)


def of_stack(data_dir: str | os.PathLike[str], project: str | None) -> Address:
    """The stack that runs on a data directory (`cleantrace up`), with the key it keeps there.

    Raises:
        NotConfigured: none runs there, or its files cannot be read.
    """
    path = Path(data_dir).expanduser()
    try:
        state = json.loads((path / "stack.json").read_text())
        url, first = str(state["url"]), str(state["project"])
        project = project or first
        key_file = DataDirectory(path).api_key_of(project)
        return Address(url, key_file.read_text().strip(), project)
    except FileNotFoundError as error:
        if (path / "stack.json").exists():
            raise NotConfigured(
                f"The stack on {path} keeps no key of the project {project!r}. Make one "
                f"(cleantrace keys create --project {project}) and set CLEANTRACE_API_KEY."
            ) from error
        raise NotConfigured(
            f"No stack runs on {path}. Start one: cleantrace up --data-dir {path}."
        ) from error
    except (OSError, ValueError, KeyError) as error:
        raise NotConfigured(f"The stack's files in {path} cannot be read: {error}.") from error
