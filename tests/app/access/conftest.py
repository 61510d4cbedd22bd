from __future__ import annotations

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher


@pytest.fixture
def usual_cost() -> None:
    """For tests of what passwords cost: they are hashed as in production."""


@pytest.fixture(autouse=True)
def quick_passwords(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Passwords are hashed at next to no cost: by the hundred, the usual one takes a minute."""
    from app.access import passwords

    if "usual_cost" in request.fixturenames:
        yield
        return
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", quick)
    passwords._decoy.cache_clear()
    yield
    passwords._decoy.cache_clear()
