"""The reader's own names for tensors: `a`, `params[2]`, `model.0.weight`.

Only exact built-in containers, modules and instance dictionaries are looked into, so that no code
of the snippet runs while names are sought.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from types import GetSetDescriptorType
from typing import Any, cast

import torch
from msgspec import Struct

from app.trace.model import Binding
from app.worker import budget
from app.worker.bound import dict_of, is_module, is_optimizer, is_tensor, module_of, mro_of
from app.worker.clock import Clock
from app.worker.records import TensorRecord

Namer = Callable[[str, torch.Tensor, int, bool], TensorRecord | None]
_ATOMS = frozenset([int, float, complex, bool, str, bytes, type, type(None), type(len), type(lambda: 0), type(torch)])
_LISTS = frozenset([list, tuple])
_WRITTEN: dict[type, Callable[[Any], str]] = {  # as Python writes them, which runs no code of a snippet
    kind: cast("Any", kind).__repr__ for kind in (int, float, complex, bool, type(None))
}
_UNTOLD = frozenset([type(torch), type(lambda: 0), type(len), type])  # modules, functions, classes: no variables
_TEXT_SHOWN = 60
_HELD = frozenset([int, float, complex, bool, str, bytes, type(None)])
_of_optimizers = dict_of(torch.optim.Optimizer)["__dict__"].__get__  # attributes of one; asked at every line
_GONE, _OURS = object(), object()  # a name that was not there; one of those that every script has


class _Thing(Struct, frozen=True, gc=False):
    """What a name stood for that is no tensor, number or text; not the thing itself: it lives as long as without us."""

    id: int
    kind: type
    where: str  # in `Names._seen`
    looked_at: bool  # as long as it may hold tensors
    changes: bool  # what it holds may change while it stays the same


def clean(name: object) -> str:
    """A name as short printable text that UTF-8 can hold."""
    return str.__str__(name)[: budget.TEXT].encode(errors="backslashreplace").decode() if isinstance(name, str) else "?"


def _nameless(_: torch.Tensor) -> str | None:
    return None


def tensors_in(
    name: str,
    value: object,
    depth: int = budget.CONTAINER_DEPTH,
    called: Callable[[torch.Tensor], str | None] = _nameless,
) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor that `value` is or holds, with the expression that reaches it from `name`.

    What an optimizer keeps for a parameter is named by what that is `called`.
    """
    if is_tensor(value):
        yield name, value
    elif is_module(value):
        yield from _of_module(name, value)
        if depth:
            yield from _of_attributes(name, value, depth, called)
    elif is_optimizer(value):
        yield from _of_optimizer(name, value, called)  # its parameters have names of their own
    elif depth:
        kind = type(value)
        if kind in (list, tuple):
            for index, item in zip(range(budget.CONTAINER_ITEMS), value, strict=False):  # type: ignore[call-overload]  # it is a list or tuple: see `kind`
                yield from tensors_in(f"{name}[{index}]", item, depth - 1, called)
        elif kind is dict:
            yield from _of_dict(name, value, depth, called)  # type: ignore[arg-type]  # it is a dict: see `kind`
        elif module_of(kind) == "__main__":
            yield from _of_attributes(name, value, depth, called)


def _of_dict(
    name: str, value: dict[object, object], depth: int, called: Callable[[torch.Tensor], str | None]
) -> Iterator[tuple[str, torch.Tensor]]:
    for key, item in islice(list(value.items()), budget.CONTAINER_ITEMS):
        if type(key) in (str, int):
            yield from tensors_in(f"{name}[{key!r}]"[: budget.TEXT], item, depth - 1, called)


def _of_optimizer(
    name: str, optimizer: object, called: Callable[[torch.Tensor], str | None]
) -> Iterator[tuple[str, torch.Tensor]]:
    """What it keeps for each parameter: `opt.state[w]['momentum_buffer']`; a nameless one by its place."""
    places = _places(optimizer)
    for parameter, state in _states(optimizer):
        own = called(parameter) if is_tensor(parameter) else None
        path = f"{name}.state[{own}]" if own else f"{name}.state_dict()['state'][{places.get(id(parameter), '…')}]"
        yield from _of_dict(path[: budget.TEXT], state, 2, called)


def _places(optimizer: object) -> dict[int, int]:
    """By id of each parameter: how `state_dict` counts it."""
    places: dict[int, int] = {}
    for parameter in parameters_of(optimizer):
        places.setdefault(id(parameter), len(places))
    return places


def parameters_of(optimizer: object) -> Iterator[object]:
    """What `optimizer` was handed, group by group."""
    groups = _attributes(optimizer).get("param_groups")
    for group in groups if type(groups) is list else ():
        parameters = group.get("params") if type(group) is dict else None
        yield from parameters if type(parameters) is list else ()


def _states(optimizer: object) -> list[tuple[object, dict[object, object]]]:
    """The parameters for which `optimizer` keeps something, and what."""
    states = _of_optimizers(optimizer).get("state")
    if not states or (type(states) is not dict and type(states) is not defaultdict):
        return []
    found = islice(list(states.items()), budget.CONTAINER_ITEMS)
    return [(parameter, state) for parameter, state in found if type(state) is dict]


def _of_attributes(
    name: str, value: object, depth: int, called: Callable[[torch.Tensor], str | None]
) -> Iterator[tuple[str, torch.Tensor]]:
    for key, item in islice(list(_attributes(value).items()), budget.CONTAINER_ITEMS):
        if type(key) is str and not key.startswith("_") and type(item) not in _ATOMS:
            yield from tensors_in(f"{name}.{key}"[: budget.TEXT], item, depth - 1, called)


def _attributes(value: object) -> dict[str, object]:
    for owner in mro_of(type(value)):
        descriptor = dict_of(owner).get("__dict__")
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


def _holds(kind: type) -> bool:
    """Whether things of `kind` hold others directly, which may change while they are the same."""
    if kind in _LISTS or kind is dict or issubclass(kind, torch.optim.Optimizer):
        return True
    return not issubclass(kind, torch.nn.Module) and module_of(kind) == "__main__"


def _thing(key: str, value: object) -> _Thing:
    kind = type(value)
    return _Thing(id(value), kind, f":{key}", kind not in _ATOMS, _holds(kind))


def fingerprint(value: object) -> tuple[int, ...]:
    """Differs once `value`, or what it holds directly, is not the same as before."""
    kind = type(value)
    held: Iterable[object] = ()
    if kind in _LISTS:
        held = cast("list[object]", value)
    elif kind is dict:
        held = cast("dict[object, object]", value).values()
    elif is_optimizer(value):
        held = [kept for _, state in _states(value) for kept in state.values()]
    elif _holds(kind):
        held = _attributes(value).values()
    return (id(value), *map(id, islice(held, budget.CONTAINER_ITEMS)))


def told(value: object) -> str:
    """A number or a short text as Python writes it, else what kind of thing it is; runs no code of the snippet."""
    kind = type(value)
    if kind in _WRITTEN:
        return _WRITTEN[kind](value)
    if kind is str:
        text = cast("str", value)
        return clean(str.__repr__(text if len(text) <= _TEXT_SHOWN else text[: _TEXT_SHOWN - 1] + "…"))
    name = clean(type.__dict__["__name__"].__get__(kind))
    if kind in (list, tuple, dict, set, frozenset):
        return f"{name} of {len(cast('list[object]', value))}"
    return name


class Names:
    """Gives names as the run binds them. Looks only at what changed since it looked last."""

    def __init__(
        self,
        clock: Clock,
        name: Namer,
        module: Callable[[str, torch.nn.Module, bool], None],
        called: Callable[[torch.Tensor], str | None] = _nameless,
    ) -> None:
        self.bindings: list[Binding] = []
        self._clock, self._name, self._module, self._called = clock, name, module, called
        self._seen: dict[str, tuple[int, ...]] = {}
        self._values: dict[str, object] = {}  # at the top level: what each name stood for, tensors by their record
        self._paths: dict[tuple[int, str], list[str]] = {}  # by frame and name: what was reached through it
        self._last: dict[tuple[int, str], TensorRecord | str] = {}

    def look(self, namespace: Mapping[str, object], step: int) -> None:
        """Name what the top level binds anew since `step` began."""
        values = self._values
        for key, value in list(namespace.items()):
            before = values.get(key, _GONE)
            if before is value or before is _OURS:
                continue
            kind = type(value)
            if type(before) is TensorRecord:
                if before.ref() is value and value is not None:
                    continue  # a reference to what is gone gives None, as a name may
            elif type(before) is _Thing and before.id == id(value):
                if before.kind is not kind and not (kind in _HELD or is_tensor(value)):  # its class was set
                    before = values[key] = _thing(key, value)
                if before.kind is kind:
                    if before.looked_at and (before.changes or before.where not in self._seen):
                        self._look_at(key, value, step, "", 0)
                    continue
            if before is _GONE and key.startswith("__"):
                values[key] = _OURS
            elif kind in _HELD:
                values[key] = value
                self._tell(key, value, 0)
            elif is_tensor(value):
                if named := self._name(key, value, step, False):
                    values[key] = named
                    self._bind(key, 0, named)
            else:
                values[key] = thing = _thing(key, value)
                self._tell(key, value, 0)
                if thing.looked_at:
                    self._look_at(key, value, step, "", 0)
        if len(values) > len(namespace):
            for key in [key for key in values if key not in namespace]:
                del values[key]
                self._bind(key, 0, None)

    def look_again(self, namespace: Mapping[str, object], step: int) -> None:
        """Name what the top level holds, however deep it changed."""
        self._seen.clear()
        self.look(namespace, step)

    def bound(self, name: str, value: object, step: int, function: str, frame: int) -> None:
        """Name what a function of the snippet has just bound; a variable of the top level without `function`."""
        if is_tensor(value):
            named = self._name(name, value, step, bool(function))
            if named:
                self._bind(name, frame, named)
            return
        self._tell(name, value, frame)
        if type(value) not in _ATOMS:
            self._look_at(name, value, step, function, frame)

    def unbound(self, name: str, frame: int) -> None:
        """A function of the snippet has just deleted `name`."""
        self._bind(name, frame, None)

    def _tell(self, name: str, value: object, frame: int) -> None:
        kind = type(value)
        self._bind(name, frame, None if kind in _UNTOLD or issubclass(kind, type) else told(value))

    def _bind(self, name: str, frame: int, what: TensorRecord | str | None) -> None:
        """Note that `name` stands for `what`, and that nothing is reached through it any more as before."""
        for path in self._paths.pop((frame, name), ()):
            self._bind(path, frame, None)
        last = self._last.get((frame, name))
        if what is last or (type(what) is str and what == last) or len(self.bindings) >= budget.TURNS:
            return
        name, now = clean(name), self._clock.now
        if what is None:
            del self._last[frame, name]
            self.bindings.append(Binding(moment=now, name=name, frame=frame))
            return
        self._last[frame, name] = what
        if type(what) is str:
            self.bindings.append(Binding(moment=now, name=name, frame=frame, text=what))
        else:
            self.bindings.append(Binding(moment=now, name=name, frame=frame, tensor=cast("TensorRecord", what).key))

    def _look_at(self, key: str, value: object, step: int, function: str, frame: int) -> None:
        is_local = bool(function)
        where = f"{function}:{key}"  # what one call of a function showed need not be looked for in the next
        state = fingerprint(value)
        if self._seen.get(where) == state:
            return
        before = self._paths.pop((frame, key), [])
        self._tell(key, value, frame)  # a list may be longer now
        self._seen[where] = state
        reached = []
        for path, tensor in tensors_in(clean(key), value, called=self._called):
            named = self._name(path, tensor, step, is_local)
            if named:
                self._bind(path, frame, named)
                reached.append(path)
        for path in before:
            if path not in reached:
                self._bind(path, frame, None)
        if reached:
            self._paths[frame, key] = reached
        if is_module(value):
            for path, part in submodules(clean(key), value):
                self._module(path, part, is_local)
