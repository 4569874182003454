"""Leaves that were told to require grad after operators had used them: those recorded nothing of them."""

from collections.abc import Sequence

from msgspec import Struct

from app.explain.facts import listed, makers, upstream
from app.trace.model import Tensor, Trace
from app.trace.moments import Moments, standing


class Late(Struct, frozen=True, kw_only=True):
    """The `leaves` that were used on line `used`, and told to require grad afterwards, on line `told`."""

    leaves: tuple[str, ...]
    used: int
    told: int
    moment: int  # at which they were told

    def why(self, trace: Trace) -> str:
        """What happened, as a sentence."""
        names = listed([trace.tensors[key].label for key in self.leaves])
        them = "it" if len(self.leaves) == 1 else "them"
        return (
            f"{names} did not require grad when line {self.used} computed with {them}. "
            f"Line {self.told} turned that on afterwards, and what had run by then is not recorded later."
        )

    def mend(self, trace: Trace) -> str:
        """What to do."""
        names = listed([trace.tensors[key].label for key in self.leaves])
        return f"Let {names} require grad before line {self.used} runs."


def late(trace: Trace, leaves: Sequence[str], roots: Sequence[str]) -> Late | None:
    """The first of `leaves` that an operator on the way to `roots` used too early, and those that go with it."""
    above = upstream(makers(trace), roots)
    found: dict[str, tuple[int, int]] = {}  # leaf → the step that used it, the moment at which it was told
    for operation in trace.operations:
        if operation.raised or operation.op == "requires_grad_" or above.isdisjoint(operation.outputs):
            continue
        for key in operation.inputs:
            if key in leaves and key not in found and (moment := _told_after(trace.tensors[key], operation.moment)):
                found[key] = operation.step, moment
    if not found:
        return None
    line_of = Moments(trace).line_of
    step, moment = next(iter(found.values()))
    told = line_of(moment)
    together = [key for key, (used, moment) in found.items() if used == step and line_of(moment) == told]
    return Late(leaves=tuple(together), used=trace.line(step), told=told, moment=moment)


def _told_after(tensor: Tensor, moment: int) -> int | None:
    """When `tensor` was told to require grad, if that came after `moment`, at which it did not."""
    if standing(tensor, moment).requires_grad:
        return None
    return next((turn.moment for turn in tensor.turns if turn.moment > moment and turn.requires_grad), None)
