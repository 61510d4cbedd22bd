"""Which service to talk to: given, or from the environment, or from a stack on this machine."""

import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cleantrace.client.errors import NotConfigured
from cleantrace.client.user_config import config_path, key_for, read_config

KEY_VARIABLES = ("CLEANTRACE_API_KEY", "CLEANTRACE_TOKEN")


@dataclass(frozen=True)
class Address:
    """Where the service is, and who we are there."""

    url: str
    api_key: str
    project: str


@dataclass(frozen=True)
class Settings:
    """What was found of an address, and where: `given`, a variable's name, or a file's path."""

    url: str | None
    project: str
    api_key: str | None
    url_from: str
    project_from: str
    api_key_from: str


def find_settings(url: str | None, api_key: str | None, project: str | None) -> Settings:
    """What is given, else the environment, else pyproject.toml, else what `login` keeps.

    Raises:
        NotConfigured: a file cannot be read, or a key stands in pyproject.toml.
    """
    path, repository = _of_repository()
    user = read_config()
    kept = str(config_path())
    found_url, url_from = _first(
        (url, "given"),
        (os.environ.get("CLEANTRACE_URL"), "CLEANTRACE_URL"),
        (repository.get("url"), path),
        (user.get("url"), kept),
    )
    found_project, project_from = _first(
        (project, "given"),
        (os.environ.get("CLEANTRACE_PROJECT"), "CLEANTRACE_PROJECT"),
        (repository.get("project"), path),
        (user.get("project"), kept),
    )
    found_key, key_from = _first(
        (api_key, "given"),
        *((os.environ.get(name), name) for name in KEY_VARIABLES),
        (key_for(user, found_url) if found_url else None, kept),
    )
    return Settings(
        found_url, found_project or "default", found_key, url_from, project_from, key_from
    )


def from_environment(url: str | None, api_key: str | None, project: str | None) -> Address:
    """As `find_settings`, of which everything must be there.

    Raises:
        NotConfigured: there is no URL, or no key.
    """
    if url and api_key and project:
        return Address(url, api_key, project)
    found = find_settings(url, api_key, project)
    if not found.url:
        raise NotConfigured(
            "No service is named. Give its URL, set CLEANTRACE_URL, sign in to one (cleantrace "
            "login), or start one here (cleantrace up)."
        )
    if not found.api_key:
        raise NotConfigured(
            f"There is no API key for {found.url}. Give one, set CLEANTRACE_API_KEY, or keep one "
            "here: cleantrace login. The service's operator makes keys with: cleantrace keys "
            "create."
        )
    return Address(found.url, found.api_key, found.project)


def _first(*candidates: tuple[Any, str]) -> tuple[str | None, str]:
    for value, source in candidates:
        if value:
            return str(value), source
    return None, ""


def _of_repository() -> tuple[str, dict[str, Any]]:
    """The nearest pyproject.toml from here upwards, and its table [tool.cleantrace]."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        path = folder / "pyproject.toml"
        try:
            table = tomllib.loads(path.read_text()).get("tool", {}).get("cleantrace", {})
        except (FileNotFoundError, PermissionError):
            continue
        except (OSError, ValueError) as error:
            raise NotConfigured(f"{path} cannot be read: {error}.") from error
        if {"token", "api_key", "api-key", "key"} & table.keys():
            raise NotConfigured(
                f"A key stands in {path}, where all who read the repository read it. Revoke it, "
                "take it out, and set CLEANTRACE_API_KEY or use: cleantrace login."
            )
        return str(path), table
    return "", {}


def of_stack(data_dir: str | os.PathLike[str], project: str | None) -> Address:
    """The stack that runs on a data directory (`cleantrace up`), with the key it keeps there.

    Raises:
        NotConfigured: none runs there, or its files cannot be read.
    """
    # Only here: what runs a stack is heavy, and most clients talk to one elsewhere.
    from cleantrace.standalone.data_dir import DataDirectory

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
