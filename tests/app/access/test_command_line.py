"""`cleantrace people` and `cleantrace keys`, as an operator types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

from tests.app.dashboard.steps import browser_of
from tests.support import LAB, make_person

ROOT = Path(__file__).parents[3]


def _cleantrace(*arguments: str, status: int = 0) -> str:
    """What a command prints; on standard error if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "cleantrace.cli", *arguments, "--project", "lab"],
        cwd=ROOT,
        env={**os.environ, "CLEANTRACE_PUBLIC_URL": "https://labels.example/"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return (done.stderr if status else done.stdout).strip()


def test_an_operator_invites_lists_and_lets_in(anonymous: TestClient) -> None:
    link = _cleantrace("people", "invite", "--role", "admin", "--email", "ada@example.com")
    assert link.startswith("https://labels.example/invitations/")
    sent = {"name": "Ada", "email": "ada@example.com", "password": "bridge lantern otter"}
    assert browser_of(anonymous).post(urlsplit(link).path, data=sent).status_code == 303
    assert _cleantrace("people", "list") == "Ada\tada@example.com\tadmin"
    told = json.loads(_cleantrace("people", "list", "--json"))
    assert (told["name"], told["email"], told["role"]) == ("Ada", "ada@example.com", "admin")
    browser = browser_of(anonymous)
    path = urlsplit(
        json.loads(_cleantrace("people", "link", "Ada@example.com", "--json"))["url"]
    ).path
    assert browser.get(path).status_code == 303
    assert browser.get(f"{LAB}/me").json()["role"] == "admin"


def test_a_name_means_nothing_to_a_terminal(anonymous: TestClient) -> None:
    make_person("lab", name="\x1b[2JEve")
    assert _cleantrace("people", "list") == "\\x1b[2JEve\t-\treviewer"


def test_an_operator_makes_lists_and_revokes_keys(anonymous: TestClient) -> None:
    key = _cleantrace("keys", "create", "--name", "ci", "--days", "30", "--read-only")
    anonymous.headers["Authorization"] = f"Bearer {key}"
    me = anonymous.get(f"{LAB}/me").json()
    assert json.loads(_cleantrace("keys", "list", "--json"))["id"] == me["principal_id"]
    listed = _cleantrace("keys", "list").split("\t")
    assert listed[:3] == [me["principal_id"], "ci", "engineer, only reads"]
    assert listed[3].startswith("until 20")
    _cleantrace("keys", "revoke", me["principal_id"])
    assert anonymous.get(f"{LAB}/me").status_code == 401
    assert "no key with the id" in _cleantrace("keys", "revoke", me["principal_id"], status=2)


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["people", "invite", "--email", "nowhere"], 2, "not an e-mail address"),
        (["people", "invite", "--role", "owner"], 2, "invalid choice"),
        (["people", "link", "nobody@example.com"], 2, "Nobody with the address"),
        (["people", "link", "ada@example.com"], 2, "Nobody with the address"),
    ],
)
def test_what_does_not_go_is_said(
    anonymous: TestClient, arguments: list[str], status: int, told: str
) -> None:
    make_person("other", email="ada@example.com")
    assert told in _cleantrace(*arguments, status=status)
