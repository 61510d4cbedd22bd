"""The sign-in provider: OpenID Connect by discovery, code flow with PKCE, state and nonce.

Authlib speaks the protocol, joserfc checks signatures. Nothing here knows the database.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, cast

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from app.access.errors import ProviderRefused, ProviderUnavailable
from app.settings import settings

CALLBACK = "/sign-in/oidc/callback"
# Signed with the provider's private key. With HS256 the client's secret would be a key, too.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
_LEEWAY_S = 60
_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Departure:
    """What is kept until the browser comes back."""

    url: str
    state: str
    nonce: str
    code_verifier: str


@dataclass(frozen=True)
class Claims:
    """Who the provider says it is."""

    issuer: str
    subject: str
    email: str | None
    email_is_verified: bool
    name: str | None


def is_configured() -> bool:
    return bool(settings().oidc_issuer)


def depart() -> Departure:
    """Where to send a browser. Raises ProviderUnavailable."""
    with _client() as client:
        found = _discover(client)
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        url, state = client.create_authorization_url(
            found["authorization_endpoint"],
            state=secrets.token_urlsafe(32),
            code_verifier=verifier,
            nonce=nonce,
        )
    return Departure(url, state, nonce, verifier)


def redeem(code: str, *, nonce: str, code_verifier: str) -> Claims:
    """Exchange the code that a browser brought back.

    Raises:
        ProviderRefused: the code or the answer is not what it should be.
        ProviderUnavailable: the provider does not answer.
    """
    with _client() as client:
        found = _discover(client)
        try:
            token = client.fetch_token(
                found["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=code_verifier,
            )
            keys = KeySet.import_key_set(cast(KeySetSerialization, _get(client, found["jwks_uri"])))
            claims = _checked(token, keys, nonce)
        except (AuthlibBaseError, JoseError, ValueError, TypeError, KeyError) as error:
            raise ProviderRefused(
                "The sign-in provider's answer is not valid; nobody was signed in.",
                remedy="Try again. If it stays, the service's operator should compare its "
                "settings with the provider's.",
            ) from error
        except httpx2.HTTPError as error:
            raise _unavailable(error) from error
        if "email" not in claims and "userinfo_endpoint" in found:
            more = _get(client, found["userinfo_endpoint"], with_token=True)
            if more.get("sub") == claims["sub"]:
                claims = {**more, **claims}
    return Claims(
        issuer=settings().oidc_issuer,
        subject=str(claims["sub"]),
        email=claims.get("email") if isinstance(claims.get("email"), str) else None,
        email_is_verified=claims.get("email_verified") in (True, "true"),
        name=claims.get("name") if isinstance(claims.get("name"), str) else None,
    )


def _checked(token: dict[str, Any], keys: KeySet, nonce: str) -> dict[str, Any]:
    """The ID token's claims, after signature, issuer, audience, times and nonce were checked."""
    decoded = jwt.decode(token["id_token"], keys, algorithms=_ALGORITHMS)
    client_id = settings().oidc_client_id
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        options={
            "iss": {"essential": True, "value": settings().oidc_issuer},
            "aud": {"essential": True, "value": client_id},
        },
        params={
            "nonce": nonce,
            "client_id": client_id,
            "access_token": token.get("access_token"),
        },
    )
    claims.validate(leeway=_LEEWAY_S)
    return dict(claims)


def _client() -> OAuth2Client:
    configured = settings()
    return OAuth2Client(
        client_id=configured.oidc_client_id,
        client_secret=configured.oidc_client_secret or None,
        token_endpoint_auth_method=None if configured.oidc_client_secret else "none",
        scope="openid email profile",
        redirect_uri=configured.public_url.rstrip("/") + CALLBACK,
        code_challenge_method="S256",
        timeout=_TIMEOUT_S,
        follow_redirects=False,
    )


def _discover(client: OAuth2Client) -> dict[str, Any]:
    issuer = settings().oidc_issuer
    found = _get(client, issuer.rstrip("/") + "/.well-known/openid-configuration")
    needed = {"authorization_endpoint", "token_endpoint", "jwks_uri"}
    # A document of another issuer would let that one sign people in here.
    if found.get("issuer") != issuer or not needed <= found.keys():
        raise ProviderUnavailable(
            "The sign-in provider describes itself as another.",
            remedy="CLEANTRACE_OIDC_ISSUER must be the `issuer` of its "
            "/.well-known/openid-configuration, letter by letter.",
        )
    return found


def _get(client: OAuth2Client, url: str, *, with_token: bool = False) -> dict[str, Any]:
    try:
        answer = client.request("GET", url, withhold_token=not with_token)
        answer.raise_for_status()
        found = answer.json()
    except (httpx2.HTTPError, ValueError) as error:
        raise _unavailable(error) from error
    if not isinstance(found, dict):
        raise _unavailable(None)
    return found


def _unavailable(_: Exception | None) -> ProviderUnavailable:
    return ProviderUnavailable(
        "The sign-in provider does not answer as it should.",
        remedy="Try again in a moment, or sign in with a password.",
    )
