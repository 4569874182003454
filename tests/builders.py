"""Traces made by hand: a whole from the parts that matter, and small runs told call by call."""

import math
import struct
from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from app.trace.model import (
    Array,
    Backward,
    Binding,
    Check,
    Content,
    Counter,
    Edge,
    Environment,
    Final,
    Fired,
    ModuleCall,
    Node,
    Operation,
    Outcome,
    SavedTensor,
    Scalar,
    Step,
    Storage,
    Tensor,
    Trace,
    Values,
    Write,
)

ENVIRONMENT = Environment(torch="2.13.0", python="3.11.2", tapescope="0.1.0")
ITEM_BYTES = 4


def values(*flat: Scalar, shape: tuple[int, ...] | None = None) -> Values:
    """Contents of a float32 tensor, a vector unless `shape` says otherwise."""
    return Values(shape=(len(flat),) if shape is None else shape, dtype="float32", flat=flat)


def packed(flat: Sequence[Scalar]) -> bytes:
    """Cells as doubles: what is told need not fit a float32."""
    real = [float(value[0] if isinstance(value, tuple) else value) for value in flat]
    return struct.pack(f"<{len(flat)}d", *real)


def a_trace(**fields: object) -> Trace:
    """A Trace that finished; what `fields` refer to and leave out is made up: storages, counters, steps."""
    trace = Trace(environment=ENVIRONMENT, outcome=Outcome(kind="finished"))
    trace = replace(trace, **fields)
    storages = dict(trace.storages)
    counters = dict(trace.counters)
    for tensor in trace.tensors.values():
        if tensor.storage:
            cells = max(math.prod(tensor.shape), 1)
            storages.setdefault(tensor.storage, Storage(size_bytes=cells * ITEM_BYTES, dtype=tensor.dtype, alive=True))
        if tensor.counter:
            counters.setdefault(tensor.counter, Counter(version=0))
    used = [tensor.step for tensor in trace.tensors.values()] + [node.step for node in trace.nodes.values()]
    used += [operation.step for operation in trace.operations] + [write.step for write in trace.writes]
    used += [backward.step for backward in trace.backwards] + [call.step for call in trace.calls]
    last = max((step for step in used if step is not None), default=-1)
    steps = trace.steps + tuple(Step(line=at + 1) for at in range(len(trace.steps), last + 1))
    return numbered(replace(trace, storages=storages, counters=counters, steps=steps))


def numbered(trace: Trace) -> Trace:
    """`trace` with its moments: each line that ran, then the nodes of its backwards."""
    steps, backwards, now = [], list(trace.backwards), 0
    for at, step in enumerate(trace.steps):
        now += 1
        steps.append(replace(step, moment=now))
        for index, backward in enumerate(backwards):
            if backward.step == at:
                fired = tuple(replace(one, moment=now + nth) for nth, one in enumerate(backward.fired, 1))
                backwards[index] = replace(backward, fired=fired, moment=steps[-1].moment)
                now += len(fired)

    def of(step: int | None) -> int:
        return steps[step].moment if step is not None and step < len(steps) else 1

    freed = {one.node: one.moment for backward in backwards for one in backward.fired if one.finished}
    return replace(
        trace,
        steps=tuple(steps),
        backwards=tuple(backwards),
        tensors={key: replace(one, moment=of(one.step)) for key, one in trace.tensors.items()},
        storages={key: replace(one, moment=of(one.step)) for key, one in trace.storages.items()},
        counters={key: replace(one, moment=of(one.step)) for key, one in trace.counters.items()},
        nodes={
            key: replace(one, moment=of(one.step), freed_at=freed.get(key) if one.freed else None)
            for key, one in trace.nodes.items()
        },
        operations=tuple(replace(one, moment=of(one.step)) for one in trace.operations),
        writes=tuple(replace(one, moment=of(one.step)) for one in trace.writes),
    )


def contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of a tensor whose elements lie one after another."""
    return tuple(math.prod(shape[at + 1 :]) for at in range(len(shape)))


class Told:
    """A run told call by call: `line`, then what it did. `trace()` is what a recorder would have seen."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.tensors: dict[str, Tensor] = {}
        self.storages: dict[str, Storage] = {}
        self.counters: dict[str, Counter] = {}
        self.nodes: dict[str, Node] = {}
        self.calls: list[ModuleCall] = []
        self.operations: list[Operation] = []
        self.writes: list[Write] = []
        self.backwards: list[Backward] = []
        self.arrays: list[Array] = []
        self._leaves: dict[str, str] = {}
        self._looks: dict[str, list[tuple[int, tuple[Scalar, ...]]]] = {}  # by storage: step, all cells
        self._moves: dict[str, list[tuple[int, int]]] = {}  # by counter: step, version
        self.call: int | None = None

    def line(self, number: int) -> "Told":
        """The line that runs from now on."""
        self.steps.append(Step(line=number))
        return self

    @property
    def step(self) -> int:
        """The step that runs now."""
        return len(self.steps) - 1

    def tensor(
        self,
        name: str | None,
        *flat: Scalar,
        shape: tuple[int, ...] | None = None,
        requires_grad: bool = False,
        expression: str | None = None,
        op: str | None = None,
        alive: bool = True,
        parameter: bool = False,
        known: bool = True,
    ) -> str:
        """A tensor over memory of its own; without `known` contents it is too large to list."""
        shape = (len(flat),) if shape is None else shape
        storage, counter = f"s{len(self.storages)}", f"v{len(self.counters)}"
        cells = math.prod(shape)
        held = Values(shape=(cells,), dtype="float32", flat=flat) if known and len(flat) == cells else None
        self.storages[storage] = Storage(
            size_bytes=cells * ITEM_BYTES, dtype="float32", step=self.step, alive=alive, values=held if alive else None
        )
        self.counters[counter] = Counter(version=0, step=self.step)
        if held:
            self._looks[storage] = [(self.step, flat)]
        key = f"t{len(self.tensors)}"
        self.tensors[key] = Tensor(
            shape=shape,
            stride=contiguous(shape),
            offset=0,
            dtype="float32",
            storage=storage,
            counter=counter,
            names=(name,) if name else (),
            expression=expression,
            step=self.step,
            op=op,
            is_leaf=True,
            requires_grad=requires_grad,
            is_parameter=parameter,
            alive=alive,
            values=replace(held, shape=shape) if held and alive else None,
        )
        return key

    def view(
        self,
        base: str,
        name: str | None,
        shape: tuple[int, ...],
        stride: tuple[int, ...],
        offset: int = 0,
        *,
        op: str = "view",
        own_counter: bool = False,
    ) -> str:
        """A tensor over the memory of `base`."""
        under = self.tensors[base]
        counter = under.counter
        if own_counter:
            counter = f"v{len(self.counters)}"
            self.counters[counter] = Counter(version=0, step=self.step)
        key = f"t{len(self.tensors)}"
        self.tensors[key] = Tensor(
            shape=shape,
            stride=stride,
            offset=offset,
            dtype="float32",
            storage=under.storage,
            counter=counter,
            names=(name,) if name else (),
            step=self.step,
            op=op,
            base=base,
            alive=True,
        )
        self.ran(op, (base,), (key,))
        return key

    def ran(self, op: str, inputs: Sequence[str], outputs: Sequence[str] = (), *, grad_enabled: bool = True) -> None:
        """An operator ran."""
        self.operations.append(
            Operation(step=self.step, op=op, inputs=tuple(inputs), outputs=tuple(outputs), grad_enabled=grad_enabled)
        )

    def node(
        self,
        name: str,
        result: str | None,
        inputs: Sequence[str | None],
        saved: Sequence[tuple[str, str]] = (),
        *,
        op: str = "",
        custom: bool = False,
    ) -> str:
        """A node that made `result` from tensors, leaves among them; `saved` are slots and tensors."""
        edges = [self._edge(key) for key in inputs]
        key = f"n{len(self.nodes)}"
        module = self.calls[self.call].module if self.call is not None else None
        self.nodes[key] = Node(
            name=name,
            inputs=tuple(edges),
            saved=tuple(
                SavedTensor(
                    slot=slot,
                    tensor=tensor,
                    saved_at=self.step,
                    version=self.counters[self.tensors[tensor].counter or ""].version,
                    version_now=self.counters[self.tensors[tensor].counter or ""].version,
                    values=self.tensors[tensor].values,
                )
                for slot, tensor in saved
            ),
            step=self.step,
            tensors=(result,) if result else (),
            module=module,
            call=self.call,
            custom=custom,
        )
        if result:
            self.tensors[result] = replace(self.tensors[result], node=key, is_leaf=False, requires_grad=True, op=op)
            self.ran(op or name, [one for one in inputs if one], (result,))
        return key

    def _edge(self, tensor: str | None) -> Edge | None:
        if tensor is None:
            return None
        found = self.tensors[tensor]
        if found.node:
            return Edge(node=found.node, index=0)
        if not found.requires_grad:
            return None
        key = self._leaves[tensor] = f"n{len(self.nodes)}"
        self.nodes[key] = Node(name="AccumulateGrad", step=self.step, tensors=(tensor,))
        self.tensors[tensor] = replace(found, node=key)
        return Edge(node=key, index=0)

    def write(self, tensor: str, op: str, *flat: Scalar, seen: bool = True) -> None:
        """Memory written in place through `tensor`, all cells of it."""
        found = self.tensors[tensor]
        storage, counter = found.storage or "", found.counter or ""
        if seen:
            self.counters[counter] = replace(self.counters[counter], version=self.counters[counter].version + 1)
            self._moves.setdefault(counter, []).append((self.step, self.counters[counter].version))
        self._looks.setdefault(storage, []).append((self.step, flat))
        self.storages[storage] = replace(
            self.storages[storage], values=Values(shape=(len(flat),), dtype="float32", flat=flat)
        )
        for key, other in self.tensors.items():
            if other.storage == storage and other.values:
                self.tensors[key] = replace(other, values=replace(other.values, flat=flat))
        self.writes.append(
            Write(
                step=self.step,
                line=self.steps[self.step].line,
                op=op,
                storage=storage,
                counter=counter if seen else None,
                through=tensor,
                version=self.counters[counter].version if seen else None,
                name=found.name,
            )
        )
        self.ran(op, (tensor,), (tensor,))

    def backward(self, root: str) -> None:
        """Backward from `root`, gradients of ones: every node that it leads to runs, up to a stale saved tensor."""
        order, todo = [], [self.tensors[root].node]
        while todo:
            key = todo.pop(0)
            if key is None or key in order:
                continue
            order.append(key)
            todo += [edge.node for edge in self.nodes[key].inputs if edge]
        fired, raised = [], False
        for key in order:
            node = self.nodes[key]
            saved = tuple(self._read(one) for one in node.saved)
            raised = any(one.version_read != one.version for one in saved)
            self.nodes[key] = replace(node, saved=saved, freed=bool(saved) and not raised)
            sent = () if raised else tuple(values(1.0) if edge else None for edge in node.inputs)
            checks = tuple(Check(slot=at, version=one.version_read, intact=one.intact) for at, one in enumerate(saved))
            fired.append(
                Fired(node=key, grad_inputs=sent, grad_outputs=(values(1.0),), finished=not raised, checks=checks)
            )
            if raised:
                break
        self.backwards.append(Backward(step=self.step, fired=tuple(fired), roots=(root,), raised=raised))

    def _read(self, saved: SavedTensor) -> SavedTensor:
        tensor = self.tensors[saved.tensor or ""]
        now = self.counters[tensor.counter or ""].version
        intact = saved.values == tensor.values
        return replace(
            saved, version_read=now, version_now=now, intact=intact, values_read=None if intact else tensor.values
        )

    def trace(self) -> Trace:
        """The Trace of what was told."""
        final = {
            tensor.name: Final(
                tensor=key,
                storage=tensor.storage,
                counter=tensor.counter,
                version=self.counters[tensor.counter].version if tensor.counter else None,
                is_leaf=tensor.is_leaf,
                requires_grad=tensor.requires_grad,
                node=None if tensor.is_leaf else tensor.node,
                grad_fn=self.nodes[tensor.node].name if tensor.node and not tensor.is_leaf else None,
                grad=None,
            )
            for key, tensor in self.tensors.items()
            if tensor.name and tensor.alive
        }
        trace = Trace(
            environment=ENVIRONMENT,
            outcome=Outcome(kind="raised" if any(one.raised for one in self.backwards) else "finished"),
            steps=tuple(self.steps),
            tensors=self.tensors,
            storages=self.storages,
            counters=self.counters,
            nodes=self.nodes,
            arrays=tuple(self.arrays),
            calls=tuple(self.calls),
            operations=tuple(self.operations),
            writes=tuple(self.writes),
            backwards=tuple(self.backwards),
            final=final,
            bindings=tuple(self._bindings()),
        )
        trace = numbered(trace)
        moments = [step.moment for step in trace.steps]
        return replace(
            trace,
            storages={
                key: replace(
                    one,
                    packing="d",
                    contents=tuple(
                        Content(moment=moments[step], cells=packed(flat), resized=True)
                        for step, flat in dict(self._looks.get(key, ())).items()
                    ),
                )
                for key, one in trace.storages.items()
            },
            counters={
                key: replace(
                    one, moves=tuple((moments[step], to) for step, to in dict(self._moves.get(key, ())).items())
                )
                for key, one in trace.counters.items()
            },
            bindings=tuple(replace(one, moment=moments[one.moment]) for one in trace.bindings),
        )

    def _bindings(self) -> Iterator[Binding]:
        """Each tensor with a name is bound to it on the line that made it; the moments are steps here."""
        for key, tensor in self.tensors.items():
            for name in tensor.names:
                yield Binding(moment=tensor.step or 0, name=name, tensor=key)


def encoded(trace: Trace) -> bytes:
    """As the worker sends it."""
    return msgspec.msgpack.encode(trace)
