"""Questions to plain torch about the tensors of a run. Imports nothing of ours: `plain.py` does the asking.

Nothing here asks as the worker does: sharing is seen from addresses and from counting a write, saved tensors from
torch's own checked `_saved_*` attributes, the order of backward from hooks on nodes that were found by walking.
"""

import re
from collections.abc import Callable
from typing import Any

import torch

Facts = dict[str, Any]


def before(namespace: dict[str, Any]) -> tuple[Facts, Callable[[], Facts]]:
    """The state of a run before the rest of it, and a function that tells what backward did in that rest.

    The state, by global names: versions, grad_fn graphs, saved tensors, who shares memory and counters with whom.
    """
    tensors = {name: value for name, value in namespace.items() if isinstance(value, torch.Tensor)}
    nodes = {name: grad_fn_of(tensor) for name, tensor in tensors.items()}
    graphs = {name: node for name, node in nodes.items() if node is not None}
    versions = {name: version for name, tensor in tensors.items() if (version := version_of(tensor)) is not None}
    counted = {name: tensors[name] for name in versions}
    state = {
        "names": sorted(tensors),
        "versions": versions,
        "places": {
            name: [list(t.shape), list(t.stride()), t.data_ptr(), t.element_size()] for name, t in tensors.items()
        },
        "cells": {name: cells_of(tensor) for name, tensor in tensors.items() if tensor.untyped_storage().resizable()},
        "graphs": {name: graph_of(node) for name, node in graphs.items()},
        "saved": {name: [saved_by(above, tensors) for above in nodes_above([node])] for name, node in graphs.items()},
        "lines": {name: [line_of(above) for above in nodes_above([node])] for name, node in graphs.items()},
        "memory": pairs(tensors, shares_memory),
        "counters": pairs(counted, shares_counter),
    }
    # the probing above counted writes that never were
    torch._C._autograd._unsafe_set_version_counter(tuple(counted.values()), tuple(versions.values()))
    fired: list[Any] = []
    for node in nodes_above(list(graphs.values())):
        node.register_hook(
            lambda inputs, outputs, node=node: fired.append([name_of(node), *map(gradients, (inputs, outputs))])
        )
    return state, lambda: {"fired": fired}


class Watch:
    """Looks at every named tensor before each line: whose counter moved since, and whose elements differ."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.written: list[list[Any]] = []  # line, names that it wrote
        self._namespace = namespace
        self._line: int | None = None
        self._seen: dict[str, tuple[torch.Tensor, object]] = {}

    def look(self, line: int | None) -> None:
        """Note what the line before wrote; `line` begins."""
        tensors = {name: value for name, value in list(self._namespace.items()) if isinstance(value, torch.Tensor)}
        states = {name: (tensor, state_of(tensor)) for name, tensor in tensors.items()}
        written = [
            name
            for name, (tensor, state) in states.items()
            if name in self._seen and self._seen[name][0] is tensor and self._seen[name][1] != state
        ]
        if written:
            self.written.append([self._line, sorted(written)])
        self._seen, self._line = states, line


def state_of(tensor: torch.Tensor) -> object:
    """What changes when a tensor is written, or put over other memory."""
    version = version_of(tensor)
    storage: Any = tensor.untyped_storage()
    return version, storage.tolist() if storage.nbytes() < LARGE else None


LARGE = 4_096  # bytes


def grad_fn_of(tensor: torch.Tensor) -> Any:
    """None too for a view that autograd refuses to look at, because its base was written."""
    try:
        return tensor.grad_fn
    except RuntimeError:
        return None


def version_of(tensor: torch.Tensor) -> int | None:
    """None for a tensor without a counter."""
    try:
        return tensor._version
    except RuntimeError:
        return None


def pairs(tensors: dict[str, torch.Tensor], share: Callable[[torch.Tensor, torch.Tensor], bool]) -> list[list[str]]:
    """The names, two at a time, whose tensors `share`, or share with one that does."""
    groups: list[set[str]] = []
    for name, tensor in tensors.items():
        touched = [group for group in groups if any(share(tensors[other], tensor) for other in group)]
        groups = [group for group in groups if group not in touched] + [{name}.union(*touched)]
    return sorted([one, other] for group in groups for one in group for other in group if one < other)


def cells_of(tensor: torch.Tensor) -> list[Any]:
    """The size of its storage in bytes, and all its elements, as the dtype of `tensor`."""
    storage = tensor.untyped_storage()
    whole = torch.empty(0, dtype=tensor.dtype).set_(storage)
    return [storage.nbytes(), *listed(whole)]


def shares_memory(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether any byte belongs to both storages."""
    first, second = one.untyped_storage(), other.untyped_storage()
    return (
        first.data_ptr() < second.data_ptr() + second.nbytes() and second.data_ptr() < first.data_ptr() + first.nbytes()
    )


def shares_counter(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether a write of one counts for the other. Counts one."""
    if one.is_inference():  # for it increment_version does nothing, without a word, though it may have a counter
        one, other = other, one
    known = other._version
    torch.autograd.graph.increment_version(one)
    return other._version != known


def name_of(node: Any) -> str:
    """`SigmoidBackward0`."""
    name: str = node.name().rpartition("::")[2]
    return name


def graph_of(root: Any) -> list[Any]:
    """Every node from `root` up, numbered as found: [name, [[number, index of its input] or None, ...]]."""
    found = nodes_above([root])
    return [
        [
            name_of(node),
            [None if above is None else [found.index(above), index] for above, index in node.next_functions],
        ]
        for node in found
    ]


def nodes_above(roots: list[Any]) -> list[Any]:
    """Every node that `roots` lead to, once, in the order of a walk that takes a node's last input first."""
    found: list[Any] = []
    todo = list(roots)
    while todo:
        node = todo.pop()
        if node not in found:
            found.append(node)
            todo += [above for above, _ in node.next_functions if above is not None]
    return found


def saved_by(node: Any, tensors: dict[str, torch.Tensor]) -> Facts:
    """The tensors in torch's own `_saved_*` of `node`: slot → version, contents, and the names of that very tensor.

    None for a slot that torch refuses to show, because the tensor was written.
    """
    found: Facts = {}
    for attribute in dir(node):
        slot = attribute.removeprefix("_saved_")
        if slot == attribute:
            continue
        try:
            value = getattr(node, attribute)
        except RuntimeError:
            found[slot] = None
            continue
        if isinstance(value, torch.Tensor):
            found[slot] = value
        elif isinstance(value, tuple):
            found |= {f"{slot}[{i}]": item for i, item in enumerate(value) if isinstance(item, torch.Tensor)}
    if isinstance(node, torch.autograd.function.BackwardCFunction):
        found |= {f"tensors[{i}]": item for i, item in enumerate(node.saved_tensors) if item is not None}
    return {slot: value if value is None else saved(value, tensors) for slot, value in found.items()}


def saved(value: torch.Tensor, tensors: dict[str, torch.Tensor]) -> list[Any]:
    """Version, shape, elements, and the names that are bound to it."""
    same = [name for name, tensor in tensors.items() if place_of(tensor) == place_of(value)]
    return [value._version, *listed(value), same]


def place_of(tensor: torch.Tensor) -> tuple[object, ...]:
    """What tells two tensors apart that are not the same handle: no two of a row share all of this by accident."""
    version = version_of(tensor)
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, version, tensor.is_conj(), tensor.is_neg()


def line_of(node: Any) -> int | None:
    """The line of the snippet that made `node`, as anomaly mode noted it.

    None for an AccumulateGrad, which torch makes when it is asked for, and where a view's node was made anew.
    """
    if name_of(node) in ("AccumulateGrad", "AsStridedBackward0"):
        return None
    noted = [re.match(r' *File "snippet.py", line (\d+)', entry) for entry in node.metadata.get("traceback_", [])]
    lines = [int(match[1]) for match in noted if match]
    return lines[-1] if lines else None


def gradients(values: tuple[torch.Tensor | None, ...]) -> list[list[Any] | None]:
    """What a hook was given."""
    return [None if value is None else listed(value) for value in values]


def listed(tensor: torch.Tensor) -> list[Any]:
    """Shape, and every element as Python writes it."""
    return [list(tensor.shape), list(map(repr, tensor.detach().flatten().tolist()))]
