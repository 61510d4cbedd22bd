"""Where webhooks may go: public addresses, over https, by the name that was given."""

from __future__ import annotations

import datetime
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi.testclient import TestClient

from app.webhooks.addresses import is_public
from tests.app.webhooks.conftest import Hook
from tests.app.webhooks.receiver import Receiver
from tests.support import LAB
from workers import webhook_post

NAME = "hooks.example.com"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::1",
    ],
)
def test_addresses_of_no_public_network_are_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_known(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.com/", "https only"),
        ("ftp://example.com/", "http or https"),
        ("example.com", "http or https"),
        ("https://ada:word@example.com/", "password"),
        ("https://example.com/#here", "fragment"),
        ("https://127.0.0.1/", "not a public address"),
        ("https://[::1]:8443/", "not a public address"),
        ("https://2130706433/", "not a public address"),
        ("https://0x7f.1/", "not a public address"),
        ("https://169.254.169.254/latest/meta-data", "not a public address"),
    ],
)
def test_what_webhooks_may_not_go_to_is_refused_at_once(
    admin: TestClient, url: str, why: str
) -> None:
    answer = admin.post(f"{LAB}/webhooks", json={"url": url})
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert why in problem["detail"]
    assert problem["errors"][0]["field"] == "url"
    assert problem["remedy"]


class Names:
    """What names stand for, in place of the network's own servers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._real = socket.getaddrinfo
        self.answers: list[list[str]] = []
        """For the next look-ups, in order; the last stays."""
        self.connections: list[tuple[str, int]] = []
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)
        connect = socket.create_connection

        def noted(address: tuple[str, int], *args: Any, **kwargs: Any) -> socket.socket:
            self.connections.append(address)
            if is_public(address[0]):
                raise ConnectionRefusedError(111, "Connection refused")
            return connect(address, *args, **kwargs)

        monkeypatch.setattr(socket, "create_connection", noted)

    def _look_up(self, host: str, *args: Any, **kwargs: Any) -> Any:
        if host != NAME:
            return self._real(host, *args, **kwargs)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        port = args[0] if args else kwargs.get("port")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


def test_a_name_that_stands_for_a_private_address_is_not_connected_to(
    admin: TestClient, names: Names
) -> None:
    hook = Hook(admin, f"https://{NAME}/hook")
    names.answers = [["8.8.8.8", "127.0.0.1"]]
    hook.ping()
    hook.work()
    assert names.connections == []
    [delivery] = hook.deliveries()
    assert delivery["latest"]["problem"] == "Not sent: 127.0.0.1 is not a public address."
    assert delivery["status"] == "pending"


def test_a_name_is_looked_up_once_for_each_attempt_and_cannot_change_its_mind(
    admin: TestClient, names: Names
) -> None:
    hook = Hook(admin, f"https://{NAME}/hook")
    names.answers = [["8.8.8.8"], ["127.0.0.1"]]
    hook.ping()
    hook.work()
    assert names.connections == [("8.8.8.8", 443)]


def test_every_address_of_a_name_is_tried(admin: TestClient, names: Names) -> None:
    hook = Hook(admin, f"https://{NAME}/hook")
    names.answers = [["8.8.8.8", "8.8.4.4"]]
    hook.ping()
    hook.work()
    assert names.connections == [("8.8.8.8", 443), ("8.8.4.4", 443)]
    assert "refused" in hook.deliveries()[0]["latest"]["problem"]


def test_a_name_that_nobody_knows_is_a_failed_attempt(
    admin: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = Hook(admin, f"https://{NAME}/hook")

    def nothing(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    hook.ping()
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *a, **k: (nothing if host == NAME else real)(host, *a, **k),
    )
    hook.work()
    assert "Name or service not known" in hook.deliveries()[0]["latest"]["problem"]


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for a name, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    at = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - datetime.timedelta(hours=1))
        .not_valid_after(at + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, private


@pytest.fixture(params=[NAME, "other.example.com"])
def certified(
    request: pytest.FixtureRequest,
    intranet: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[str, Receiver]]:
    """The name in its trusted certificate, and a receiver that speaks TLS."""
    certificate, private = _certificate(tmp_path, request.param)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, private)
    with Receiver(tls=tls) as listening:
        yield request.param, listening


def test_tls_proves_the_name_and_not_the_address(
    names: Names, certified: tuple[str, Receiver]
) -> None:
    proven, receiver = certified
    names.answers = [["127.0.0.1"]]
    outcome = webhook_post.post(f"https://{NAME}:{receiver.port}/hook", {"webhook-id": "x"}, b"{}")
    if proven == NAME:
        assert (outcome.status, outcome.problem) == (200, None)
        assert receiver.received[0].headers["host"] == f"{NAME}:{receiver.port}"
    else:
        assert outcome.status is None
        assert "Hostname mismatch" in (outcome.problem or "")
        assert receiver.received == []
