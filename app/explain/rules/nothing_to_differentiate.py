"""Backward was called on a tensor that has no graph.

Only an operator with an input that requires grad is recorded. Either nothing that led to the tensor requires grad, or
a cut on the way took the value out of its graph. Without a graph backward has no way to any leaf.
"""

from collections.abc import Iterator

from app.explain.cuts import all_cuts, how, taken_as_values
from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.leaf_with_grad import leaf_with_grad
from app.explain.edits.leave_out_cut import leave_out_cut
from app.explain.edits.move_line import require_earlier
from app.explain.edits.stack import stack
from app.explain.edits.update_in_place import update_in_place
from app.explain.facts import called, code, latest_before, listed, makers, upstream
from app.explain.late import late
from app.explain.leaves import turned_off
from app.explain.refusals import refused_backward
from app.explain.rule import Page
from app.explain.rules.checkpoint_without_input_gradient import refused_for
from app.explain.second import NO_GRAPH, constant_gradient, lost_gradient
from app.trace.flow import Cut
from app.trace.model import Backward, Trace
from app.trace.moments import Moments, standing

SOURCE = "https://docs.pytorch.org/docs/stable/notes/autograd.html#setting-requires-grad"
PAGE = Page(
    title="Nothing to differentiate",
    severity="error",
    see="The graph shows where the line from `w` is cut. `y` stands beyond the cut, without a node over it.",
    mend="Leave the cut out, or start backward from a tensor that has a graph.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
y = w.detach().sum()
y.backward()
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (require_earlier, stack, leave_out_cut, update_in_place, leaf_with_grad)


def check(trace: Trace) -> Iterator[Diagnosis]:
    backward = refused_backward(trace, NO_GRAPH)
    if backward is None or backward.fired or refused_for(trace) or lost_gradient(trace):
        return  # or told of by the rules that know why
    for root in backward.roots:
        if not standing(trace.tensors[root], backward.moment).requires_grad:
            yield diagnose(trace, backward, root)
            return


def sources_of(trace: Trace, cut: Cut, found: list[Cut]) -> str:
    """What `cut` took out: with grad mode off a whole line did, and a new tensor is made of all that it is given."""
    if cut.by not in ("no_grad", "copy-constructor"):
        return called(trace, cut.source)
    together = dict.fromkeys(other.source for other in found if (other.step, other.by) == (cut.step, cut.by))
    return listed([name for key in together if (name := trace.tensors[key].name)]) or called(trace, cut.source)


def diagnose(trace: Trace, backward: Backward, root: str) -> Diagnosis:
    line, name = trace.line(backward.step), called(trace, root)
    came_from = upstream(makers(trace), [root])
    found = [cut for cut in all_cuts(trace) if (cut.result or cut.source) in came_from]
    cut = found[-1] if found else None
    too_late = late(trace, [key for key in came_from if trace.tensors[key].is_leaf], [root]) if cut is None else None
    if too_late:
        cause = f"Line {line} asks for gradients of {name}, which has no graph: {too_late.why(trace)}"
        fix = too_late.mend(trace)
        lines: tuple[int, ...] = (too_late.told, too_late.used, line)
    elif cut is None:
        cause = f"Line {line} asks for gradients of {name}, but no tensor that it was made from requires grad."
        fix = "Make the tensors that you want gradients for with `requires_grad=True`."
        lines = (line,)
        if gradient := constant_gradient(trace, came_from):
            cause = (
                f"Line {line} asks for gradients of {name}, made from the gradient {called(trace, gradient)}. That is "
                "the same whatever the leaves hold: its function is linear, and its own derivative is zero."
            )
            fix = "Leave out the second derivative, or differentiate something that is not linear in the leaves."
        elif frozen := {key: off for key in came_from if (off := turned_off(trace.tensors[key], backward.moment))}:
            names = listed([trace.tensors[key].label for key in trace.tensors if key in frozen])
            off_line = Moments(trace).line_of(min(off.moment for off in frozen.values()))
            cause += f" Line {off_line} turned that off for {names}."
            fix = "Leave on what is to learn. Where all of this is frozen, there is nothing to go back to."
            lines = tuple(dict.fromkeys([off_line, line]))
        elif taken := taken_as_values(trace, latest_before(trace, backward)):
            number = taken[-1]
            lines = tuple(dict.fromkeys([trace.line(number.step), line]))
            cause += (
                f" Line {lines[0]} took the value of {called(trace, number.source)} {how(number)}, "
                "and plain values have no graph."
            )
            fix = "Compute with the tensor itself; take its value only to print or to log it."
    else:
        cut_line = trace.line(cut.step)
        cause = (
            f"Line {line} asks for gradients of {name}, which has no graph: "
            f"line {cut_line} took {sources_of(trace, cut, found)} out of it {how(cut)}."
        )
        fix = f"Leave out {code(cut.op)} on line {cut_line}, or do it on a tensor that backward does not start from."
        if cut.by == "no_grad":
            fix = f"Run line {cut_line} with grad mode on, outside `torch.no_grad()`: its operators are then recorded."
        elif cut.by == "non-differentiable":
            fix = f"Use an operator on line {cut_line} that has a derivative; {code(cut.op)} has none."
        elif cut.by == "copy-constructor":
            several = len([other for other in found if (other.step, other.op) == (cut.step, cut.op)]) > 1
            itself = "Use `torch.stack()`" if several else "Hand on the tensor itself"
            fix = f"{itself} on line {cut_line}: {code(cut.op + '()')} copies values alone."
        lines = tuple(dict.fromkeys([cut_line, line]))
    shown = (cut.source, cut.result) if cut else too_late.leaves if too_late else ()
    return Diagnosis(
        rule="nothing-to-differentiate",
        severity="error",
        title=f"{name} has no graph to go back through",
        cause=cause,
        fix=fix,
        lines=lines,
        source=SOURCE,
        evidence={
            "tensor": root,
            "by": cut.by if cut else None,
            "source": cut.source if cut else None,
            **({"late": list(too_late.leaves)} if too_late else {}),
        },
        moment=(too_late or cut or backward).moment or None,
        refs=tuple(key for key in (root, *shown) if key),
    )
