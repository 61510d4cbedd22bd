"""Which tensors of a forward pass are functions of parameters alone, and the way back to these.

A weight may reach its layer through a function: weight normalisation, g * v / |v|; a low-rank
addition, w + b @ a; a slice of a packed projection; position embeddings looked up once for the
whole batch. The layer's rule then gives each example's gradient by the derived tensor, and the
function's own vector-Jacobian product takes it back to the parameters. That is exact whatever the
function is, as no example has a part in it.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Derived:
    """A tensor computed from parameters and constants.

    value: with the graph that leads back to `leaves`, which stand for the parameters by name.
    key: two derived tensors of equal key are the same function of the same parameters.
    isometric: its numbers are different numbers of one parameter, unchanged and in any order, so
        that a gradient's norm survives the way back.
    """

    value: Tensor
    leaves: dict[str, Tensor]
    key: Hashable
    isometric: bool

    def pull(self, gradients: Tensor) -> dict[str, Tensor]:
        """Gradients by the derived tensor, (n, *value.shape), as such by each parameter."""
        names, leaves = list(self.leaves), list(self.leaves.values())
        gradients = gradients.to(self.value.dtype)
        try:
            pulled = self._products(gradients, leaves, batched=True)
        except RuntimeError:  # a backward function that vmap cannot follow
            each = [self._products(g, leaves, batched=False) for g in gradients]
            pulled = [torch.stack(column) for column in zip(*each, strict=True)]
        return dict(zip(names, pulled, strict=True))

    def _products(self, gradients: Tensor, leaves: list[Tensor], *, batched: bool) -> list[Tensor]:
        found = torch.autograd.grad(
            self.value,
            leaves,
            gradients,
            retain_graph=True,
            allow_unused=True,
            is_grads_batched=batched,
        )
        maybe: tuple[Tensor | None, ...] = found  # torch says Tensor
        lead = gradients.shape[:1] if batched else ()
        return [
            leaf.new_zeros(*lead, *leaf.shape) if g is None else g
            for leaf, g in zip(leaves, maybe, strict=True)
        ]


class Seen(NamedTuple):
    """What a call's arguments are.

    names: the parameters in it, directly or through derived tensors, in order.
    parts: how many of its tensors are or derive from parameters.
    constant: no tensor in it holds anything of the batch.
    """

    names: tuple[str, ...]
    parts: int
    constant: bool


class Ancestry:
    """Of one forward pass.

    Args:
        names: parameter by the id of the tensor that stands for it.
        constants: tensors that do not change with the batch: buffers, weights not looked at.
    """

    def __init__(self, names: Mapping[int, str], constants: Iterable[Tensor]) -> None:
        self._names = names
        self._constants = {id(t): t for t in constants if id(t) not in names}
        self._own: dict[str, Tensor] = {}
        self._twins: dict[str, Tensor] = {}
        self._derived: dict[int, tuple[Tensor, Derived]] = {}
        # Tensors of which a view without overlap is isometric.
        self._whole: dict[int, Tensor] = {}

    def names_of(self, tensor: Tensor) -> tuple[str, ...]:
        """The parameters that a tensor is, or derives from."""
        if id(tensor) in self._names:
            return (self._names[id(tensor)],)
        found = self._derived.get(id(tensor))
        return () if found is None else tuple(found[1].leaves)

    def derived(self, tensor: Tensor) -> Derived | None:
        """How a tensor derives from parameters; None: it is one, or has nothing to do with them."""
        found = self._derived.get(id(tensor))
        return None if found is None else found[1]

    def look(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Seen:
        """What these arguments are."""
        names: list[str] = []
        count, constant = 0, True
        for tensor in _tensors((*args, *kwargs.values()) if kwargs else args):
            key = id(tensor)
            if key in self._names:
                names.append(self._names[key])
                count += 1
            elif key in self._derived:
                names += self._derived[key][1].leaves
                count += 1
            elif key not in self._constants or tensor.requires_grad:
                constant = False
        return Seen(tuple(names), count, constant)

    def add_constants(self, result: Any) -> None:
        """The result of a call on constants alone."""
        for tensor in _tensors((result,)):
            if id(tensor) not in self._derived and not tensor.requires_grad:
                self._constants[id(tensor)] = tensor

    def forget(self, tensor: object) -> None:
        """A constant that is about to be overwritten with something else."""
        self._constants.pop(id(tensor), None)

    def derive(
        self, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Any, bool]:
        """The result, detached, and whether any of it derives from parameters."""
        leaves = {}
        for tensor in _tensors((*args, *kwargs.values())):
            leaves.update(self._leaves(tensor))
        result = func(
            *(self._with_graph(a) for a in args),
            **{key: self._with_graph(a) for key, a in kwargs.items()},
        )
        if func is functional.embedding and isinstance(result, Tensor):
            self._mark_rows(result, *args, **kwargs)
        before = len(self._derived)
        detached = self._without_graph(result, leaves)
        return detached, len(self._derived) > before

    def _leaves(self, tensor: Tensor) -> dict[str, Tensor]:
        name = self._names.get(id(tensor))
        if name is not None:
            return {name: self._twin(name, tensor)}
        found = self._derived.get(id(tensor))
        return {} if found is None else found[1].leaves

    def _twin(self, name: str, tensor: Tensor) -> Tensor:
        if name not in self._twins:
            twin = tensor.detach().requires_grad_()
            self._twins[name], self._own[name] = twin, tensor
            self._whole[id(twin)] = twin
        return self._twins[name]

    def _with_graph(self, arg: Any) -> Any:
        if isinstance(arg, Tensor):
            name = self._names.get(id(arg))
            if name is not None:
                return self._twin(name, arg)
            return self._derived[id(arg)][1].value if id(arg) in self._derived else arg
        if isinstance(arg, list | tuple):
            items = [self._with_graph(a) for a in arg]
            return items if isinstance(arg, list) else tuple(items)
        return arg

    def _without_graph(self, result: Any, leaves: dict[str, Tensor]) -> Any:
        if isinstance(result, list | tuple):
            items = [self._without_graph(r, leaves) for r in result]
            return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
        if not isinstance(result, Tensor):
            return result
        if not result.requires_grad:
            self.add_constants(result)
            return result
        for name, twin in self._twins.items():
            if result is twin:
                return self._own[name]
        for shadow, known in self._derived.values():
            if result is known.value:
                return shadow
        shadow = result.detach()
        base = result._base if result._is_view() else result
        isometric = len(leaves) == 1 and id(base) in self._whole and _apart(result)
        key: Hashable = id(result)
        if isometric:
            key = (id(base), result.storage_offset(), result.shape, result.stride())
        self._derived[id(shadow)] = shadow, Derived(result, leaves, key, isometric)
        return shadow

    def _mark_rows(
        self,
        result: Tensor,
        ids: Tensor,
        weight: Tensor,
        padding_idx: int | None = None,
        *_: Any,
        **__: Any,
    ) -> None:
        """Rows of an embedding, each at most once."""
        whole = id(weight) in self._names and padding_idx is None
        if whole and result.requires_grad and len(ids.unique()) == ids.numel():
            self._whole[id(result)] = result


def _apart(view: Tensor) -> bool:
    """Whether no two places of a tensor are the same memory."""
    reach = 1
    for stride, size in sorted(zip(view.stride(), view.shape, strict=True)):
        if size > 1 and stride < reach:
            return False
        reach = max(reach, stride * size) if size > 1 else reach
    return view.is_floating_point()


def _tensors(args: Iterable[Any]) -> Iterator[Tensor]:
    for arg in args:
        if isinstance(arg, Tensor):
            yield arg
        elif isinstance(arg, list | tuple):
            yield from (a for a in arg if isinstance(a, Tensor))
