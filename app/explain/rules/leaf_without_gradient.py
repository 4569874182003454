"""A leaf that requires grad is not in what backward reached: its `.grad` is None.

Backward goes from the loss along the graph, to the leaves that it was computed from. Nothing on the way from this leaf
to the loss was cut; there is no such way. An optimizer passes over a parameter whose `.grad` is None.
"""

from collections.abc import Iterator

from app.explain.cuts import how, taken_as_values, unreached_by
from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.leave_out_cut import leave_out_cut
from app.explain.edits.move_line import require_earlier
from app.explain.facts import called, downstream, latest_before, listed, makers, upstream
from app.explain.late import late
from app.explain.leaves import unreached
from app.explain.memo import once
from app.explain.rule import Page
from app.trace.flow import Cut
from app.trace.model import Backward, Operation, Trace

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.grad.html"
PAGE = Page(
    title="Leaf that backward never reached",
    severity="warning",
    see=("In the graph no line leads from where backward began to `v`, and the table of gradients has none for it."),
    mend="Use `v` on the way to the loss, or leave out `requires_grad` if no gradient is wanted.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
v = torch.ones(3, requires_grad=True)
(w * 2).sum().backward()
print(v.grad)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (require_earlier, leave_out_cut)


def check(trace: Trace) -> Iterator[Diagnosis]:
    if found := passed_over(trace):
        yield diagnose(trace, *found)


@once
def passed_over(trace: Trace) -> tuple[Backward, list[str]] | None:
    """The last backward of a run whose backwards all finished, and the leaves that none of them reached."""
    finished = [b for b in trace.backwards if b.call == "backward" and b.fired and not b.raised and not b.inputs]
    if finished and len(finished) == len([b for b in trace.backwards if b.call == "backward"]):
        leaves = without_gradient(trace, finished[-1])
        if leaves:
            return finished[-1], leaves
    return None


def without_gradient(trace: Trace, last: Backward) -> list[str]:
    """The named leaves, older than the last backward, that none of the run's backwards reached."""
    explained = {key for leaves in unreached_by(trace).values() for key in leaves}
    wanting = set(unreached(trace)) - explained
    if not wanting:
        return []
    return [
        key
        for final in trace.final.values()
        if (key := final.tensor) in wanting
        and key is not None
        and final.is_leaf
        and final.requires_grad
        and final.grad is None
        and (trace.tensors[key].step or 0) < last.step
    ]


def number_taken(trace: Trace, last: Backward, leaves: list[str]) -> Cut | None:
    """Where a value made from `leaves` left torch before `last`: the loss may have been made with it."""
    made = set[str]().union(*(downstream(trace, key) for key in leaves))
    return next((cut for cut in taken_as_values(trace, latest_before(trace, last)) if cut.source in made), None)


def slope_of(trace: Trace, last: Backward, leaves: list[str]) -> Operation | None:
    """The `torch.autograd.grad` by way of which alone `leaves` lead to what `last` started from.

    So it is with the bias of a last layer and a penalty on gradients: it moves the result, and not its slope.
    """
    made, taken = set(leaves), None
    twice = {backward.step for backward in trace.backwards if backward.call == "grad" and backward.creates_graph}
    above = upstream(makers(trace), last.roots) if twice else set()
    for operation in trace.operations:
        if not made.isdisjoint(operation.inputs):
            if operation.op != "grad":
                made.update(operation.outputs)
            elif taken is None and operation.step in twice and not above.isdisjoint(operation.outputs):
                taken = operation
    return taken if made.isdisjoint(last.roots) else None


def diagnose(trace: Trace, last: Backward, leaves: list[str]) -> Diagnosis:
    line = trace.line(last.step)
    names = [trace.tensors[key].label for key in dict.fromkeys(leaves)]
    they, them, their = ("it", "it", "its") if len(names) == 1 else ("they", "them", "their")
    used = [key for key in leaves if any(key in operation.inputs for operation in trace.operations)]
    number = number_taken(trace, last, leaves)
    too_late, slope = late(trace, leaves, last.roots), slope_of(trace, last, leaves)
    fix = f"Use {listed(names)} on the way to the loss, or leave out `requires_grad` if no gradient is wanted."
    if number:
        why = (
            f"Line {trace.line(number.step)} took the value of {called(trace, number.source)} {how(number)}: "
            f"what is computed from plain values has no way back to {them}."
        )
        fix = f"If {listed(names)} should learn from this loss, compute with the tensor itself, not with its value."
    elif any(trace.tensors[key].is_inference for key in leaves):
        why = "It was made in inference mode, where no tensor can be part of a graph."
        fix = f"Make {listed(names)} outside of `torch.inference_mode()`."
    elif too_late:
        why, fix = too_late.why(trace), too_late.mend(trace)
    elif slope:
        why = (
            f"What line {line} starts from was made of a gradient, which line {trace.line(slope.step)} took. "
            f"Other values of {listed(names)} would change what was differentiated there, but not that gradient."
        )
        fix = f"If {listed(names)} should learn, add a term to the loss that depends on {them} otherwise."
    elif any(root in downstream(trace, key) for root in last.roots for key in leaves):
        why = f"What line {line} starts from depends on {them} only by way of values that have no derivative."
        fix = f"If {listed(names)} should learn from it, use {their} values there, not only indices or comparisons."
    elif used:
        why = f"Nothing that backward on line {line} started from was made from {them}."
    else:
        why = f"No operator ever read {them}."
    guilty = [trace.line(number.step)] if number else [too_late.told, too_late.used] if too_late else []
    return Diagnosis(
        rule="leaf-without-gradient",
        severity="warning",
        title=f"{listed(names)} got no gradient",
        cause=f"{listed(names)} require{'s' if they == 'it' else ''} grad, but backward never came there. {why}",
        fix=f"{fix} An optimizer passes over a parameter whose `.grad` is None.",
        lines=tuple(dict.fromkeys([*guilty, line])),
        source=SOURCE,
        evidence={
            "leaves": list(dict.fromkeys(leaves)),
            **({"late": list(too_late.leaves)} if too_late and not number else {}),
        },
        moment=last.moment or None,
        refs=tuple(dict.fromkeys(leaves)),
    )
