"""Watches one run: ties lines, operators, memory, graph and backward together."""

from collections.abc import Sequence
from types import CodeType, FrameType

import torch
import torch.utils.checkpoint

from app.worker import budget
from app.worker.bound import (
    NoSubclass,
    Unobserved,
    base_of,
    enter_mode,
    forbidden,
    frame_above,
    grad_of,
    in_jit_trace,
    in_transform,
    is_grad_enabled,
    is_inference,
    is_leaf_of,
    is_view,
    leave_modes,
    requires_grad_of,
    retains_grad_of,
    version_of,
)
from app.worker.chronicle import Chronicle
from app.worker.clock import Clock
from app.worker.detours import fast_paths_beside, forgetful_swaps, hidden_shown_to, optimizers_shown_to
from app.worker.gradients import Gradients
from app.worker.graph import Graph
from app.worker.handed import Handed
from app.worker.memory import Memory
from app.worker.modules import ModuleCalls
from app.worker.names import Names, clean
from app.worker.operators import Function, Operator, OperatorMode, is_plain_among, tensors_among
from app.worker.output import Output
from app.worker.overlap import Overlap
from app.worker.records import OperationRecord, TensorRecord
from app.worker.script import caught
from app.worker.snapshots import Snapshots
from app.worker.source import FILENAME, Source, literals_of
from app.worker.steps import Steps, calls_to
from app.worker.writes import Writes, checksum

_StopRecomputation: type[Exception] = torch.utils.checkpoint._StopRecomputationError


class Recorder:
    """Everything noted about one run, and the observers that note it."""

    def __init__(
        self, source: Source, namespace: dict[str, object], line_cell: memoryview, stdout: Output | None = None
    ) -> None:
        self.source, self.namespace, self.stdout = source, namespace, stdout
        self.truncated: dict[str, str] = {}
        self.printed: list[tuple[int, int]] = []  # moment, characters of stdout when it was over
        self.operations: list[OperationRecord] = []
        self.clock = Clock()
        self.snapshots = Snapshots()
        self.chronicle = Chronicle(self.clock)
        self.memory = Memory(self.clock, self.chronicle.look)
        self.writes = Writes(self.clock, self.memory, self.chronicle, namespace)
        self.modules = ModuleCalls(lambda frame: self.steps.current(frame)[0], self._name_result)
        self.gradients = Gradients(self)
        self.graph = Graph(self.clock, self.memory, self.snapshots, self.gradients.hooks())
        self.names = Names(self.clock, self._bind, self.modules.name, self._called)
        self.steps = Steps(self.clock, namespace, self.names, line_cell)
        self.mode = OperatorMode(self.around, self._changed, self._refused)
        self.handed = Handed(self)
        self._code: CodeType | None = None
        self._literals: frozenset[int] | None = None  # once values were taken out of torch, to tell others by

    def run(self, code: CodeType) -> None:
        """Run the snippet's `code` in its namespace, observed."""
        self._code = code
        with (
            calls_to(self.line, self.enter, self.bind, self.unbind, caught),
            self.gradients.observed(),
            self.modules.observed(),
            fast_paths_beside(self.mode),
            forgetful_swaps(self.memory),
            hidden_shown_to(self),
            optimizers_shown_to(self.handed, self.mode),
        ):
            enter_mode(self.mode)
            try:
                exec(code, self.namespace)  # noqa: S102  # the point of it all; the process is jailed
            finally:
                leave_modes()  # ours, and those that the snippet left on

    @property
    def recording(self) -> bool:
        """Whether what happens now is noted."""
        return self.mode.recording

    @property
    def was_cut(self) -> bool:
        """Whether recording stopped before the run did."""
        return "recording" in self.truncated

    def stop_recording(self, reason: str) -> None:
        """Let the rest of the run go unobserved, and say so."""
        self.truncated["recording"] = reason
        self.mode.recording = False

    # lines and names

    def line(self, number: int) -> None:
        """Line `number` of the snippet begins: called by the snippet itself, see `instrument`."""
        if not self.mode.recording:
            return
        frame = frame_above(1)
        if self.writes.exposed:
            self.writes.compare_exposed(self.steps.done(frame))
        if self.gradients.accumulating is not None:
            self.gradients.look_at_accumulated()
        if not self.steps.begin(number, frame):
            said = f"Only the first {budget.STEPS:,} lines run were recorded; what came later ran unobserved."
            self.stop_recording(said)
        elif self.stdout is not None:
            self._note_printed(self.stdout.characters)

    def _note_printed(self, length: int) -> None:
        """So much was printed before the moment that has just begun."""
        if length != (self.printed[-1][1] if self.printed else 0):
            self.printed.append((self.clock.now - 1, length))

    def enter(self) -> None:
        """A function of the snippet begins: called by the snippet itself."""
        if self.mode.recording:
            self.steps.enter(frame_above(1))

    def bind(self, name: str, value: object) -> None:
        """A function of the snippet has bound `name` to `value`: called by the snippet itself."""
        if self.mode.recording:
            frame = frame_above(1)
            self.steps.bound(name, value, frame)

    def unbind(self, name: str) -> None:
        """A function of the snippet has deleted `name`: called by the snippet itself."""
        if self.mode.recording:
            self.steps.unbound(name, frame_above(1))

    def _bind(self, name: str, tensor: torch.Tensor, step: int, is_local: bool) -> TensorRecord | None:
        record = self.memory.known(tensor)
        if record is None:
            if self.memory.is_full() or in_jit_trace() is not None:
                return None
            with Unobserved():
                record = self.memory.meet(tensor, step)
                self.graph.follow(tensor, record, step, self.modules.current)
        if record.storage is not None and not record.storage.looks:
            self.chronicle.look(record.storage)
        names = record.names_of(is_local=is_local)
        if name not in names and len(names) < 20 and (name := clean(name)) not in names:
            names.append(name)
            with Unobserved():
                if not is_view(tensor):  # a Function of the reader's gives its output a node after it was met
                    self.graph.follow(tensor, record, step, self.modules.current)
        return record

    def _called(self, tensor: torch.Tensor) -> str | None:
        """The reader's name for `tensor`, if it has one."""
        record = self.memory.known(tensor)
        return next(iter((*(record.names or ()), *(record.local_names or ()))), None) if record is not None else None

    def _name_result(self, result: object, caller: FrameType) -> None:
        """What a module call of the snippet gave is known by that call: `model(x)`."""
        if caller.f_code.co_filename == FILENAME and self.recording:
            for tensor in tensors_among((result,)):
                record = self.memory.known(tensor)
                if record is not None and record.label() is None:
                    record.expression = self.source.expression(caller)

    # operators

    def around(
        self,
        operator: Operator,
        function: Function,
        args: Sequence[object],
        kwargs: dict[str, object],
    ) -> object:
        """Run an operator and note what it read, made, viewed and wrote."""
        if in_transform() is not None:
            said = "What ran inside torch.func transforms (grad, vmap, …) was not recorded, only its result."
            self.truncated.setdefault("transform", said)
            return function(*args, **kwargs)
        if in_jit_trace() is not None:
            self.truncated.setdefault("jit", "What ran while torch.jit traced it was not recorded, only its result.")
            return function(*args, **kwargs)
        if len(self.operations) >= budget.OPERATIONS:
            said = f"Only the first {budget.OPERATIONS:,} operators were recorded; what came later ran unobserved."
            self.stop_recording(said)
            return function(*args, **kwargs)
        caller = frame_above(2)  # above us: __torch_function__
        step, frame = self.steps.current(caller)
        expression = self.source.expression(frame) if frame is not None else None
        with NoSubclass():  # a subclass's own code must not run for what we read
            tensors = tensors_among(args)
            if kwargs:
                tensors += tensors_among(kwargs.values())
            met = []
            by_id = self.memory.by_id  # as `meet` looks, which is called for hardly any
            for tensor in tensors:
                record = by_id.get(id(tensor))
                met.append(record if record is not None and record.ref() is tensor else self.meet(tensor, step))
            records = tuple(met)
            before = [checksum(r.storage) if r.storage else 0 for r in records] if operator.unversioned else None
            may_write = operator.in_place or "out" in kwargs
            overlap = None
            if may_write and len(records) > 1 and len({record.storage for record in records}) < len(records):
                overlap = Overlap.of(function, args, kwargs, tensors, records)
        now = self.clock.now
        operation = OperationRecord(step, operator.name, expression, records, (), is_grad_enabled(), now)
        operation.inside = frame is not caller
        if self._literals is not None and frame is caller:
            operation.plain = is_plain_among((*args, *kwargs.values()), self._literals)
        elif operator.takes:
            self._literals = literals_of(self._code)
        try:
            result = function(*args, **kwargs) if kwargs else function(*args)
        except _StopRecomputation:  # a checkpoint has what it needs: nothing went wrong, and nothing was made
            raise
        except BaseException:
            operation.raised = True
            self.operations.append(operation)
            if may_write:  # some raise after they have done a part: resize_ has changed the shape
                with NoSubclass():
                    operation.forbidden = forbidden(tensors_among(args[:1]))
                    self._note_writes(operator, operation, args, kwargs, tensors)
            raise
        with NoSubclass():
            outputs = [result] if type(result) is torch.Tensor else tensors_among((result,))
            if tensors or outputs:
                self.operations.append(operation)
                self._note_writes(operator, operation, args, kwargs, tensors)
                if overlap is not None and overlap.matters():
                    self.writes.mark_overlapping(operation.moment, overlap.record)
                if outputs:
                    self._note_outputs(operator, operation, outputs, expression if frame is caller else None)
                if operator.exposes:
                    for record in records:
                        if record.storage is not None:
                            self.writes.expose(record.storage)
                if before is not None:
                    self.writes.note_unversioned(operator.name, step, records, before)
        return result

    def _refused(self, operator: Operator, args: Sequence[object]) -> None:
        """An operator raised that is not noted where it does not."""
        step, _ = self.steps.current(frame_above(2))
        if len(self.operations) < budget.OPERATIONS and in_transform() is None and in_jit_trace() is None:
            with Unobserved():
                records = tuple([self.meet(tensor, step) for tensor in tensors_among(args)])
            now, enabled = self.clock.now, is_grad_enabled()
            self.operations.append(OperationRecord(step, operator.name, None, records, (), enabled, now, raised=True))

    def meet(self, tensor: torch.Tensor, step: int) -> TensorRecord:
        """The record of `tensor`, which is followed into its graph at first sight."""
        record = self.memory.known(tensor)
        if record is None:
            record = self.memory.enter(tensor, step)
            self.graph.follow(tensor, record, step, self.modules.current)
        return record

    def _note_writes(
        self,
        operator: Operator,
        operation: OperationRecord,
        args: Sequence[object],
        kwargs: dict[str, object],
        tensors: list[torch.Tensor],
    ) -> None:
        moved = []
        for tensor, record in zip(tensors, operation.inputs, strict=True):
            counter = record.counter
            if counter is not None and version_of(tensor) != counter.version and not is_inference(tensor):
                moved.append((tensor, record))
        writes = operator.in_place or "out" in kwargs
        if not moved and not writes and not operator.relocates:
            return
        # the operator wrote through self, through `out=`, or through whichever's counter moved
        named = tensors_among((kwargs["out"],)) if "out" in kwargs else []
        if operator.in_place and not named:
            named = tensors_among(args[:1])
        through = moved
        if len(moved) > 1:
            through = [pair for pair in moved if any(pair[0] is tensor for tensor in named)] or moved
        self.writes.note_versioned(operator.name, operation.step, through, moved)
        if not through and writes:
            uncounted = [self.meet(tensor, operation.step) for tensor in named]
            self.writes.note_uncounted(operator.name, operation.step, uncounted, raised=operation.raised)
        if operator.relocates:
            for tensor in tensors_among(args[:1]):
                self.writes.note_relocated(operator.name, operation.step, tensor)
        for tensor in named:  # only what was written itself
            if self._may_follow(operator, operation, tensor):
                self._follow_written(operation, tensor)
                if is_view(tensor) and (base := base_of(tensor)) is not None and self.memory.known(base) is not None:
                    self._follow_written(operation, base)  # no view: the write through one gave it a node too

    def _follow_written(self, operation: OperationRecord, tensor: torch.Tensor) -> None:
        """Note the node that a write has given `tensor`."""
        record = self.memory.meet(tensor, operation.step)
        wanted = record.requires_grad
        self.graph.follow(tensor, record, operation.step, self.modules.current)
        if record.requires_grad != wanted:
            self._look_at_views(record)
        self._follow_asked(operation, record)

    def note_grad(self, tensor: torch.Tensor, record: TensorRecord, step: int) -> None:
        """Note what the `.grad` of `tensor` is now."""
        grad = grad_of(tensor) if record.is_leaf or retains_grad_of(tensor) else None  # else torch warns
        if grad is None:
            if record.grads:
                record.has_grad(self.clock.now, None)
            return
        found = self.memory.known(grad)
        if found is None:
            if self.memory.is_full():
                return
            found = self.memory.enter(grad, step)
            if found.storage is not None and not found.storage.looks:
                self.chronicle.look(found.storage)
            if found.expression is None and (label := record.label()) is not None:
                found.expression = f"{label}.grad"[: budget.TEXT]
        record.has_grad(self.clock.now, found.key)
        if found.sequence != -1 or not is_leaf_of(grad):  # made by `create_graph=True`
            self.graph.follow(grad, found, step, None)

    def _changed(self, attribute: str, tensor: torch.Tensor) -> None:
        """`grad` or `requires_grad` of `tensor` was set, or its `grad_fn` asked for, by anyone's Python but ours."""
        with Unobserved():
            record = self.memory.known(tensor)
            if record is None:
                return
            step, _ = self.steps.current(frame_above(2))
            if attribute == "grad":
                self.note_grad(tensor, record, step)
            elif attribute == "grad_fn":
                self.graph.follow(tensor, record, step, None)
            elif attribute == "register_post_accumulate_grad_hook":
                self.graph.hook_leaf(tensor, record, step)
            elif attribute == "retain_grad":
                self.gradients.retains(record)
                if retains_grad_of(tensor):  # for that, torch itself asked it for its node
                    self.graph.follow(tensor, record, step, None)
            else:
                record.turn(self.clock.now, record.node, is_leaf_of(tensor), requires_grad_of(tensor))
                self._look_at_views(record)

    def _look_at_views(self, base: TensorRecord) -> None:
        """Views require grad once their base does. To ask whether they do records nothing."""
        for record in base.storage.tensors if base.storage is not None else ():
            tensor = None if record is base else record.tensor()
            if tensor is not None and is_view(tensor):
                record.turn(self.clock.now, record.node, record.is_leaf, requires_grad_of(tensor))

    def _may_follow(self, operator: Operator, operation: OperationRecord, tensor: torch.Tensor) -> bool:
        """Whether `tensor`, which was there before the operator ran, may be asked for its node.

        To ask a view whose base was written makes torch record one: harmless only where the operator did so itself,
        by writing values with grad mode on.
        """
        if operation.raised or (operator.relocates and is_view(tensor)):
            return False
        return operation.grad_enabled or operation.op == "detach_"

    def _follow_asked(self, operation: OperationRecord, output: TensorRecord) -> None:
        """Torch asked the inputs for their nodes: a view whose base was written has got another one by that."""
        nodes = self.graph.nodes
        node = nodes.get(output.node or "")
        if node is None or node.step != operation.step:
            return
        for edge in node.edges:
            if edge is not None and not nodes[edge.node].tensors:
                break
        else:
            return  # every node that it goes on to belongs to a tensor that is known
        for record in operation.inputs:
            tensor = record.tensor()
            if tensor is not None and is_view(tensor):
                self.graph.follow(tensor, record, operation.step, self.modules.current)

    def _note_outputs(
        self, operator: Operator, operation: OperationRecord, outputs: list[torch.Tensor], expression: str | None
    ) -> None:
        memory, step, made, records = self.memory, operation.step, [], []
        for tensor in outputs:
            record = memory.known(tensor)
            if record is None:
                record = memory.enter(tensor, step)
                record.op, record.expression = operator.name, expression
                storage = record.storage
                if storage is not None and len(storage.tensors) > 1:
                    record.base = next((r.key for r in operation.inputs if r.storage is storage), None)
                made.append((tensor, record))
            elif self._may_follow(operator, operation, tensor):
                made.append((tensor, record))
            records.append(record)
        operation.outputs = tuple(records)
        for tensor, record in made:  # all are met: one's node may save another
            self.graph.follow(tensor, record, step, self.modules.current)
            self._follow_asked(operation, record)
        for record in records:
            if record.storage is not None and record.storage.exposed:
                self.writes.expose(record.storage)
