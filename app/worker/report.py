"""What was recorded → the Trace."""

import gc
import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from itertools import islice
from operator import attrgetter

import torch

from app.trace.model import (
    Array,
    Backward,
    Counter,
    Environment,
    Final,
    Fired,
    ModuleCall,
    Node,
    Operation,
    Outcome,
    SavedTensor,
    Storage,
    Tensor,
    Trace,
    Write,
)
from app.worker import budget
from app.worker.bound import (
    grad_fn_of,
    grad_of,
    is_leaf_of,
    is_marked_parameter,
    requires_grad_of,
    retains_grad_of,
    version_of,
)
from app.worker.chronicle import contents_of, packing_of
from app.worker.contents import DTYPES, ITEM_BYTES, dtype_name
from app.worker.gradients import BackwardRecord
from app.worker.graph import NodeRecord, SavedRecord
from app.worker.listing import Listing
from app.worker.names import clean, final_tensors
from app.worker.recorder import Recorder
from app.worker.records import CounterRecord, OperationRecord, StorageRecord, TensorRecord
from app.worker.snapshots import Snapshot
from app.worker.writes import WriteRecord, address_of, arrays_in

ENVIRONMENT = Environment(
    torch=str(torch.__version__), python=platform.python_version(), tapescope=version("tapescope")
)


@contextmanager
def garbage_left_alone() -> Iterator[None]:
    """No garbage collection meanwhile: what is made here stays, and it would be looked through again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Report:
    """Builds the Trace of one run within the budget of listed numbers: its beginning, and its end, newest first."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._alive = dict(self._living(recorder.memory.tensors))
        self._end = Listing()
        self._beginning = Listing()
        self._history = Listing()
        self._now: dict[str, Snapshot | None] = {}
        self._paths: list[str] = []  # of the module of each call
        self._last = max(len(recorder.steps.run) - 1, 0)
        self._lines = [step.line for step in recorder.steps.run] or [0]

    def trace(self, outcome: Outcome, stdout: str, stderr: str) -> Trace:
        """The Trace of the run, which ended with `outcome`."""
        with garbage_left_alone():
            return self._trace(outcome, stdout, stderr)

    def _trace(self, outcome: Outcome, stdout: str, stderr: str) -> Trace:
        recorder = self._recorder
        self._look_once_more()
        self._paths = [recorder.modules.path(call) for call in range(len(recorder.modules.calls))]
        final = dict(self._final())
        backwards = tuple(reversed([self._backward(call) for call in reversed(recorder.gradients.backwards)]))
        nodes = {key: self._node(node) for key, node in reversed(recorder.graph.nodes.items())}
        recorder.chronicle.summarise_waiting()
        return Trace(
            environment=ENVIRONMENT,
            outcome=outcome,
            stdout=stdout,
            stderr=stderr,
            steps=tuple(recorder.steps.run),
            tensors={key: self._tensor(record) for key, record in recorder.memory.tensors.items()},
            storages={key: self._storage(record) for key, record in recorder.memory.storages.items()},
            counters={key: _counter(record) for key, record in recorder.memory.counters.items()},
            nodes=dict(reversed(nodes.items())),
            arrays=tuple(self._arrays()),
            calls=tuple(self._calls()),
            operations=tuple([_operation(operation) for operation in recorder.operations]),
            writes=tuple([self._write(write) for write in recorder.writes.all]),
            backwards=backwards,
            final=final,
            param_groups=tuple([group.told() for group in recorder.handed.groups]),
            idle_updates=tuple(recorder.handed.idle),
            bindings=tuple(recorder.names.bindings),
            printed=tuple(self._printed(stdout)),
            truncated=tuple(self._truncated()),
            unobserved=recorder.clock.now if recorder.was_cut else None,
        )

    def _printed(self, stdout: str) -> Iterator[tuple[int, int]]:
        """How much was printed when; what went past the text stream, as bytes, counts at the end."""
        for moment, characters in self._recorder.printed[: budget.TURNS]:
            yield moment, min(characters, len(stdout))
        if stdout:
            yield self._recorder.clock.now, len(stdout)

    def _living(self, among: Iterable[str]) -> Iterator[tuple[str, torch.Tensor]]:
        """The tensors that are still referred to, by the last of their records."""
        memory = self._recorder.memory
        for key in among:
            record = memory.tensors[key]
            tensor = record.tensor()
            if tensor is not None and memory.known(tensor) is record:
                yield key, tensor

    def _look_once_more(self) -> None:
        """Names, memory and nodes as the run left them."""
        recorder = self._recorder
        nodes = recorder.graph.nodes
        known, met = len(nodes), len(recorder.memory.tensors)
        if recorder.was_cut:
            recorder.clock.now += 1  # what is seen now came about after the last moment that was recorded
            recorder.graph.most = min(budget.NODES, known + budget.NODES_SINCE)
        recorder.writes.compare_exposed(self._last)
        recorder.steps.look_at_end(self._last)
        for _, named in final_tensors(recorder.namespace):
            recorder.memory.meet(named, self._last)
        for key, living in self._alive.items():
            record = recorder.memory.tensors[key]
            recorder.graph.follow(living, record, self._last, None)
            record.turn(recorder.clock.now, record.node, is_leaf_of(living), requires_grad_of(living))
            if record.counter is not None and (version := version_of(living)):
                record.counter.saw(version, recorder.clock.now)
            if record.grads or (record.is_leaf and record.requires_grad):
                recorder.note_grad(living, record, self._last)
        if recorder.was_cut:
            for node in islice(nodes.values(), known, None):
                node.step = None  # recorded since then, on whichever line
        self._alive = dict(self._living([*self._alive, *islice(recorder.memory.tensors, met, None)]))

    def _listing(self, moment: int) -> Listing:
        """Where contents of that moment are listed."""
        is_beginning = moment <= budget.BEGINNING and not self._beginning.is_spent()
        return self._beginning if is_beginning else self._history

    def _tensor(self, record: TensorRecord) -> Tensor:
        tensor = self._alive.get(record.key)
        return Tensor(
            shape=record.shape,
            stride=record.stride,
            offset=record.offset,
            dtype=DTYPES.get(record.dtype) or dtype_name(record.dtype),
            storage=record.storage.key if record.storage is not None else None,
            counter=record.counter.key if record.counter is not None else None,
            names=_names(record) if record.names is not None else (),
            expression=record.expression,
            step=record.step,
            op=record.op,
            base=record.base,
            node=record.node,
            is_leaf=record.is_leaf,
            requires_grad=record.requires_grad,
            is_parameter=record.parameter,
            is_inference=record.inference,
            retains_grad=tensor is not None and bool(retains_grad_of(tensor)),
            alive=tensor is not None,
            values=None if tensor is None else self._end.of_tensor(tensor, budget.LISTED),
            continues=record.continues,
            lazy=record.lazy,
            moment=record.moment,
            turns=tuple(record.turns[: budget.TURNS]) if record.turns else (),
            grads=tuple(record.grads[: budget.TURNS]) if record.grads else (),
        )

    def _storage(self, record: StorageRecord) -> Storage:
        alive = record.is_alive()
        values = None
        if alive:
            record.locate()
            cells = record.size_bytes // ITEM_BYTES[record.dtype]
            if cells <= budget.LISTED_AT_END:
                values = self._end.of_cells(record.first, cells, record.dtype)
        return Storage(
            size_bytes=record.size_bytes,
            dtype=DTYPES.get(record.dtype) or dtype_name(record.dtype),
            owner="numpy" if record.owner == "numpy" else "torch",
            step=record.step,
            alive=alive,
            values=values,
            moment=record.moment,
            packing=packing_of(record.dtype) if record.looks else "",
            contents=tuple(contents_of(record)) if 0 < len(record.looks) <= budget.TURNS else (),
        )

    def _calls(self) -> Iterator[ModuleCall]:
        for path, call in zip(self._paths, self._recorder.modules.calls, strict=True):
            yield ModuleCall(module=path, kind=call.kind, parent=call.parent, step=call.step)

    def _write(self, record: WriteRecord) -> Write:
        return Write(
            step=record.step,
            line=self._lines[record.step],
            op=record.op,
            storage=record.storage.key,
            counter=record.counter.key if record.counter is not None else None,
            through=record.through.key if record.through is not None else None,
            version=record.version,
            name=record.name,
            moment=record.moment,
            overlapping=record.overlapping,
        )

    def _node(self, record: NodeRecord) -> Node:
        call = record.call
        listing = self._listing(record.moment) if record.saved or record.kept else self._history
        saved = tuple([self._saved(entry, listing) for entry in record.saved]) if record.saved else ()
        return Node(
            name=record.name,
            inputs=record.edges,
            saved=saved,
            step=record.step,
            tensors=record.tensors[:100],
            module=None if call is None else self._paths[call],
            call=call,
            freed=record.freed_at is not None,
            custom=record.custom,
            moment=record.moment,
            freed_at=record.freed_at,
            kept=tuple([self._saved(entry, listing) for entry in record.kept]) if record.kept else (),
        )

    def _saved(self, entry: SavedRecord, listing: Listing) -> SavedTensor:
        record = entry.tensor
        tensor = self._alive.get(record.key) if record else None
        now = intact_now = None
        if record is not None and tensor is not None and not record.inference:
            now = version_of(tensor)
            contents = self._contents_now(record.key, tensor) if entry.saved is not None else None
            if contents is not None and entry.saved is not None:
                intact_now = entry.saved.same_as(contents)
        elif record is not None and record.counter is not None:
            now = record.counter.version
        return SavedTensor(
            slot=entry.slot,
            tensor=record.key if record else None,
            saved_at=entry.step,
            version=entry.version,
            version_read=entry.version_read,
            version_now=now,
            intact=entry.intact,
            intact_now=intact_now,
            values=None if entry.saved is None else listing.of_snapshot(entry.saved),
            values_read=None if entry.at_read is None else listing.of_snapshot(entry.at_read),
            hooked=entry.hooked,
        )

    def _contents_now(self, key: str, tensor: torch.Tensor) -> Snapshot | None:
        """What `tensor`, which many nodes may have saved, holds at the end."""
        if key not in self._now:
            taken = self._now[key] = self._recorder.snapshots.take(tensor)
            if taken is not None and taken.large is not None:
                taken.forget()  # there may be many
        return self._now[key]

    def _backward(self, call: BackwardRecord) -> Backward:
        listed_of = self._listing(call.moment).of_snapshots
        fired = [
            Fired(
                node=f.node,
                grad_inputs=listed_of(f.sent),
                grad_outputs=listed_of(f.received),
                finished=f.finished,
                moment=f.moment,
                checks=f.checks,
            )
            for f in reversed(call.fired)
        ]
        return Backward(
            step=call.step,
            fired=tuple(reversed(fired)),
            roots=call.roots,
            inputs=call.inputs,
            call="backward" if call.accumulates else "grad",
            keeps_graph=call.keeps_graph,
            raised=call.raised,
            creates_graph=call.creates_graph,
            moment=call.moment,
        )

    def _arrays(self) -> Iterator[Array]:
        for name, array in arrays_in(self._recorder.namespace)[:100]:
            first = address_of(array)
            storage = self._recorder.memory.at_address(first)
            size = array.dtype.itemsize
            if storage is None or not size or (first - storage.first) % size:
                continue
            yield Array(
                name=clean(name),
                shape=array.shape,
                stride=tuple(step // size for step in array.strides),
                offset=(first - storage.first) // size,
                dtype=clean(str(array.dtype)),
                storage=storage.key,
            )

    def _final(self) -> Iterator[tuple[str, Final]]:
        for name, tensor in final_tensors(self._recorder.namespace):
            yield name, self._final_of(tensor)

    def _final_of(self, tensor: torch.Tensor) -> Final:
        record = self._recorder.memory.meet(tensor, self._last)
        is_leaf, requires_grad = is_leaf_of(tensor), requires_grad_of(tensor)
        grad = grad_of(tensor) if is_leaf or retains_grad_of(tensor) else None
        node = grad_fn_of(tensor)
        return Final(
            tensor=record.key,
            storage=record.storage.key if record.storage else None,
            counter=record.counter.key if record.counter else None,
            version=version_of(tensor),
            is_leaf=is_leaf,
            requires_grad=requires_grad,
            node=None if node is None else record.node,
            grad_fn=None if node is None else clean(node.name().rpartition("::")[2]),
            grad=None if grad is None else self._end.of_tensor(grad),
            parameter=record.parameter or is_marked_parameter(tensor),
        )

    def _truncated(self) -> Iterator[str]:
        yield from self._recorder.truncated.values()
        if self._recorder.writes.left_out:
            yield f"Only the first {budget.WRITES:,} writes were recorded."
        if self._recorder.graph.left_out:
            yield f"Only the first {self._recorder.graph.most:,} autograd nodes were recorded."
        if self._history.unlisted or self._beginning.unlisted or self._recorder.snapshots.forgotten:
            yield "Saved tensors and gradients of steps between are kept without their values."
        if self._recorder.chronicle.thinned:
            yield "Of some storages not every content was kept: at those moments their cells are left empty."
        if len(self._recorder.names.bindings) >= budget.TURNS:
            yield f"Only the first {budget.TURNS:,} changes of what names stand for were recorded."
        if self._end.unlisted:
            yield "Some tensors are kept with a summary of their values only: there are too many numbers to list."


def _names(record: TensorRecord) -> tuple[str, ...]:
    """The reader's names for it, those of the top level first, each once."""
    if record.names is None or record.local_names is None:
        return ()
    return tuple(dict.fromkeys(record.names + record.local_names))[:20]


def _counter(record: CounterRecord) -> Counter:
    return Counter(
        version=record.version,
        step=record.step,
        first=record.first,
        moves=tuple(record.moves[: budget.TURNS]) if record.moves else (),
        moment=record.moment,
    )


_key_of: Callable[[TensorRecord], str] = attrgetter("key")  # a comprehension is a call, and there are thousands


def _operation(record: OperationRecord) -> Operation:
    return Operation(
        step=record.step,
        op=record.op,
        expression=record.expression,
        inputs=tuple(map(_key_of, record.inputs)),
        outputs=tuple(map(_key_of, record.outputs)),
        grad_enabled=record.grad_enabled,
        raised=record.raised,
        moment=record.moment,
        inside=record.inside,
        forbidden=record.forbidden,
        plain=record.plain,
    )
