"""What backward passed along each edge, in the order in which it ran the nodes."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from msgspec import Struct

from app.trace.model import Check
from app.worker import budget
from app.worker.bound import Unobserved, current_node, enter_mode, function_modes, pop_mode, retains_grad_of
from app.worker.graph import Hooks, NodeRecord
from app.worker.operators import tensors_among
from app.worker.records import TensorRecord
from app.worker.snapshots import Snapshot

if TYPE_CHECKING:
    from app.worker.recorder import Recorder

_autograd: Any = torch.autograd
_run_backward: Callable[..., object] = torch.autograd.graph._engine_run_backward


class FiredRecord(Struct, eq=False, gc=False):
    """One node as backward ran it."""

    node: str
    moment: int
    received: tuple[Snapshot | None, ...]
    sent: tuple[Snapshot | None, ...] = ()
    finished: bool = False
    checks: tuple[Check, ...] = ()


class BackwardRecord(Struct, kw_only=True, eq=False, gc=False):
    """One call of the engine."""

    step: int
    moment: int
    keeps_graph: bool
    creates_graph: bool
    accumulates: bool
    roots: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    fired: list[FiredRecord] = []
    raised: bool = False


class Gradients:
    """Every backward of the run. Its two hooks are registered on each node of the graph."""

    def __init__(self, recorder: "Recorder") -> None:
        self.backwards: list[BackwardRecord] = []
        self._recorder = recorder
        self._running: list[BackwardRecord] = []
        self._fired = 0
        self.accumulating: torch.Tensor | None = None  # the leaf whose `.grad` is there and whose hooks run
        self._retaining: dict[str, TensorRecord] = {}  # no leaves, and keep their gradient all the same

    def hooks(self) -> Hooks:
        """What is registered on the nodes of the graph."""
        return Hooks(self.before_node, self.after_node, self.before_accumulated, self.accumulated)

    @contextmanager
    def observed(self) -> Iterator[None]:
        """Every backward enters the engine through one function of torch's: stand in for it."""
        _autograd._engine_run_backward = _autograd.graph._engine_run_backward = self._run
        try:
            yield
        finally:
            _autograd._engine_run_backward = _autograd.graph._engine_run_backward = _run_backward

    def _run(
        self,
        t_outputs: Sequence[object],
        grad_tensors: object,
        keep_graph: bool,  # the engine's own signature
        create_graph: bool,
        inputs: Sequence[object] = (),
        *args: object,
        **kwargs: object,
    ) -> object:
        recorder = self._recorder
        if not recorder.recording:
            return _run_backward(t_outputs, grad_tensors, keep_graph, create_graph, inputs, *args, **kwargs)
        step, _ = recorder.steps.current(sys._getframe(1))
        call = BackwardRecord(
            step=step,
            moment=recorder.clock.now,
            keeps_graph=bool(keep_graph),
            creates_graph=bool(create_graph),
            accumulates=bool(kwargs.get("accumulate_grad", True)),
        )
        with Unobserved():
            call.roots = tuple([recorder.memory.meet(tensor, step).key for tensor in tensors_among(t_outputs)])
            call.inputs = tuple([recorder.memory.meet(tensor, step).key for tensor in tensors_among(inputs or ())])
            held = [recorder.graph.follow_leaf(tensor, step) for tensor in tensors_among(t_outputs)]
            for tensor in tensors_among([*t_outputs, *(inputs or ())]):  # the engine is about to ask them too
                recorder.graph.follow(tensor, recorder.memory.meet(tensor, step), step, None)
        self.backwards.append(call)
        self._running.append(call)
        is_on = recorder.mode in function_modes()
        if not is_on:  # torch left our mode to call this; hooks and custom Functions of the snippet run inside
            enter_mode(recorder.mode)
        try:
            return _run_backward(t_outputs, grad_tensors, keep_graph, create_graph, inputs, *args, **kwargs)
        except BaseException:
            call.raised = True
            raise
        finally:
            if not is_on:
                pop_mode()
            self.accumulating = None
            held.clear()  # each lives no longer than backward needs it
            self._running.pop()
            if self._retaining and recorder.recording:
                self._look_at_retained(step)

    def retains(self, record: TensorRecord) -> None:
        """A tensor that is no leaf was told to keep its gradient."""
        self._retaining[record.key] = record

    def _look_at_retained(self, step: int) -> None:
        with Unobserved():
            for record in self._retaining.values():
                tensor = record.tensor()
                if tensor is not None and retains_grad_of(tensor):
                    self._recorder.note_grad(tensor, record, step)

    def before_node(self, record: NodeRecord, grad_outputs: Sequence[torch.Tensor | None]) -> None:
        """Prehook: the current node, that of `record`, is about to read what it saved."""
        recorder = self._recorder
        if not self._running or not recorder.mode.recording:
            return
        with Unobserved():
            if recorder.writes.exposed:
                recorder.writes.compare_exposed(self._running[-1].step)
            fired = self._enter(record.key, grad_outputs)
            holds, checks = recorder.graph.read(current_node(), record)
            if fired is not None:
                fired.checks = checks
            if not holds and record.freed_at is None:
                record.freed_at = recorder.clock.now

    def before_accumulated(self, grad_outputs: Sequence[torch.Tensor | None]) -> None:
        """Prehook of an AccumulateGrad that hooks of the snippet follow: its moment begins before their lines."""
        recorder = self._recorder
        if not self._running or not recorder.mode.recording:
            return
        with Unobserved():
            leaf = current_node().variable  # type: ignore[attr-defined]  # not in the stubs of torch
            record = recorder.graph.accumulator(recorder.memory.known(leaf))
            if record is not None:
                if recorder.writes.exposed:
                    recorder.writes.compare_exposed(self._running[-1].step)
                self._enter(record.key, grad_outputs)
                self.accumulating = leaf

    def look_at_accumulated(self) -> None:
        """A line of a hook begins that runs once a gradient was added: note what there is."""
        leaf, self.accumulating = self.accumulating, None
        if leaf is not None and self._running:
            step = self._running[-1].step
            with Unobserved():
                self._note_accumulated(leaf, self._recorder.memory.meet(leaf, step), step)

    def _note_accumulated(self, leaf: torch.Tensor, record: TensorRecord, step: int) -> None:
        self._recorder.writes.note_accumulated(step, leaf)
        self._recorder.note_grad(leaf, record, step)

    def after_node(
        self,
        record: NodeRecord,
        grad_inputs: Sequence[torch.Tensor | None],
        grad_outputs: Sequence[torch.Tensor | None],
    ) -> None:
        """Posthook: the current node, that of `record`, has made its gradients."""
        if self._running and self._recorder.mode.recording:
            with Unobserved():
                self._leave(record, grad_inputs, grad_outputs)

    def accumulated(
        self, grad_inputs: Sequence[torch.Tensor | None], grad_outputs: Sequence[torch.Tensor | None]
    ) -> None:
        """Posthook of an AccumulateGrad, which is the current node."""
        recorder = self._recorder
        if not self._running or not recorder.mode.recording:
            return
        with Unobserved():
            leaf = current_node().variable  # type: ignore[attr-defined]  # not in the stubs of torch
            known = recorder.memory.known(leaf)
            record = recorder.graph.accumulator(known)
            if known is not None and record is not None and self._leave(record, grad_inputs, grad_outputs):
                self.accumulating = None
                self._note_accumulated(leaf, known, self._running[-1].step)

    def _leave(
        self,
        record: NodeRecord,
        grad_inputs: Sequence[torch.Tensor | None],
        grad_outputs: Sequence[torch.Tensor | None],
    ) -> bool:
        """Note what the node of `record` sent; False beyond the limit of nodes."""
        call = self._running[-1]
        fired: FiredRecord | None = call.fired[-1] if call.fired else None
        if fired is None or fired.finished or fired.node != record.key:
            fired = self._enter(record.key, grad_outputs)
        if fired is None:
            return False
        fired.sent = self._recorder.snapshots.take_gradients(grad_inputs)
        fired.finished = True
        if not call.keeps_graph and record.freed_at is None and (record.saved or record.custom):
            record.freed_at = self._recorder.clock.now
        return True

    def _enter(self, node: str, grad_outputs: Sequence[torch.Tensor | None]) -> FiredRecord | None:
        self._fired += 1
        if self._fired > budget.FIRED:
            self._recorder.truncated["fired"] = (
                f"Only the first {budget.FIRED:,} nodes that backward ran were recorded."
            )
            return None
        clock, received = self._recorder.clock, self._recorder.snapshots.take_gradients(grad_outputs)
        clock.now += 1
        fired = FiredRecord(node, clock.now, received)
        self._running[-1].fired.append(fired)
        return fired
