"""Which parameters are scored: all, the last layer's, or what names, patterns and types choose."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from workers.influence.capture import Event
from workers.influence.errors import UnknownLayer

Layers = str | Sequence[str]
_BY_TYPE = "type:"


def owner(name: str) -> str:
    """The module that holds a parameter: blocks.0.weight → blocks.0"""
    return name.rpartition(".")[0]


def last_layer(events: Iterable[Event]) -> tuple[str, ...]:
    """Parameters of the module that uses one last in the forward pass."""
    used = [name for event in events for _, name in event.names]
    if not used:
        return ()
    last = owner(used[-1])
    return tuple(dict.fromkeys(name for name in used if owner(name) == last))


def select(
    layers: Layers,
    trainable: dict[str, tuple[str, ...]],
    last: tuple[str, ...],
    types: Mapping[str, frozenset[str]] | None = None,
) -> tuple[str, ...]:
    """Names of the parameters that `layers` means, in the model's order.

    Args:
        layers: "all", "last", or names and glob patterns of modules or parameters; a module's name
            means all that is inside it; or "type:Linear", all that is inside modules of this class
            or its subclasses.
        trainable: the other names of each trainable parameter, by its first.
        last: parameters of the last layer.
        types: names of the classes of all modules around a parameter, by each of its names.
    Raises:
        UnknownLayer: a pattern fits nothing, or nothing is left.
    """
    if layers == "all":
        chosen = set(trainable)
    elif layers == "last":
        chosen = set(last)
    else:
        patterns = [layers] if isinstance(layers, str) else list(layers)
        chosen = set()
        for pattern in patterns:
            fitting = {
                name
                for name, also in trainable.items()
                if any(_fits(pattern, full, types or {}) for full in (name, *also))
            }
            if not fitting:
                raise UnknownLayer(
                    f"No trainable parameter fits {pattern!r}. Parameters: "
                    f"{', '.join(list(trainable)[:20])}{', ...' if len(trainable) > 20 else ''}."
                )
            chosen |= fitting
    if not chosen:
        raise UnknownLayer("The model has no trainable parameter to score.")
    return tuple(name for name in trainable if name in chosen)


def _fits(pattern: str, name: str, types: Mapping[str, frozenset[str]]) -> bool:
    if pattern.startswith(_BY_TYPE):
        wanted = pattern.removeprefix(_BY_TYPE)
        return any(fnmatchcase(kind, wanted) for kind in types.get(name, ()))
    parts = name.split(".")
    return any(fnmatchcase(".".join(parts[:end]), pattern) for end in range(1, len(parts) + 1))
