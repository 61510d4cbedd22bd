"""The maps of all parameters at one checkpoint, made from names alone."""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.influence.sketches.maps import (
    FlatMap,
    OuterMap,
    ParameterMap,
    ProjectedMap,
    SketchSums,
)
from workers.influence.sketches.spec import SketchSpec
from workers.influence.sketches.streams import buckets, signs

Shapes = Mapping[str, torch.Size]

# A convolution's gradient of at most this many times the sketch's numbers is not projected first.
_FLAT_UP_TO = 4


class Sketcher:
    """Makes maps for one checkpoint, and keeps them.

    Args:
        salt: names the checkpoint. Sketches with different salts are independent and may be
            summed; those of the same weights with the same salt may be compared.
    """

    def __init__(self, spec: SketchSpec, salt: str, device: torch.device) -> None:
        self.spec = spec
        self._salt, self._device = salt, device
        self._made: dict[tuple[str, ...], dict[str, ParameterMap]] = {}
        self._only: str | None = None

    def of_one(self, name: str) -> "Sketcher":
        """The same maps, of which only this parameter's is used."""
        one = copy.copy(self)
        one._only = name
        return one

    def start(self, shapes: Shapes, n_examples: int, dtype: torch.dtype) -> "BatchSketch":
        """Zero sketches of a batch, of parameters of these names and shapes, in the model's order.

        Where all their numbers together are no more than the sketch's, nothing is lost: inner
        products within the checkpoint are exact.
        """
        wide = dtype if dtype in (torch.float32, torch.float64) else torch.float32
        plain = torch.zeros(n_examples, self.spec.dimension, dtype=wide, device=self._device)
        maps = self.maps(shapes)
        chosen = maps if self._only is None else {self._only: maps[self._only]}
        return BatchSketch(chosen, SketchSums(plain))

    def maps(self, shapes: Shapes) -> dict[str, ParameterMap]:
        key = tuple(shapes)
        if key not in self._made:
            self._made[key] = self._exact(shapes) or {
                name: self._map(name, shape) for name, shape in shapes.items()
            }
        return self._made[key]

    def _exact(self, shapes: Shapes) -> dict[str, ParameterMap]:
        """Every entry in a place of its own, if there is room.

        Places and signs are random all the same, so that sketches of checkpoints may be summed.
        """
        dimension = self.spec.dimension
        ends = np.cumsum([shape.numel() for shape in shapes.values()])
        if len(ends) and ends[-1] > dimension:
            return {}
        key = self._key("", "exact")
        places, sign = buckets(key, dimension, dimension), signs(key, dimension)
        found: dict[str, ParameterMap] = {}
        for (name, shape), end in zip(shapes.items(), ends, strict=True):
            own = slice(end - shape.numel(), end)
            found[name] = FlatMap(shape, self._on(places[own]), self._on(sign[own]))
        return found

    def _map(self, name: str, shape: torch.Size) -> ParameterMap:
        dimension = self.spec.dimension
        if len(shape) == 2:
            row, column = self._hash(name, "rows", shape[0]), self._hash(name, "cols", shape[1])
            return OuterMap(shape, dimension, *row, *column)
        if len(shape) < 2 or shape.numel() <= _FLAT_UP_TO * dimension:
            return FlatMap(shape, *self._hash(name, "all", shape.numel()))
        rows = self._projection(name, "rows", shape[0])
        columns = self._projection(name, "cols", math.prod(shape[1:]))
        hashed = self._hash(name, "projected", len(rows) * len(columns))
        return ProjectedMap(shape, rows, columns, *hashed)

    def _hash(self, name: str, side: str, count: int) -> tuple[Tensor, Tensor]:
        key = self._key(name, side)
        return self._on(buckets(key, count, self.spec.dimension)), self._on(signs(key, count))

    def _projection(self, name: str, side: str, size: int) -> Tensor:
        """Random signs over sqrt(rank), (rank, size); the identity where `size` is no larger."""
        rank = self.spec.rank
        if size <= rank:
            return self._on(np.eye(size, dtype=np.float32))
        drawn = signs(self._key(name, side), rank * size).reshape(rank, size)
        return self._on(drawn / np.float32(math.sqrt(rank)))

    def _key(self, name: str, side: str) -> tuple[object, ...]:
        return (self.spec.seed, self._salt, name, side)

    def _on(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._device)


@dataclass(frozen=True)
class BatchSketch:
    """The sketch of a batch in the making. Parameters that are not sketched have no map."""

    maps: dict[str, ParameterMap]
    sums: SketchSums

    def into(self, name: str) -> "Into | None":
        """Where a rule adds the gradients of this parameter."""
        found = self.maps.get(name)
        return None if found is None else Into(found, self.sums)

    def add_gradients(self, gradients: Mapping[str, Tensor], at: slice) -> None:
        """Formed gradients of some of the examples, (b, *shape) each."""
        for name, gradient in gradients.items():
            if name in self.maps:
                self.maps[name].add(self.sums, gradient, at)

    def total(self) -> Tensor:
        """(B, D)."""
        return self.sums.total()


@dataclass(frozen=True)
class Into:
    """One parameter's map and the sums of the batch at hand: what a rule writes to."""

    map: ParameterMap
    sums: SketchSums

    def add(self, gradient: Tensor, at: slice = slice(None)) -> None:
        """Formed gradients, (b, *shape), of the examples in `at`."""
        self.map.add(self.sums, gradient, at)
