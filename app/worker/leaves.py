"""Leaves of a snippet, counted as they first stand under a name: the same one has the same number in every run."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType

import torch
from msgspec import Struct
from torch.overrides import TorchFunctionMode

from app.worker import budget
from app.worker.bound import (
    TensorBase,
    dtype_of,
    grad_fn_of,
    is_grad_enabled,
    is_inference,
    is_leaf_of,
    requires_grad_of,
    shape_of,
    stride_of,
)
from app.worker.contents import is_observable
from app.worker.names import clean, tensors_in
from app.worker.operators import tensors_among

Index = tuple[int, ...]

data_of: Callable[[torch.Tensor], torch.Tensor] = TensorBase.data.__get__  # type: ignore[attr-defined]  # a descriptor


class Leaf(Struct, eq=False, kw_only=True):
    """A leaf as it first stood under a name."""

    number: int
    tensor: torch.Tensor
    name: str
    calls: int  # of backward before it had a name
    used: bool  # by a recorded operator before it had a name
    elements: list[tuple[Index, complex]]  # those that are to be moved, and what they hold then
    named_at_end: bool = False  # at the top level


class Move(Struct, frozen=True):
    """One element of one leaf, moved as soon as that has a name."""

    number: int
    at: Index
    delta: complex


class Leaves:
    """Looks for new ones before each statement; with a move, until that is made."""

    def __init__(self, move: Move | None = None, used: Mapping[int, torch.Tensor] | None = None) -> None:
        self.found: list[Leaf] = []
        self.by_id: dict[int, Leaf] = {}  # the leaves hold their tensors: no id is used twice
        self.calls = 0
        self.moved = False
        self._move = move
        self._used: Mapping[int, torch.Tensor] = {} if used is None else used  # it fills as the snippet runs

    def look(self, frame: FrameType) -> None:
        """A statement of the snippet begins in `frame`."""
        if self._move is not None and self.moved:
            return
        for name, value in list(frame.f_locals.items()):
            for path, tensor in tensors_in(clean(name), value):
                if id(tensor) not in self.by_id and _may_be_moved(tensor):
                    self._meet(path, tensor)

    def _meet(self, name: str, tensor: torch.Tensor) -> None:
        if len(self.found) >= budget.NUMERIC_TENSORS:
            return
        number = len(self.found)
        elements: list[tuple[Index, complex]] = []
        if self._move is None:
            with torch.no_grad():
                data = data_of(tensor)
                elements = [(at, data[at].item()) for at in chosen(tuple(shape_of(tensor)), budget.NUMERIC_ELEMENTS)]
        elif self._move.number == number:
            with torch.no_grad():
                data_of(tensor)[self._move.at] += self._move.delta
            self.moved = True
        leaf = Leaf(
            number=number,
            tensor=tensor,
            name=name,
            calls=self.calls,
            used=id(tensor) in self._used,
            elements=elements,
        )
        self.found.append(leaf)
        self.by_id[id(tensor)] = leaf

    def rename(self, namespace: Mapping[str, object]) -> None:
        """Prefer the names of the top level, as they are in the end."""
        renamed: set[int] = set()
        for name, value in list(namespace.items()):
            for path, tensor in tensors_in(clean(name), value):
                leaf = self.by_id.get(id(tensor))
                if leaf is not None and leaf.number not in renamed:
                    renamed.add(leaf.number)
                    leaf.name, leaf.named_at_end = path, True


def _may_be_moved(tensor: torch.Tensor) -> bool:
    return (
        is_observable(tensor)
        and (dtype_of(tensor).is_floating_point or dtype_of(tensor).is_complex)
        and is_leaf_of(tensor)
        and not is_inference(tensor)
    )


def overlaps(tensor: torch.Tensor) -> bool:
    """Whether some of its elements are one cell of memory, as after `expand`."""
    sizes = zip(shape_of(tensor), stride_of(tensor), strict=True)
    return any(size > 1 and stride == 0 for size, stride in sizes)


def chosen(shape: tuple[int, ...], most: int) -> list[Index]:
    """Up to `most` indices of `shape`, in order, from the first to the last."""
    count = math.prod(shape)
    if not count:
        return []
    flat = range(count) if count <= most else [round(place * (count - 1) / (most - 1)) for place in range(most)]
    return [_unravelled(place, shape) for place in flat]


def _unravelled(place: int, shape: tuple[int, ...]) -> Index:
    index = []
    for size in reversed(shape):
        place, at = divmod(place, size)
        index.append(at)
    return tuple(reversed(index))


class Uses(TorchFunctionMode):
    """Notes which leaves a recorded operator took."""

    def __init__(self) -> None:
        super().__init__()
        self.leaves: dict[int, torch.Tensor] = {}

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        result = func(*args, **(kwargs or {}))
        if is_grad_enabled() and any(grad_fn_of(made) is not None for made in tensors_among((result,))):
            for tensor in self._leaves_among([*args, *(kwargs or {}).values()]):
                self.leaves[id(tensor)] = tensor
        return result

    def _leaves_among(self, values: list[object]) -> Iterator[torch.Tensor]:
        return (tensor for tensor in tensors_among(values) if is_leaf_of(tensor) and requires_grad_of(tensor))
