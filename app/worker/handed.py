"""Which parameters were handed to optimizers, refused ones included."""

from typing import TYPE_CHECKING

from msgspec import Struct

from app.trace.model import ParamGroup
from app.worker import budget
from app.worker.bound import Unobserved, frame_above, grad_of, is_tensor
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
    """Every group of parameters, in order."""

    def __init__(self, recorder: "Recorder") -> None:
        self.groups: list[ParamGroupRecord] = []
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
        kind = clean(type.__dict__["__name__"].__get__(type(optimizer)))
        self.groups.append(ParamGroupRecord(step, kind, records, recorder.clock.now, raised))

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
