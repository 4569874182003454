"""Where values left the graph: which operator took a tensor without its history, and where that value went on.

Derived from `Trace.operations`, so a value that crossed as a Python number cannot be followed further.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from app.trace.model import Operation, Trace
from app.trace.moments import standing

By = Literal[
    "detach",
    "data",
    "no_grad",
    "python-scalar",
    "numpy",
    "copy-constructor",
    "non-differentiable",
    "requires-grad-forced",  # found by `app/explain/forced.py`: a value without a graph was made a leaf
]

ACCUMULATE = "AccumulateGrad"

_ALWAYS: dict[str, By] = {
    "detach": "detach",
    "detach_": "detach",
    ".data": "data",
    "item": "python-scalar",
    "tolist": "python-scalar",
    "__float__": "python-scalar",
    "__int__": "python-scalar",
    "__complex__": "python-scalar",
    "__index__": "python-scalar",
    "numpy": "numpy",
    "__array__": "numpy",
    "__dlpack__": "numpy",
    "to_dlpack": "numpy",
}
_COPYING = frozenset(["tensor", "new_tensor", "scalar_tensor"])
_NO_VALUES = frozenset(  # read a shape or a gradient, not what the tensor holds
    [
        *(".grad", ".grad=", ".data=", "grad", "backward", "requires_grad_", "retain_grad", "set_", "resize_"),
        *("new_zeros", "new_ones", "new_empty", "new_full", "new_empty_strided", "_make_subclass", "data_ptr"),
    ]
)
_FURTHEST = 50  # nodes in a row that one operator records
_MOST = 32  # cuts that one value is followed back to, the earliest first: a running total would carry all


class Cut(Struct, frozen=True, kw_only=True):
    """A value that went on without the graph it came from."""

    step: int
    moment: int
    by: By
    op: str  # the operator: "detach_", "item", "argmax"
    source: str  # the tensor that had a graph, or was a leaf that requires grad
    result: str | None  # the tensor without; None where a Python number or an array came out
    into: tuple[str, ...] = ()  # the nodes for which that value was an input after all


class _Graphs:
    """When each tensor was first known to have a node of its own, or as a leaf to require grad."""

    def __init__(self, trace: Trace) -> None:
        self._since: dict[str, int] = {}
        self._leaves = {key: tensor for key, tensor in trace.tensors.items() if tensor.requires_grad and tensor.is_leaf}
        for node in trace.nodes.values():
            if node.name == ACCUMULATE or node.step is None:
                continue
            for key in node.tensors:
                self._since[key] = min(node.step, self._since.get(key, node.step))

    def had(self, tensor: str, step: int) -> bool:
        """Whether `tensor` was recorded by an operator by then."""
        return self._since.get(tensor, step + 1) <= step

    def wanted(self, tensor: str, operation: Operation) -> bool:
        """Whether a gradient could have come to `tensor` by what `operation` recorded."""
        leaf = self._leaves.get(tensor)
        if leaf is not None and (not leaf.turns or standing(leaf, operation.moment).requires_grad):
            return True
        return self.had(tensor, operation.step)


def cuts(trace: Trace) -> tuple[Cut, ...]:
    """Every operator call that took a value out of its graph, in the order in which they ran."""
    graphs = _Graphs(trace)
    found: list[Cut] = []
    carried: defaultdict[str, set[int]] = defaultdict(set)  # tensor without a graph → the cuts it comes from
    storages: defaultdict[str, set[int]] = defaultdict(set)
    into: defaultdict[int, dict[str, None]] = defaultdict(dict)
    made: set[str] = set()
    for operation in trace.operations:
        if operation.raised:
            continue
        # without inputs it may be `from_numpy`: the value comes over the memory
        given = operation.inputs or operation.outputs
        brought = set[int]().union(*(_brought(trace, key, carried, storages, made) for key in given))
        if brought:
            for node in _entered(trace, operation, graphs):
                for index in sorted(brought):
                    into[index][node] = None
        for cut in _cuts_by(operation, graphs):
            brought.add(len(found))
            found.append(cut)
        made.update(operation.outputs)
        for key in operation.outputs:
            if brought and (operation.op == "detach_" or not graphs.had(key, operation.step)):
                carried[key] = set(sorted(carried[key] | brought)[:_MOST])
        if brought and not operation.outputs:  # an array, perhaps: it may come back over the same memory
            for key in operation.inputs:
                if storage := trace.tensors[key].storage:
                    storages[storage] |= brought if operation.op in _ALWAYS else set()
    return tuple(replace(cut, into=tuple(into[index])) for index, cut in enumerate(found))


def _cuts_by(operation: Operation, graphs: _Graphs) -> Iterator[Cut]:
    """The cuts that this one call made: one for each input that had a graph."""
    sources = [key for key in dict.fromkeys(operation.inputs) if graphs.wanted(key, operation)]
    if not sources or operation.op in _NO_VALUES or operation.op.endswith("_like"):
        return
    by = _ALWAYS.get(operation.op)
    fresh = [key for key in operation.outputs if key not in operation.inputs]
    if by is None:
        if not fresh or any(graphs.had(key, operation.step) for key in operation.outputs):
            return
        if operation.op in _COPYING:
            by = "copy-constructor"
        else:
            by = "non-differentiable" if operation.grad_enabled else "no_grad"
    result = next(iter(fresh or operation.outputs), None)
    for source in sources:
        yield Cut(step=operation.step, moment=operation.moment, by=by, op=operation.op, source=source, result=result)


def _brought(
    trace: Trace,
    tensor: str,
    carried: defaultdict[str, set[int]],
    storages: defaultdict[str, set[int]],
    made: set[str],
) -> set[int]:
    """The cuts whose value comes in with `tensor`, also over memory that an array kept."""
    storage = trace.tensors[tensor].storage or ""
    if storage in storages and tensor not in made and tensor not in carried:
        carried[tensor] |= storages[storage]
    return carried.get(tensor, set())


def _entered(trace: Trace, operation: Operation, graphs: _Graphs) -> Iterator[str]:
    """The node of `operation` that a value without a graph went into."""
    own = [node for key in operation.outputs if graphs.had(key, operation.step) and (node := trace.tensors[key].node)]
    recorded = list(_recorded_by(trace, operation, own))
    wanting = [key for key in recorded if None in trace.nodes[key].inputs]
    keeping = [key for key in wanting if any(saved.tensor in operation.inputs for saved in trace.nodes[key].saved)]
    yield from (keeping or wanting or own)[:1]


def _recorded_by(trace: Trace, operation: Operation, own: list[str]) -> Iterator[str]:
    """The nodes that `operation` recorded: from those of its outputs up to those of its inputs."""
    seen = {node for key in operation.inputs if (node := trace.tensors[key].node)} - set(own)
    todo = own
    for _ in range(_FURTHEST):
        reached = [key for key in dict.fromkeys(todo) if key not in seen and trace.nodes[key].step == operation.step]
        if not reached:
            return
        yield from reached
        seen.update(reached)
        todo = [edge.node for key in reached for edge in trace.nodes[key].inputs if edge]
