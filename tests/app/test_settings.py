from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import Settings, SettingsError, settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


def _variable(name: str) -> str:
    alias = Settings.model_fields[name].validation_alias
    return str(alias) if alias else f"CLEANTRACE_{name.upper()}"


def test_every_setting_is_documented_and_nothing_else() -> None:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    assert {row.split("`")[1] for row in rows} == {_variable(n) for n in Settings.model_fields}


def test_documented_defaults_are_the_defaults() -> None:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    said = {row.split("`")[1]: row.split("|")[2].strip().strip("`") for row in rows}
    for name, field in Settings.model_fields.items():
        if field.is_required():
            expected = "none"
        elif field.default in ((), ""):
            expected = "nothing"
        elif isinstance(field.default, float):
            expected = f"{field.default:g}"
        else:
            expected = str(field.default)
        assert said[_variable(name)] == expected


@pytest.mark.parametrize(
    ("variable", "value"),
    [("DATABASE_URL", None), ("DATABASE_URL", "mysql://x"), ("CLEANTRACE_LEASE_TTL_S", "-1")],
)
def test_a_wrong_environment_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str | None
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u@h/d")
    monkeypatch.setenv("REDIS_URL", "redis://h")
    monkeypatch.setenv("CLEANTRACE_ARTIFACTS", "/a")
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable):
        settings.__wrapped__()
