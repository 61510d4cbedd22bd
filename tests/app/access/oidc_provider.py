"""A small OpenID Connect provider: a process of its own, as a real one is.

It signs in whoever `POST /next` named last, without asking. The body of that request is JSON: the
claims of the ID token, and under `fault` what is to be wrong with it.

    python -m tests.app.access.oidc_provider     prints its address
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "cleantrace", "a secret of the provider's"
_key = RSAKey.generate_key(2048, parameters={"kid": "one"})
_other_key = RSAKey.generate_key(2048, parameters={"kid": "one"})
_codes: dict[str, dict[str, str]] = {}
_next: dict[str, Any] = {}


class Provider(BaseHTTPRequestHandler):
    issuer = ""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        match url.path:
            case "/.well-known/openid-configuration":
                issuer = "http://other.example" if _fault() == "issuer document" else self.issuer
                self._json(
                    {
                        "issuer": issuer,
                        "authorization_endpoint": f"{self.issuer}/authorize",
                        "token_endpoint": f"{self.issuer}/token",
                        "jwks_uri": f"{self.issuer}/keys",
                        "userinfo_endpoint": f"{self.issuer}/userinfo",
                    }
                )
            case "/authorize":
                code = secrets.token_urlsafe()
                _codes[code] = asked
                back = {"code": code, "state": asked["state"], "iss": self.issuer}
                self._redirect(f"{asked['redirect_uri']}?{urlencode(back)}")
            case "/keys":
                self._json({"keys": [_key.as_dict(private=False)]})
            case "/userinfo":
                assert self.headers["Authorization"] == "Bearer the-access-token"
                self._json(_next.get("userinfo", {}))
            case _:
                self.send_error(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/next":
            _next.clear()
            _next.update(json.loads(body))
            return self._json({})
        assert self.path == "/token"
        form = {name: values[0] for name, values in parse_qs(body).items()}
        flow = _codes.pop(form["code"], None)
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            flow is None
            or self.headers.get("Authorization") != f"Basic {basic}"
            or flow["code_challenge_method"] != "S256"
            or flow["code_challenge"] != challenge
            or flow["redirect_uri"] != form["redirect_uri"]
            or flow["client_id"] != CLIENT_ID
        ):
            return self._json({"error": "invalid_grant"}, 400)
        return self._json(
            {
                "access_token": "the-access-token",
                "token_type": "Bearer",
                "id_token": self._id_token(flow["nonce"]),
            }
        )

    def _id_token(self, nonce: str) -> str:
        at = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": at, "exp": at + 60, "nonce": nonce}
        claims |= {
            name: value for name, value in _next.items() if name not in {"fault", "userinfo"}
        }
        match _fault():
            case "nonce":
                claims["nonce"] = "of another browser"
            case "no nonce":
                del claims["nonce"]
            case "audience":
                claims["aud"] = "another service"
            case "issuer":
                claims["iss"] = "http://other.example"
            case "expired":
                claims |= {"iat": at - 3600, "exp": at - 600}
            case "key":
                return jwt.encode({"alg": "RS256", "kid": "one"}, claims, _other_key)
            case "secret as key":
                key = OctKey.import_key(CLIENT_SECRET * 2)
                return jwt.encode({"alg": "HS256"}, claims, key)
            case "unsigned":
                head, body = (
                    base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
                    for part in ({"alg": "none"}, claims)
                )
                return f"{head}.{body}."
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, _key)

    def _json(self, value: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _redirect(self, url: str) -> None:
        self.send_response(302)
        self.send_header("Location", url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


def _fault() -> str | None:
    return _next.get("fault")


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    Provider.issuer = f"http://127.0.0.1:{server.server_port}"
    print(Provider.issuer, flush=True)
    server.serve_forever()
