"""Which parameters were handed to optimizers, refused ones included, and which of their steps found no gradient."""

from typing import TYPE_CHECKING

from msgspec import Struct

from app.trace.model import IdleUpdate, ParamGroup
from app.worker import budget
from app.worker.bound import Unobserved, frame_above, grad_of, is_leaf_of, is_tensor
from app.worker.names import clean, parameters_of
from app.worker.operators import tensors_among
from app.worker.records import TensorRecord

if TYPE_CHECKING:
    from app.worker.recorder import Recorder


class ParamGroupRecord(Struct, eq=False, gc=False):
    """Parameters that an optimizer was handed."""

    step: int
    optimizer: str
    params: tuple[TensorRecord, ...]
    moment: int
    raised: bool

    def told(self) -> ParamGroup:
        """As the Trace has it."""
        return ParamGroup(
            step=self.step,
            optimizer=self.optimizer,
            params=tuple([tensor.key for tensor in self.params]),
            raised=self.raised,
            moment=self.moment,
        )


class Handed:
    """Every group of parameters, and every step without a gradient, in order."""

    def __init__(self, recorder: "Recorder") -> None:
        self.groups: list[ParamGroupRecord] = []
        self.idle: list[IdleUpdate] = []
        self._recorder = recorder

    def note(self, optimizer: object, group: object, raised: bool) -> None:
        """`optimizer` was handed `group`, or `raised` over it."""
        recorder = self._recorder
        params = group.get("params") if type(group) is dict else None
        if type(params) is not list or len(self.groups) >= budget.PARAM_GROUPS or not recorder.recording:
            return
        step, _ = recorder.steps.current(frame_above(2))
        with Unobserved():
            records = tuple([recorder.meet(tensor, step) for tensor in tensors_among(params[: budget.PARAMS])])
        self.groups.append(ParamGroupRecord(step, _kind_of(optimizer), records, recorder.clock.now, raised))

    def note_step(self, optimizer: object, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        """`optimizer` is about to take a step: note it where there is no gradient, and no closure to make one."""
        recorder = self._recorder
        closures = [*args[1:], *kwargs.values()]
        if not recorder.recording or len(self.idle) >= budget.IDLE_UPDATES or any(one is not None for one in closures):
            return
        with Unobserved():
            known: list[str] = []
            for parameter in parameters_of(optimizer):
                if not is_tensor(parameter) or not is_leaf_of(parameter) or grad_of(parameter) is not None:
                    return
                record = recorder.memory.known(parameter)
                if record is not None and len(known) < budget.PARAMS:
                    known.append(record.key)
        step, _ = recorder.steps.current(frame_above(1))
        kind, now = _kind_of(optimizer), recorder.clock.now
        self.idle.append(IdleUpdate(step=step, optimizer=kind, params=tuple(known), moment=now))

    def note_zeroed(self, optimizer: object) -> None:
        """`optimizer` has set the gradients of its parameters to None, unseen."""
        recorder = self._recorder
        if not recorder.recording:
            return
        with Unobserved():
            for parameter in parameters_of(optimizer):
                if is_tensor(parameter) and grad_of(parameter) is None:
                    record = recorder.memory.known(parameter)
                    if record is not None and record.grads:
                        record.has_grad(recorder.clock.now, None)


def _kind_of(optimizer: object) -> str:
    return clean(type.__dict__["__name__"].__get__(type(optimizer)))
