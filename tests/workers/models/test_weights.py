import hashlib
import os
import pickle
import uuid
import zipfile
from pathlib import Path
from typing import Any

import fsspec
import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import nn

from app.locations import resolve_location
from workers.models import build_model, check_fits, load_weights, weights_hash
from workers.models.errors import WeightsRefused, WeightsUnfit, WeightsUnreadable

SPEC = {"name": "mlp", "args": {"in_features": 3, "hidden": [4], "classes": 2}}


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    return build_model(SPEC).state_dict()


def save(state: Any, path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert set(found) == set(expected)
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth", ".bin"])
def test_saved_weights_come_back(
    state: dict[str, torch.Tensor], tmp_path: Path, suffix: str
) -> None:
    path = save(state, tmp_path / f"w{suffix}")
    assert_same(load_weights(path), state)
    assert_same(load_weights(str(path)), state)
    assert_same(load_weights(path.as_uri()), state)
    assert_same(load_weights(resolve_location(str(path), [str(tmp_path)])), state)


def test_weights_of_a_remote_store_come_back(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    data = save(state, tmp_path / "w.safetensors").read_bytes()
    root = f"memory://{uuid.uuid4()}"
    with fsspec.open(f"{root}/w.safetensors", "wb") as file:
        file.write(data)
    location = resolve_location(f"{root}/w.safetensors", [root])
    assert_same(load_weights(location), state)
    assert weights_hash(location) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "model_state_dict"])
def test_state_dict_inside_a_training_checkpoint_is_found(
    state: dict[str, torch.Tensor], tmp_path: Path, wrapper: str
) -> None:
    checkpoint = {"epoch": 3, "optimizer": {"lr": 0.1}, wrapper: state}
    assert_same(load_weights(save(checkpoint, tmp_path / "w.pt")), state)


def test_prefixes_of_wrappers_are_taken_off(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    wrapped = {f"module._orig_mod.{name}": tensor for name, tensor in state.items()}
    assert_same(load_weights(save(wrapped, tmp_path / "w.pt")), state)


def test_prefix_that_not_all_names_have_stays(tmp_path: Path) -> None:
    mixed = {"module.a": torch.zeros(1), "b": torch.zeros(1)}
    assert set(load_weights(save(mixed, tmp_path / "w.pt"))) == {"module.a", "b"}


class CreatesFile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("form", ["bare pickle", "old torch", "torch zip", "nested", "renamed"])
def test_pickle_payload_is_refused_and_does_not_run(tmp_path: Path, form: str) -> None:
    trap, path = tmp_path / "trap", tmp_path / "weights.pt"
    payload = CreatesFile(trap)
    if form == "bare pickle":
        path.write_bytes(pickle.dumps({"state_dict": payload}))
    elif form == "old torch":
        torch.save({"w": payload}, path, _use_new_zipfile_serialization=False)
    elif form == "torch zip":
        torch.save(payload, path)
    elif form == "nested":
        torch.save({"state_dict": {"w": torch.zeros(1)}, "extra": payload}, path)
    else:
        path = tmp_path / "weights.safetensors"
        torch.save({"w": payload}, path)
    with pytest.raises(WeightsRefused) as caught:
        load_weights(path)
    assert not trap.exists()
    assert "safetensors" in (caught.value.remedy or "")
    assert "weights_only" not in str(caught.value.as_problem())
    # The trap is real: whoever unpickles the plain file falls into it.
    pickle.loads(pickle.dumps(payload))
    assert trap.exists()


def test_whole_pickled_model_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "m.pt")
    with pytest.raises(WeightsRefused, match="Linear"):
        load_weights(tmp_path / "m.pt")


def test_torchscript_program_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        archive.writestr("m/data.pkl", b"")
        archive.writestr("m/constants.pkl", b"")
    with pytest.raises(WeightsRefused, match="TorchScript"):
        load_weights(tmp_path / "m.pt")


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("kept", [0, 4, 9, 0.3, 0.9, 0.999])
def test_truncated_file_is_unreadable(
    state: dict[str, torch.Tensor], tmp_path: Path, suffix: str, kept: float
) -> None:
    path = save(state, tmp_path / f"w{suffix}")
    data = path.read_bytes()
    path.write_bytes(data[: int(kept if kept > 1 else kept * len(data))])
    with pytest.raises(WeightsUnreadable, match=path.name) as caught:
        load_weights(path)
    assert caught.value.field == "uri"
    assert caught.value.remedy


def test_flipped_byte_in_an_archive_is_noticed(tmp_path: Path) -> None:
    path = save({"w": torch.arange(1000)}, tmp_path / "w.pt")
    data = bytearray(path.read_bytes())
    at = data.index(torch.arange(500, 510).numpy().tobytes())
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsUnreadable, match="damaged"):
        load_weights(path)


@pytest.mark.parametrize("content", [b"hello, I am no weights", b"PK\x03\x04 nor a zip", b""])
def test_other_files_are_unreadable(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(WeightsUnreadable):
        load_weights(tmp_path / "w.pt")


def test_zip_without_weights_is_unreadable(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(WeightsUnreadable, match=r"torch\.save"):
        load_weights(tmp_path / "w.pt")


def test_missing_file_and_folder_are_unreadable(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pt", tmp_path):
        with pytest.raises(WeightsUnreadable):
            load_weights(path)
        with pytest.raises(WeightsUnreadable):
            weights_hash(path)


@pytest.mark.parametrize(
    "content", [{}, [torch.zeros(1)], {"a": 1}, {"state_dict": {"a": "b"}}, {1: torch.zeros(1)}]
)
def test_files_without_a_state_dict_are_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(WeightsRefused, match="no state dict"):
        load_weights(save(content, tmp_path / "w.pt"))


def test_hash_is_that_of_the_file(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = save(state, tmp_path / "w.pt")
    assert weights_hash(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_fitting_weights_come_back_in_the_models_dtype(state: dict[str, torch.Tensor]) -> None:
    half = {name: tensor.half() for name, tensor in state.items()}
    fitted = check_fits(build_model(SPEC), half)
    assert {tensor.dtype for tensor in fitted.values()} == {torch.float32}
    build_model(SPEC).load_state_dict(fitted)


def test_unfit_weights_are_named(state: dict[str, torch.Tensor]) -> None:
    state["extra"] = torch.zeros(1)
    state["head.weight"] = torch.zeros(2, 5)
    del state["hidden0.bias"]
    with pytest.raises(WeightsUnfit) as caught:
        check_fits(build_model(SPEC), state)
    assert "missing: hidden0.bias" in caught.value.detail
    assert "unexpected: extra" in caught.value.detail
    assert "head.weight is (2, 5), the model's is (2, 4)" in caught.value.detail
    assert caught.value.as_problem()["missing"] == ["hidden0.bias"]
    assert caught.value.remedy


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(4, 3)
        self.head = nn.Linear(3, 4, bias=False)
        self.head.weight = self.embedding.weight


def test_weights_shared_by_two_names_may_be_stored_once(tmp_path: Path) -> None:
    model = Tied()
    save_model(model, str(tmp_path / "w.safetensors"))
    state = load_weights(tmp_path / "w.safetensors")
    assert len(state) == 1
    assert_same(check_fits(Tied(), state), model.state_dict())
