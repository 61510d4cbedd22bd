"""Reading files of weights, without ever running what is in them.

safetensors holds tensors and nothing else. A zip archive of torch.save goes through
`torch.load(weights_only=True)`, which unpickles tensors and plain containers and refuses any
other name. All else is refused by its first bytes: bare pickles above all.
"""

import hashlib
import pickle
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from app.locations import Location, path_of_file_uri
from workers.models.errors import WeightsRefused, WeightsUnfit, WeightsUnreadable

Source = str | Path | Location

_WRAPPERS = ("state_dict", "model_state_dict", "model")
# Put before every name by DataParallel and by torch.compile.
_PREFIXES = ("module.", "_orig_mod.")
_ZIP_MAGIC = b"PK\x03\x04"
_LISTED = 8
_REMEDY = (
    "Save the weights with safetensors.torch.save_file(model.state_dict(), path) or with "
    "torch.save(model.state_dict(), path)."
)


def load_weights(source: Source) -> dict[str, Tensor]:
    """The weights in a file, on the CPU.

    Accepts a state dict, or a dictionary that holds one as "state_dict", "model_state_dict" or
    "model". Prefixes that DataParallel and torch.compile put before all names are taken off.

    Args:
        source: a path, a URI that fsspec reads, or a Location. A string or path is trusted:
            check what users name with `app.locations.resolve_location` first.
    Raises:
        WeightsUnreadable: no such file, cut short, damaged, or of another kind.
        WeightsRefused: holds something else than tensors. Nothing in it was run.
    """
    with _local_file(source) as (path, name):
        kind = _kind_of(path, name)
        content = _load_safetensors(path, name) if kind == "safetensors" else _load_zip(path, name)
    return _without_prefixes(_state_dict_in(content, name))


def weights_hash(source: Source) -> str:
    """SHA-256 of the file, read in parts.

    Raises:
        WeightsUnreadable: no such file.
    """
    with _local_file(source) as (path, _), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_fits(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights as the model takes them: all names, the model's dtypes.

    Names that a file left out because another name shares their tensor are filled in
    (`safetensors.torch.save_model` leaves them out).

    Raises:
        WeightsUnfit: lists missing and unexpected names and wrong shapes.
    """
    wanted = model.state_dict(keep_vars=True)
    fitted = dict(state)
    for name, tensor in wanted.items():
        twin = next((n for n, t in wanted.items() if t is tensor and n in state), None)
        if name not in fitted and twin is not None:
            fitted[name] = state[twin]
    missing = [name for name in wanted if name not in fitted]
    unexpected = [name for name in fitted if name not in wanted]
    unlike = [
        f"{name} is {_shape(fitted[name])}, the model's is {_shape(tensor)}"
        for name, tensor in wanted.items()
        if name in fitted and fitted[name].shape != tensor.shape
    ]
    problems = [
        f"{what}: {_listed(names)}"
        for what, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", unlike),
        )
        if names
    ]
    if problems:
        raise WeightsUnfit(
            f"The weights do not fit the model: {'; '.join(problems)}.",
            field="uri",
            remedy="Check the model's name and arguments: they must be those of the training run.",
            missing=missing,
            unexpected=unexpected,
            wrong_shapes=unlike,
        )
    return {name: fitted[name].to(tensor.dtype) for name, tensor in wanted.items()}


@contextmanager
def _local_file(source: Source) -> Iterator[tuple[Path, str]]:
    """The file on this machine, and its name for messages."""
    if isinstance(source, Location):
        source = source.path if source.scheme == "file" else source.uri
    text = str(source)
    name = text.rpartition("/")[2]
    if text.startswith("file://"):
        text = path_of_file_uri(text)
    try:
        if "://" not in text:
            if not Path(text).is_file():
                raise FileNotFoundError(f"{text} is not a file")
            yield Path(text), name
            return
        with tempfile.TemporaryDirectory(prefix="cleantrace-weights-") as folder:
            path = Path(folder) / "weights"
            filesystem, remote = fsspec.core.url_to_fs(text)
            filesystem.get_file(remote, str(path))
            yield path, name
    except (FileNotFoundError, PermissionError) as error:
        raise WeightsUnreadable(
            f"The weights {name!r} cannot be read: {error}.",
            field="uri",
            remedy="Check that the file is there and that workers may read it.",
        ) from error


def _kind_of(path: Path, name: str) -> str:
    with path.open("rb") as file:
        start = file.read(9)
    if start.startswith(_ZIP_MAGIC):
        return "zip"
    if len(start) == 9 and start[8:9] == b"{":  # after the length of the header: JSON
        return "safetensors"
    if start.startswith(b"\x80"):
        raise WeightsRefused(
            f"The file {name!r} is a bare pickle, which can run code; it was not opened.",
            field="uri",
            remedy=_REMEDY,
        )
    raise _unreadable(name, "it is neither safetensors nor an archive of torch.save")


def _load_safetensors(path: Path, name: str) -> Any:
    try:
        return load_file(path, device="cpu")
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise _unreadable(name, str(error)) from error


def _load_zip(path: Path, name: str) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
        raise _unreadable(name, f"the archive is cut short or damaged ({error})") from error
    if damaged is not None:
        raise _unreadable(name, f"its part {damaged!r} is damaged")
    if not any(part.endswith("data.pkl") for part in names):
        raise _unreadable(name, "the archive is not one of torch.save")
    if any(part.endswith("constants.pkl") for part in names):
        raise WeightsRefused(
            f"The file {name!r} is a TorchScript program, not weights; it was not opened.",
            field="uri",
            remedy=_REMEDY,
        )
    try:
        # An open file, not its path: torch would choose another loader by the name's suffix.
        with path.open("rb") as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsRefused(
            f"The file {name!r} holds more than tensors, and was refused before anything in it "
            f"ran: {_first_sentence(error)}",
            field="uri",
            remedy=_REMEDY,
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(name, _first_sentence(error)) from error


def _state_dict_in(content: Any, name: str) -> dict[str, Tensor]:
    if isinstance(content, Mapping) and not _is_state_dict(content):
        for wrapper in _WRAPPERS:
            if isinstance(content.get(wrapper), Mapping):
                content = content[wrapper]
                break
    if not isinstance(content, Mapping) or not _is_state_dict(content):
        raise WeightsRefused(
            f"The file {name!r} holds no state dict (names and dense tensors): "
            f"{_description(content)}.",
            field="uri",
            remedy=_REMEDY,
        )
    return dict(content)


def _is_state_dict(content: Mapping[Any, Any]) -> bool:
    return bool(content) and all(
        isinstance(name, str) and isinstance(value, Tensor) and value.layout == torch.strided
        for name, value in content.items()
    )


def _without_prefixes(state: dict[str, Tensor]) -> dict[str, Tensor]:
    prefix = next((p for p in _PREFIXES if all(name.startswith(p) for name in state)), None)
    if prefix is None:
        return state
    return _without_prefixes({name.removeprefix(prefix): t for name, t in state.items()})


def _description(content: Any) -> str:
    if not isinstance(content, Mapping):
        return f"it holds a {type(content).__name__}"
    odd = next((k for k, v in content.items() if not isinstance(v, Tensor)), None)
    if odd is None:
        return "it is empty" if not content else "not all of its tensors are dense"
    return f"{odd!r} is a {type(content[odd]).__name__}"


def _unreadable(name: str, reason: str) -> WeightsUnreadable:
    return WeightsUnreadable(
        f"The file {name!r} cannot be read as weights: {reason}.",
        field="uri",
        remedy="Upload the file again, or save it again. " + _REMEDY,
    )


def _first_sentence(error: Exception) -> str:
    """torch's advice (to load without weights_only) is the last thing a user should follow."""
    text = str(error).strip()
    detail = text.rpartition("WeightsUnpickler error:")[2].strip() or text
    return detail.split("\n", 1)[0].split(". ", 1)[0].rstrip(".") + "."


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))


def _listed(names: list[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")
