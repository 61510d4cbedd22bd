"""What `cleantrace login` keeps, for this user of this machine: a service, a project, and keys.

A key is kept with the URL it was given for, and goes to no other.
"""

import json
import os
import tomllib
from pathlib import Path
from typing import Any

from cleantrace.client.errors import NotConfigured


def config_path() -> Path:
    """`$XDG_CONFIG_HOME/cleantrace/config.toml`, by default below ~/.config."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "cleantrace" / "config.toml"


def read_config() -> dict[str, Any]:
    """Empty if there is none. Raises NotConfigured: it cannot be read."""
    path = config_path()
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise NotConfigured(
            f"{path} cannot be read: {error}. Mend or remove it, then: cleantrace login."
        ) from error


def key_for(config: dict[str, Any], url: str) -> str | None:
    keys = config.get("keys")
    found = keys.get(url.rstrip("/")) if isinstance(keys, dict) else None
    return found if isinstance(found, str) else None


def remember_login(url: str, project: str, api_key: str) -> Path:
    """Make this the service that is talked to; returns where that is kept."""
    config = read_config()
    keys = config.get("keys")
    keys = dict(keys) if isinstance(keys, dict) else {}
    keys[url.rstrip("/")] = api_key
    return _write({"url": url.rstrip("/"), "project": project}, keys)


def forget_login(url: str | None = None) -> str | None:
    """Remove the key of a service, of the one that is talked to if not given; returns its URL."""
    config = read_config()
    url = (url or str(config.get("url", ""))).rstrip("/")
    if key_for(config, url) is None:
        return None
    keys = {each: key for each, key in config["keys"].items() if each != url}
    left = {name: value for name, value in config.items() if isinstance(value, str)}
    _write({} if left.get("url") == url else left, keys)
    return url


def _write(values: dict[str, str], keys: dict[str, str]) -> Path:
    path = config_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A JSON string is a TOML one, as long as nothing outside the basic plane is escaped in halves.
    lines = [f"{name} = {_text(value)}" for name, value in values.items()]
    lines += ["", "[keys]", *(f"{_text(url)} = {_text(key)}" for url, key in keys.items()), ""]
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("\n".join(lines))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
