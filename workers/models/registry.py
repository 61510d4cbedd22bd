"""Models by name: those built in, and the factories that the operator installed and listed."""

import hashlib
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from torch import nn

from workers.models.errors import ModelArgsInvalid, ModelFactoryBroken, ModelUnknown


class Args(BaseModel):
    """Base of a family's arguments: unknown ones are refused, types are not guessed."""

    model_config = ConfigDict(extra="forbid", strict=True)


A = TypeVar("A", bound=Args)


@dataclass(frozen=True)
class Family(Generic[A]):
    """A built-in architecture: its arguments, and how it is built from them."""

    description: str
    args: type[A]
    build: Callable[[A], nn.Module]


_BUILT_IN: dict[str, Family[Any]] = {}


def register(name: str, description: str, args: type[A]) -> Callable[..., Callable[[A], nn.Module]]:
    """Decorator: makes a builder known by name."""

    def add(build: Callable[[A], nn.Module]) -> Callable[[A], nn.Module]:
        if name in _BUILT_IN:
            raise ValueError(f"the model {name!r} is registered already")
        _BUILT_IN[name] = Family(description, args, build)
        return build

    return add


def available_models(factories: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """Every model that can be named, with its description and the JSON schema of its arguments.

    The operator's factories are listed without being imported: their `args` is None.
    """
    models: dict[str, dict[str, Any]] = {
        name: {"description": family.description, "args": family.args.model_json_schema()}
        for name, family in sorted(_BUILT_IN.items())
    }
    for name, target in _parse(factories).items():
        models[name] = {"description": f"Operator's factory {target}.", "args": None}
    return models


def build_model(spec: Mapping[str, Any], factories: Sequence[str] = ()) -> nn.Module:
    """Build a model with fresh weights, in eval mode.

    Args:
        spec: {"name": ..., "args": {...}}.
        factories: the operator's, each `name=package.module:callable`. A factory is called with
            the arguments as keywords, and one that bears a built-in's name replaces it.
    Raises:
        ModelUnknown: nothing of this name; lists what there is.
        ModelArgsInvalid: names the argument at fault.
        ModelFactoryBroken: the factory cannot be imported, fails, or gives no torch module.
    """
    name, args = spec.get("name"), spec.get("args") or {}
    listed = _parse(factories)
    if name in listed:
        return _build_listed(str(name), listed[str(name)], args).eval()
    family = _BUILT_IN.get(str(name))
    if family is None:
        known = sorted({*_BUILT_IN, *listed})
        raise ModelUnknown(
            f"There is no model {name!r}. Known are: {', '.join(known)}.",
            field="model.name",
            remedy="Use one of these, or ask the operator to list your architecture in "
            "CLEANTRACE_MODEL_FACTORIES.",
        )
    return family.build(_checked_args(str(name), family, args)).eval()


def revision_of_model(spec: Mapping[str, Any], factories: Sequence[str] = ()) -> str:
    """Changes when the file does that defines an operator's factory; empty for a built-in model."""
    name, listed = str(spec.get("name")), _parse(factories)
    if name not in listed:
        return ""
    module = importlib.util.find_spec(listed[name].partition(":")[0])
    if module is None or module.origin is None or not Path(module.origin).is_file():
        return listed[name]
    return hashlib.sha256(Path(module.origin).read_bytes()).hexdigest()


def _checked_args(name: str, family: Family[A], args: Mapping[str, Any]) -> A:
    try:
        return family.args.model_validate(dict(args))
    except ValidationError as error:
        problems = [
            (".".join(["model.args", *(str(part) for part in item["loc"])]), str(item["msg"]))
            for item in error.errors()
        ]
        raise ModelArgsInvalid(
            f"The arguments of model {name!r} do not fit: "
            + "; ".join(
                f"{where}: {what.removeprefix('Value error, ')}" for where, what in problems
            )
            + ".",
            field=problems[0][0],
            remedy=f"The arguments of {name!r} are: {', '.join(family.args.model_fields)}.",
        ) from error


def _parse(factories: Sequence[str]) -> dict[str, str]:
    listed = {}
    for entry in factories:
        name, separator, target = entry.partition("=")
        module, colon, attribute = target.partition(":")
        if not (separator and colon and name.strip() and module.strip() and attribute.strip()):
            raise ModelFactoryBroken(
                f"The factory {entry!r} is not written as name=package.module:callable.",
                remedy="Correct CLEANTRACE_MODEL_FACTORIES.",
            )
        listed[name.strip()] = target.strip()
    return listed


def _build_listed(name: str, target: str, args: Mapping[str, Any]) -> nn.Module:
    factory = _import_factory(name, target)
    try:
        inspect.signature(factory).bind(**args)
    except TypeError as error:
        raise ModelArgsInvalid(
            f"The arguments of model {name!r} do not fit: {error}.",
            field="model.args",
            remedy=f"It is called as {name}{inspect.signature(factory)}.",
        ) from error
    except ValueError:  # a callable without a signature, such as one written in C
        pass
    try:
        model = factory(**args)
    except Exception as error:  # foreign code may raise anything
        raise ModelFactoryBroken(
            f"The factory of model {name!r} failed: {type(error).__name__}: {error}.",
            field="model.args",
            remedy=f"Check the arguments, and {target} itself.",
        ) from error
    if not isinstance(model, nn.Module):
        raise ModelFactoryBroken(
            f"The factory of model {name!r} gave a {type(model).__name__}, not a torch module.",
            field="model.name",
            remedy=f"Let {target} return a torch.nn.Module.",
        )
    return model


def _import_factory(name: str, target: str) -> Callable[..., Any]:
    module, _, attribute = target.partition(":")
    try:
        factory: Any = importlib.import_module(module)
        for part in attribute.split("."):
            factory = getattr(factory, part)
    except Exception as error:  # importing foreign code may raise anything
        raise ModelFactoryBroken(
            f"The factory {target} of model {name!r} cannot be imported: "
            f"{type(error).__name__}: {error}.",
            field="model.name",
            remedy="Install its package where the workers run, or correct "
            "CLEANTRACE_MODEL_FACTORIES.",
        ) from error
    if not callable(factory):
        raise ModelFactoryBroken(
            f"The factory {target} of model {name!r} cannot be called.",
            field="model.name",
            remedy="Name a function or a class in CLEANTRACE_MODEL_FACTORIES.",
        )
    return factory
