import sys
from pathlib import Path

import pytest

from app.runs.architectures import BUILT_IN
from workers.models import available_models, build_model
from workers.models.errors import ModelArgsInvalid, ModelFactoryBroken, ModelUnknown


@pytest.fixture
def factories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    (tmp_path / "their_models.py").write_text(
        "from torch import nn\n"
        "def tiny(width, classes=2):\n    return nn.Linear(width, classes)\n"
        "def wrong():\n    return 'no module'\n"
        "def failing():\n    raise KeyError('oops')\n"
        "class Space:\n    inner = staticmethod(tiny)\n"
        "value = 3\n"
    )
    (tmp_path / "broken_models.py").write_text("import a_package_nobody_has\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "their_models", raising=False)
    names = ["tiny", "wrong", "failing", "value", "missing"]
    return [
        *(f"{name}=their_models:{name}" for name in names),
        "inner=their_models:Space.inner",
        "broken=broken_models:make",
        "nowhere=no_such_module:make",
    ]


def test_every_built_in_has_a_description_and_documented_arguments() -> None:
    models = available_models()
    assert set(models) == {"linear", "mlp", "small_cnn", "resnet9", "resnet20", "resnet56", "swem"}
    for model in models.values():
        assert model["description"]
        assert all("description" in arg for arg in model["args"]["properties"].values())


def test_the_api_knows_the_same_names() -> None:
    assert set(BUILT_IN) == set(available_models())


def test_unknown_name_lists_the_known_ones(factories: list[str]) -> None:
    with pytest.raises(ModelUnknown, match=r"linear.*mlp.*tiny") as caught:
        build_model({"name": "resnet1000"}, factories)
    assert caught.value.field == "model.name"
    assert "CLEANTRACE_MODEL_FACTORIES" in (caught.value.remedy or "")


@pytest.mark.parametrize(
    ("args", "field"),
    [
        ({"in_features": 3, "hidden": [4], "clases": 2}, "model.args.clases"),
        ({"hidden": [4], "classes": 2}, "model.args.in_features"),
        ({"in_features": "3", "hidden": [4], "classes": 2}, "model.args.in_features"),
        ({"in_features": 3, "hidden": [0], "classes": 2}, "model.args.hidden.0"),
        ({"in_features": 3, "hidden": [4]}, "model.args"),
        ({"in_features": 3, "hidden": [4], "classes": 2, "out_features": 2}, "model.args"),
    ],
)
def test_wrong_arguments_are_named(args: dict[str, object], field: str) -> None:
    with pytest.raises(ModelArgsInvalid) as caught:
        build_model({"name": "mlp", "args": args})
    assert field in str(caught.value)
    assert "in_features" in (caught.value.remedy or "")


def test_listed_factory_builds_with_its_arguments(factories: list[str]) -> None:
    for name in ("tiny", "inner"):
        model = build_model({"name": name, "args": {"width": 5}}, factories)
        assert model.weight.shape == (2, 5)
        assert not model.training
    assert available_models(factories)["tiny"]["args"] is None


def test_factory_is_not_imported_before_it_is_used(factories: list[str]) -> None:
    available_models(factories)
    build_model({"name": "linear", "args": {"in_features": 1, "classes": 2}}, factories)
    assert "their_models" not in sys.modules


def test_factory_called_with_wrong_arguments_names_them(factories: list[str]) -> None:
    with pytest.raises(ModelArgsInvalid, match="depth") as caught:
        build_model({"name": "tiny", "args": {"width": 5, "depth": 2}}, factories)
    assert "tiny(width, classes=2)" in (caught.value.remedy or "")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("wrong", "gave a str"),
        ("failing", "KeyError: 'oops'"),
        ("value", "cannot be called"),
        ("missing", "has no attribute 'missing'"),
        ("broken", "a_package_nobody_has"),
        ("nowhere", "no_such_module"),
    ],
)
def test_broken_factory_says_how(factories: list[str], name: str, reason: str) -> None:
    with pytest.raises(ModelFactoryBroken, match=reason) as caught:
        build_model({"name": name}, factories)
    assert caught.value.remedy


@pytest.mark.parametrize("entry", ["tiny", "tiny=module", "=m:f", "tiny=:f", "tiny=m:"])
def test_malformed_listing_is_refused(entry: str) -> None:
    with pytest.raises(ModelFactoryBroken, match="name=package"):
        build_model({"name": "linear"}, [entry])
