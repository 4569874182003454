"""Backward was called on a tensor that has no graph.

Either nothing that led to it requires grad, or the graph was cut on the way.
"""

from collections.abc import Iterator

from app.explain.cuts import how, taken_as_values
from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.leaf_with_grad import leaf_with_grad
from app.explain.edits.leave_out_cut import leave_out_cut
from app.explain.edits.update_in_place import update_in_place
from app.explain.facts import called, code, ended_with, latest_before, listed, makers, upstream
from app.explain.rule import Page
from app.trace.flow import Cut, cuts
from app.trace.model import Backward, Trace

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
EDITS: tuple[Edit, ...] = (leave_out_cut, update_in_place, leaf_with_grad)
TORCH_SAYS = "does not require grad and does not have a grad_fn"


def check(trace: Trace) -> Iterator[Diagnosis]:
    backward = trace.backwards[-1] if trace.backwards else None
    if backward and backward.raised and not backward.fired and ended_with(trace, TORCH_SAYS):
        for root in backward.roots:
            if not trace.tensors[root].requires_grad:
                yield diagnose(trace, backward, root)
                return


def sources_of(trace: Trace, cut: Cut, found: list[Cut]) -> str:
    """What `cut` took out: with grad mode off a whole line did, so all that this line used."""
    if cut.by != "no_grad":
        return called(trace, cut.source)
    together = dict.fromkeys(other.source for other in found if (other.step, other.by) == (cut.step, cut.by))
    return listed([name for key in together if (name := trace.tensors[key].name)]) or called(trace, cut.source)


def diagnose(trace: Trace, backward: Backward, root: str) -> Diagnosis:
    line, name = trace.line(backward.step), called(trace, root)
    came_from = upstream(makers(trace), [root])
    found = [cut for cut in cuts(trace) if (cut.result or cut.source) in came_from]
    cut = found[-1] if found else None
    if cut is None:
        cause = f"Line {line} asks for gradients of {name}, but no tensor that it was made from requires grad."
        fix = "Make the tensors that you want gradients for with `requires_grad=True`."
        lines: tuple[int, ...] = (line,)
        if taken := taken_as_values(trace, latest_before(trace, backward)):
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
        elif cut.by == "copy-constructor":
            fix = f"Hand on the tensor itself on line {cut_line}: {code(cut.op + '()')} copies its values alone."
        lines = tuple(dict.fromkeys([cut_line, line]))
    return Diagnosis(
        rule="nothing-to-differentiate",
        severity="error",
        title=f"{name} has no graph to go back through",
        cause=cause,
        fix=fix,
        lines=lines,
        source=SOURCE,
        evidence={"tensor": root, "by": cut.by if cut else None, "source": cut.source if cut else None},
    )
