"""Which service and key a command takes, and what is wrong where none will do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cleantrace.cli import app
from cleantrace.client import Client
from cleantrace.client.config import find_settings
from cleantrace.client.errors import NotConfigured
from cleantrace.client.user_config import config_path
from cleantrace.version import __version__
from tests.cleantrace.client.front import Front


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody who has configured nothing, in an empty folder."""
    for name in list(os.environ):
        if name.startswith("CLEANTRACE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CLEANTRACE_DATA_DIR", str(tmp_path / "no-stack"))
    repository = tmp_path / "repository"
    repository.mkdir()
    monkeypatch.chdir(repository)
    return repository


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=given)


def login(url: str, key: str) -> Result:
    return run("login", url, "--project", "lab", "--key-stdin", given=f"{key}\n")


def test_a_key_is_kept_used_and_forgotten(api_url: str, key: str) -> None:
    said = login(f"{api_url}/", key)
    assert said.exit_code == 0, said.output
    assert f"engineer of lab at {api_url}" in said.stderr
    assert key not in said.output
    assert config_path().stat().st_mode & 0o777 == 0o600
    assert run("datasets", "list").exit_code == 0
    with Client() as client:
        assert client.me().role == "engineer"
    assert run("logout").exit_code == 0
    assert key not in config_path().read_text()
    assert run("logout").exit_code == 2
    assert run("datasets", "list").exit_code == 2


def test_a_key_that_is_refused_is_not_kept(api_url: str, key: str) -> None:
    assert login(api_url, "ct_wrong").exit_code == 3
    assert not config_path().exists()
    asked = run("login", api_url)
    assert asked.exit_code == 2
    assert "--key-stdin" in asked.stderr


def test_a_file_of_logins_that_cannot_be_read_is_named(api_url: str, key: str) -> None:
    config_path().parent.mkdir(parents=True)
    config_path().write_text("url = ")
    said = run("login", api_url, "--project", "lab", "--key-stdin", given=f"{key}\n")
    assert said.exit_code == 2, said.output
    assert "config.toml cannot be read" in said.stderr


def test_a_key_goes_to_no_other_service(api_url: str, key: str, front: Front) -> None:
    login(api_url, key)
    said = run("datasets", "--url", front.url, "list")
    assert said.exit_code == 2
    assert f"no API key for {front.url}" in said.stderr
    assert front.seen == []


def test_options_come_first_then_variables_then_the_repository(
    api_url: str, key: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login(api_url, key)
    assert find_settings(None, None, None).url == api_url
    inner = home / "deep" / "down"
    inner.mkdir(parents=True)
    table = '[tool.cleantrace]\nurl = "https://repository.example"\nproject = "images"\n'
    (home / "pyproject.toml").write_text(table)
    monkeypatch.chdir(inner)
    found = find_settings(None, None, None)
    assert (found.url, found.project) == ("https://repository.example", "images")
    assert (found.url_from, found.api_key) == (str(home / "pyproject.toml"), None)
    monkeypatch.setenv("CLEANTRACE_URL", "https://variable.example")
    monkeypatch.setenv("CLEANTRACE_TOKEN", "ct_variable")
    found = find_settings(None, None, None)
    assert (found.url, found.api_key) == ("https://variable.example", "ct_variable")
    assert (found.url_from, found.api_key_from) == ("CLEANTRACE_URL", "CLEANTRACE_TOKEN")
    assert find_settings("https://given.example", "ct_given", "x").api_key == "ct_given"


def test_a_key_in_the_repository_is_refused_and_not_shown(home: Path) -> None:
    (home / "pyproject.toml").write_text('[tool.cleantrace]\ntoken = "ct_secret"\n')
    with pytest.raises(NotConfigured, match="Revoke it") as refused:
        find_settings(None, None, None)
    assert "ct_secret" not in str(refused.value)


@pytest.mark.parametrize("broken", ["url = ", "\xff"])
def test_a_file_that_cannot_be_read_is_named(home: Path, broken: str) -> None:
    (home / "pyproject.toml").write_bytes(broken.encode("latin-1"))
    with pytest.raises(NotConfigured, match=r"pyproject\.toml cannot be read"):
        find_settings(None, None, None)


def test_the_doctor_finds_all_well(api_url: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    login(api_url, key)
    said = run("doctor")
    assert said.exit_code == 0, said.output
    assert "BAD" not in said.stdout
    assert key not in said.output
    told = [json.loads(line) for line in run("doctor", "--json").stdout.splitlines()]
    assert [each["what"] for each in told] == ["this", "configuration", "service", "clock", "key"]
    assert __version__ in told[2]["detail"]
    monkeypatch.setenv("CLEANTRACE_URL", api_url)
    monkeypatch.setenv("CLEANTRACE_API_KEY", key)
    assert f"{api_url} (CLEANTRACE_URL)" in run("doctor").stdout
    assert "(given), project lab" in run("doctor", "--url", api_url, "--project", "lab").stdout


def test_the_doctor_says_what_is_wrong_and_what_to_do(api_url: str, key: str) -> None:
    said = run("doctor")
    assert said.exit_code == 1
    assert "cleantrace login" in said.stdout
    said = run("doctor", "--url", api_url, "--project", "lab")
    assert said.exit_code == 1
    assert f"cleantrace login {api_url} --project lab" in said.stdout
    said = run("doctor", "--url", api_url, "--project", "lab", "--api-key", "ct_wrong")
    assert "BAD key" in said.stdout
    said = run("doctor", "--url", "http://127.0.0.1:9", "--api-key", key)
    assert "BAD service: not reached" in said.stdout
    said = run("doctor", "--url", "no-url", "--api-key", key)
    assert said.exit_code == 1
    assert "BAD service" in said.stdout
