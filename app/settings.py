"""Every setting of the service, typed and checked once at start.

Read them through `settings()`; nothing else looks at the environment.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_SHORTEST_KEY = 32


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="CLEANTRACE_", extra="ignore", frozen=True)

    database_url: str = Field(
        validation_alias="DATABASE_URL",
        description="Postgres, such as postgresql://user:password@host:5432/cleantrace.",
    )
    redis_url: str = Field(
        validation_alias="REDIS_URL",
        description="Redis or Valkey, the Celery broker, such as redis://host:6379/0.",
    )
    artifacts: str = Field(
        description="Directory or fsspec URL for what workers write: /var/lib/cleantrace, s3://b/p."
    )
    allowed_roots: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Directories and URL prefixes that data and checkpoints may be read from, "
        "separated by commas.",
    )
    model_factories: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Architectures of your own, as name=package.module:callable, "
        "separated by commas.",
    )
    public_url: str = Field(
        "http://127.0.0.1:8000", description="Where browsers reach the dashboard."
    )
    oidc_issuer: str = Field(
        "",
        description="Sign-in provider (OpenID Connect), such as https://accounts.example.com.",
    )
    oidc_client_id: str = Field("", description="What the provider calls this service.")
    oidc_client_secret: str = Field(
        "", repr=False, description="The secret that the provider gave to this service."
    )
    oidc_name: str = Field("single sign-on", description="The provider, as the button calls it.")
    oidc_domains: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="E-mail domains whose people the provider may let in uninvited, "
        "separated by commas.",
    )
    oidc_project: str = Field("default", description="The project that those people come to.")
    oidc_role: Literal["viewer", "reviewer", "engineer", "admin"] = Field(
        "viewer", description="The role that they have there."
    )
    webhook_keys: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        repr=False,
        description="Long random words, separated by commas, that webhooks' secrets are encrypted "
        "with; new ones with the first.",
    )
    evidence_keys: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        repr=False,
        description="Long random words, separated by commas, that the key which signs evidence "
        "packs is encrypted with; a new one with the first.",
    )
    webhook_http: bool = Field(False, description="Webhooks may go over plain http.")
    webhook_private: bool = Field(
        False, description="Webhooks may go to private addresses, such as those of an intranet."
    )
    lease_ttl_s: float = Field(
        30.0, gt=0, description="Seconds a worker may be silent before its shard goes to another."
    )
    sweep_interval_s: float = Field(2.0, gt=0, description="Seconds between two sweeps.")
    max_attempts: int = Field(3, ge=1, description="Tries a shard has before its scan fails.")
    shard_size: int = Field(4096, ge=1, description="Examples in a shard.")
    batch_size: int = Field(256, ge=1, description="Examples in one pass through the model.")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:1.")
    torch_threads: int = Field(0, ge=0, description="CPU threads for torch; 0 leaves its own.")
    database_pool: int = Field(10, ge=1, description="Database connections a process may keep.")

    @field_validator(
        "allowed_roots",
        "model_factories",
        "oidc_domains",
        "webhook_keys",
        "evidence_keys",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("webhook_keys", "evidence_keys")
    @classmethod
    def _hard_to_guess(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(len(key) < _SHORTEST_KEY for key in value):
            raise ValueError(
                f"each must have {_SHORTEST_KEY} characters or more, as from openssl rand -hex 32"
            )
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _encrypted(cls, value: str) -> str:
        parts = urlsplit(value)
        local = parts.hostname in {"127.0.0.1", "::1", "localhost"}
        if value and not (parts.scheme == "https" or (parts.scheme == "http" and local)):
            raise ValueError("must begin with https://")
        return value

    @model_validator(mode="after")
    def _provider_is_whole(self) -> Self:
        if self.oidc_issuer and not self.oidc_client_id:
            raise ValueError("CLEANTRACE_OIDC_CLIENT_ID must be set with CLEANTRACE_OIDC_ISSUER")
        return self

    @field_validator("database_url")
    @classmethod
    def _use_psycopg(cls, value: str) -> str:
        scheme, separator, rest = value.partition("://")
        if not separator or scheme.partition("+")[0] not in {"postgres", "postgresql"}:
            raise ValueError("must begin with postgresql://")
        return f"postgresql+psycopg://{rest}"


class SettingsError(SystemExit):
    """The environment does not describe a runnable service."""


@cache
def settings() -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: a variable is missing or wrong; names it and says what would be right.
    """
    try:
        return Settings()  # type: ignore[call-arg]  # filled from the environment
    except ValidationError as error:
        lines = []
        for item in error.errors():
            if not item["loc"]:  # about several variables together, which the message names
                lines.append(f"  {item['msg'].removeprefix('Value error, ')}.")
                continue
            name = str(item["loc"][0])
            field = Settings.model_fields.get(name.lower())
            variable = name if name.isupper() else f"CLEANTRACE_{name.upper()}"
            known = field or Settings.model_fields.get(name.lower().removeprefix("cleantrace_"))
            lines.append(f"  {variable}: {item['msg']}. {known.description if known else ''}")
        raise SettingsError("Cannot start; set these variables:\n" + "\n".join(lines)) from error
