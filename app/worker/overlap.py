"""An operator in place that reads memory which it writes: whether its result hangs on the order in which it does so.

torch refuses where it sees the overlap at a glance, and works on where it does not: `a -= a[:, :1]`.
"""

from collections.abc import Callable, Mapping, Sequence
from types import BuiltinFunctionType

import torch

from app.worker.bound import Unobserved, allclose, clone, detach, dispatch_modes, numel
from app.worker.contents import is_observable
from app.worker.operators import IN_C
from app.worker.records import TensorRecord

_MOST = 2**16  # elements: a larger one is not tried with a copy
_ANY_ORDER = frozenset(  # random, or without operands whose values they use
    [
        *("bernoulli_", "random_", "normal_", "uniform_", "cauchy_", "exponential_", "geometric_", "log_normal_"),
        *("bernoulli", "normal", "poisson", "binomial", "multinomial", "rrelu_", "dropout_", "alpha_dropout_"),
        *("set_", "resize_", "resize_as_", "requires_grad_", "detach_"),
    ]
)


class Overlap:
    """What a tensor would hold if its operator had been given a copy of what overlaps it."""

    def __init__(self, record: TensorRecord, written: torch.Tensor, intact: torch.Tensor) -> None:
        self.record = record
        self._written, self._intact = written, intact

    @classmethod
    def of(
        cls,
        function: Callable[..., object],
        args: Sequence[object],
        kwargs: Mapping[str, object],
        tensors: Sequence[torch.Tensor],
        records: Sequence[TensorRecord],
    ) -> "Overlap | None":
        """Of an operator about to run; None, as nearly always, where no operand is over other cells of what it writes.

        It runs once more for that, on copies that nobody else sees.
        """
        written = kwargs.get("out", args[0] if args else None)
        at = next((at for at, tensor in enumerate(tensors) if tensor is written), None)
        if at is None or records[at].storage is None or not any(_is_beside(records[at], other) for other in records):
            return None
        name = getattr(function, "__name__", "")
        if type(function) not in IN_C and type(function) is not BuiltinFunctionType:
            return None
        if dispatch_modes():  # the reader's own would see it run
            return None
        if name in _ANY_ORDER or not all(map(is_observable, tensors)) or sum(map(numel, tensors)) > _MOST:
            return None
        with Unobserved(), torch.inference_mode(mode=False), torch.no_grad():
            copies = {id(tensor): clone(detach(tensor)) for tensor in tensors}
            try:
                function(*_given(args, copies), **dict(zip(kwargs, _given(kwargs.values(), copies), strict=True)))
            except (RuntimeError, IndexError, TypeError, ValueError):  # it will raise the same where the reader sees it
                return None
        return cls(records[at], tensors[at], copies[id(tensors[at])])

    def matters(self) -> bool:
        """Whether the operator, which has run, gave something else."""
        with Unobserved(), torch.inference_mode(mode=False), torch.no_grad():
            written = detach(self._written)
            if written.shape != self._intact.shape:
                return True
            try:
                return not allclose(written, self._intact, equal_nan=True)
            except RuntimeError:  # of a dtype that torch cannot subtract, as float8
                return False


def _is_beside(one: TensorRecord, other: TensorRecord) -> bool:
    """Whether both are over one memory, each seen in its own way: that both are the same does no harm."""
    return (
        one is not other
        and one.storage is other.storage
        and (one.offset, one.shape, one.stride) != (other.offset, other.shape, other.stride)
    )


def _given(values: object, copies: Mapping[int, torch.Tensor]) -> list[object]:
    """Arguments with the copies in place of the tensors, within lists too."""
    return [
        copies.get(id(value), value) if not isinstance(value, list | tuple) else type(value)(_given(value, copies))
        for value in values  # type: ignore[attr-defined]  # arguments, or a list or tuple among them
    ]
