"""The reader's own names for tensors: `a`, `params[2]`, `model.0.weight`.

Only exact built-in containers, modules and instance dictionaries are looked into, so that no code
of the snippet runs while names are sought.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from types import GetSetDescriptorType
from typing import cast

import torch

from app.worker import budget
from app.worker.bound import is_module, is_tensor
from app.worker.memory import TensorRecord

Namer = Callable[[str, torch.Tensor, int, bool], TensorRecord | None]
_ATOMS = frozenset([int, float, complex, bool, str, bytes, type, type(None), type(len), type(lambda: 0), type(torch)])
_LISTS = frozenset([list, tuple])


def clean(name: object) -> str:
    """A name as short printable text that UTF-8 can hold."""
    return str.__str__(name)[: budget.TEXT].encode(errors="backslashreplace").decode() if isinstance(name, str) else "?"


def tensors_in(name: str, value: object, depth: int = budget.CONTAINER_DEPTH) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor that `value` is or holds, with the expression that reaches it from `name`."""
    if is_tensor(value):
        yield name, value
    elif is_module(value):
        yield from _of_module(name, value)
        if depth:
            yield from _of_attributes(name, value, depth)
    elif issubclass(type(value), torch.optim.Optimizer):
        return  # its parameters have names of their own
    elif depth:
        kind = type(value)
        if kind in (list, tuple):
            for index, item in zip(range(budget.CONTAINER_ITEMS), value, strict=False):  # type: ignore[call-overload]
                yield from tensors_in(f"{name}[{index}]", item, depth - 1)
        elif kind is dict:
            yield from _of_dict(name, value, depth)  # type: ignore[arg-type]
        elif type.__dict__["__module__"].__get__(kind) == "__main__":
            yield from _of_attributes(name, value, depth)


def _of_dict(name: str, value: dict[object, object], depth: int) -> Iterator[tuple[str, torch.Tensor]]:
    for key, item in islice(list(value.items()), budget.CONTAINER_ITEMS):
        if type(key) in (str, int):
            yield from tensors_in(f"{name}[{key!r}]"[: budget.TEXT], item, depth - 1)


def _of_attributes(name: str, value: object, depth: int) -> Iterator[tuple[str, torch.Tensor]]:
    for key, item in islice(list(_attributes(value).items()), budget.CONTAINER_ITEMS):
        if type(key) is str and not key.startswith("_") and type(item) not in _ATOMS:
            yield from tensors_in(f"{name}.{key}"[: budget.TEXT], item, depth - 1)


def _attributes(value: object) -> dict[str, object]:
    for owner in type.__dict__["__mro__"].__get__(type(value)):
        descriptor = type.__dict__["__dict__"].__get__(owner).get("__dict__")
        if descriptor is not None:  # not getattr: a class may have code of its own for that
            attributes = descriptor.__get__(value) if type(descriptor) is GetSetDescriptorType else None
            return attributes if type(attributes) is dict else {}
    return {}


def _of_module(name: str, module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    for path, part in submodules(name, module):
        for table in ("_parameters", "_buffers"):
            held = part.__dict__.get(table)
            if isinstance(held, Mapping):
                for key, tensor in list(held.items()):
                    if is_tensor(tensor):
                        yield f"{path}.{key}", tensor


def submodules(name: str, module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """`module` and all below it, with the path from `name`; each once."""
    seen: set[int] = set()
    todo = [(name, module)]
    while todo and len(seen) < 10 * budget.CONTAINER_ITEMS:
        path, part = todo.pop(0)
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield path, part
        children = part.__dict__.get("_modules")
        if isinstance(children, Mapping):
            todo += [(f"{path}.{key}", child) for key, child in list(children.items()) if is_module(child)]


def final_tensors(namespace: Mapping[str, object]) -> Iterator[tuple[str, torch.Tensor]]:
    """Every name bound to a tensor, and every parameter of a module bound to a name."""
    for name, value in list(namespace.items()):
        if is_tensor(value):
            yield clean(name), value
        elif is_module(value):
            for path, part in submodules(clean(name), value):
                parameters = part.__dict__.get("_parameters")
                for key, tensor in list(parameters.items()) if isinstance(parameters, dict) else ():
                    if is_tensor(tensor):
                        yield f"{path}.{clean(key)}"[: budget.TEXT], tensor


def fingerprint(value: object) -> tuple[int, ...]:
    """Differs once `value`, or what it holds directly, is not the same as before."""
    kind = type(value)
    held: Iterable[object] = ()
    if kind in _LISTS:
        held = cast("list[object]", value)
    elif kind is dict:
        held = cast("dict[object, object]", value).values()
    elif not is_module(value) and type.__dict__["__module__"].__get__(kind) == "__main__":
        held = _attributes(value).values()
    return (id(value), *map(id, islice(held, budget.CONTAINER_ITEMS)))


class Names:
    """Gives names as the run binds them. Looks only at what changed since it looked last."""

    def __init__(self, name: Namer, module: Callable[[str, torch.nn.Module, bool], None]) -> None:
        self._name, self._module = name, module
        self._seen: dict[str, tuple[int, ...]] = {}
        self._bound: dict[str, TensorRecord] = {}  # at the top level, by name

    def look(self, namespace: Mapping[str, object], step: int) -> None:
        """Name what the top level binds anew since `step` began."""
        bound = self._bound
        for key, value in list(namespace.items()):
            if key in bound and bound[key].ref() is value:
                continue
            if type(value) not in _ATOMS and not key.startswith("__"):
                if is_tensor(value):
                    if named := self._name(key, value, step, False):
                        bound[key] = named
                else:
                    self._look_at(key, value, step, "")

    def look_again(self, namespace: Mapping[str, object], step: int) -> None:
        """Name what the top level holds, however deep it changed."""
        self._seen.clear()
        self._bound.clear()
        self.look(namespace, step)

    def bound(self, name: str, value: object, step: int, function: str) -> None:
        """Name what a function of the snippet has just bound."""
        if type(value) not in _ATOMS:
            self._look_at(name, value, step, function)

    def _look_at(self, key: str, value: object, step: int, function: str) -> None:
        is_local = bool(function)
        if is_tensor(value):
            self._name(key, value, step, is_local)
            return
        where = function + ":" + key
        state = fingerprint(value)
        if self._seen.get(where) == state:
            return
        self._seen[where] = state
        for path, tensor in tensors_in(clean(key), value):
            self._name(path, tensor, step, is_local)
        if is_module(value):
            for path, part in submodules(clean(key), value):
                self._module(path, part, is_local)
