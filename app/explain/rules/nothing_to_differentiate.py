"""Backward was called on a tensor that has no graph.

Either nothing that led to it requires grad, or the graph was cut on the way.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.facts import called, code, ended_with, makers, upstream
from app.explain.rules.graph_cut import how
from app.trace.flow import Cut, cuts
from app.trace.model import Backward, Trace

SOURCE = "https://docs.pytorch.org/docs/stable/notes/autograd.html#setting-requires-grad"
TORCH_SAYS = "does not require grad and does not have a grad_fn"


def check(trace: Trace) -> Iterator[Diagnosis]:
    backward = trace.backwards[-1] if trace.backwards else None
    if backward and backward.raised and not backward.fired and ended_with(trace, TORCH_SAYS):
        for root in backward.roots:
            if not trace.tensors[root].requires_grad:
                yield diagnose(trace, backward, root)
                return


def number_taken(trace: Trace, backward: Backward) -> Cut | None:
    """The last tensor with a graph that was read as a number or an array before `backward`: it may have led there."""
    taken = [cut for cut in cuts(trace) if cut.by in ("python-scalar", "numpy") and cut.step < backward.step]
    return taken[-1] if taken else None


def diagnose(trace: Trace, backward: Backward, root: str) -> Diagnosis:
    line, name = trace.line(backward.step), called(trace, root)
    came_from = upstream(makers(trace), [root])
    found = [cut for cut in cuts(trace) if (cut.result or cut.source) in came_from]
    cut = found[-1] if found else None
    if cut is None:
        cause = f"Line {line} asks for gradients of {name}, but no tensor that it was made from requires grad."
        fix = "Make the tensors that you want gradients for with `requires_grad=True`."
        lines: tuple[int, ...] = (line,)
        if number := number_taken(trace, backward):
            lines = tuple(dict.fromkeys([trace.line(number.step), line]))
            cause += (
                f" Line {lines[0]} took the value of {called(trace, number.source)} {how(number)}, "
                "and a number has no graph."
            )
            fix = "Compute with the tensor itself; take a number only to print or to log it."
    else:
        cut_line = trace.line(cut.step)
        source = called(trace, cut.source)
        cause = (
            f"Line {line} asks for gradients of {name}, which has no graph: "
            f"line {cut_line} took {source} out of it {how(cut)}."
        )
        fix = f"Leave out {code(cut.op)} on line {cut_line}, or do it on a tensor that backward does not start from."
        if cut.by == "no_grad":
            fix = f"Run line {cut_line} outside `torch.no_grad()`, so that its operators are recorded."
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
