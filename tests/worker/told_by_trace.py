"""The Trace's account of a run in the words of `probe.py`, to be held against what plain torch says."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from app.trace.model import Final, Trace, Values
from tests.worker.compare import written


def pairs(trace: Trace, names: list[str], share: Callable[[Final, Final], bool]) -> list[list[str]]:
    """The names, two at a time, that `share`."""
    return [
        [one, other] for one in names for other in names if one < other and share(trace.final[one], trace.final[other])
    ]


def memory(trace: Trace, names: list[str]) -> list[list[str]]:
    """Who stands over the same storage."""
    return pairs(trace, names, lambda one, other: one.storage is not None and one.storage == other.storage)


def counters(trace: Trace, names: list[str]) -> list[list[str]]:
    """Who is counted by the same counter."""
    return pairs(trace, names, lambda one, other: one.counter is not None and one.counter == other.counter)


def graph(trace: Trace, root: str) -> list[Any]:
    """Every node from `root` up, numbered as found: [name, [[number, index of its input] or None, ...]]."""
    found = nodes_above(trace, root)
    return [
        [
            trace.nodes[key].name,
            [None if e is None else [found.index(e.node), e.index] for e in trace.nodes[key].inputs],
        ]
        for key in found
    ]


def nodes_above(trace: Trace, root: str) -> list[str]:
    """Every node that `root` leads to, once, in the order of `probe.nodes_above`."""
    found: list[str] = []
    todo = [root]
    while todo:
        key = todo.pop()
        if key not in found:
            found.append(key)
            todo += [edge.node for edge in trace.nodes[key].inputs if edge is not None]
    return found


def saved(trace: Trace, node: str) -> dict[str, list[Any]]:
    """Slot → version, shape and elements as backward read them, and the names of that very tensor."""
    return {
        entry.slot: [
            entry.version,
            *(listed(entry.values_read or entry.values) or []),
            list(trace.tensors[entry.tensor or ""].names),
        ]
        for entry in trace.nodes[node].saved
    }


def fired(trace: Trace) -> list[Any]:
    """Every node that backward ran: its name, and the gradients it sent and received."""
    return [
        [trace.nodes[f.node].name, [listed(v) for v in f.grad_inputs], [listed(v) for v in f.grad_outputs]]
        for backward in trace.backwards
        for f in backward.fired
        if f.finished
    ]


def listed(values: Values | None) -> list[Any] | None:
    """Shape, and every element as Python writes it."""
    if values is None:
        return None
    return [list(values.shape), None if values.flat is None else [written(number) for number in values.flat]]


def writes(trace: Trace) -> list[tuple[int, str, str | None, int | None]]:
    """Every write: its line, its operator, what it went through, and the version after it if it moved a counter."""
    return [(write.line, write.op, write.name, write.version) for write in trace.writes]


def wrote(trace: Trace, line: int, name: str) -> bool:
    """Whether a write on `line` reached a tensor that was ever called `name`, through its counter or its memory."""
    tensors = [(key, tensor) for key, tensor in trace.tensors.items() if name in tensor.names]
    return any(
        write.line == line
        and (write.through == key or write.counter == tensor.counter or write.storage == tensor.storage)
        for write in trace.writes
        for key, tensor in tensors
    )


def counted(trace: Trace) -> Iterator[tuple[int, set[str]]]:
    """Lines of the top level, and the names of a tensor, known before and still, whose counter a write there moved."""
    names: dict[str | None, set[str]] = defaultdict(set)
    for name, final in trace.final.items():
        if name.isidentifier():
            names[final.tensor].add(name)
    for write in trace.writes:
        if write.counter is None or trace.steps[write.step].function is not None:
            continue
        for key, called in names.items():
            tensor = trace.tensors[key or ""]
            if tensor.counter == write.counter and tensor.step is not None and tensor.step < write.step:
                yield write.line, called
