"""`autograd.grad` was asked for the gradient of an input that the output does not depend on.

autograd goes back from the output along its graph and collects what arrives at each input. An input that is not in
that graph receives nothing. torch raises rather than hand out None, unless it is told `allow_unused=True`.
"""

from collections.abc import Iterator

from app.explain.cuts import all_cuts, how, instead
from app.explain.diagnosis import Diagnosis, Evidence
from app.explain.edits import Edit
from app.explain.edits.allow_unused import allow_unused
from app.explain.edits.move_line import require_earlier
from app.explain.facts import called, downstream, listed, makers, upstream
from app.explain.late import late
from app.explain.refusals import refused_backward
from app.explain.rule import Page
from app.trace.flow import Cut
from app.trace.model import Trace

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.autograd.grad.html"
PAGE = Page(
    title="Input that the output does not depend on",
    severity="error",
    see="In the graph no line leads from the output to `v`.",
    mend="Ask for an input that the output was made from, or pass `allow_unused=True` to get None for it.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
v = torch.ones(3, requires_grad=True)
torch.autograd.grad((w * 2).sum(), v)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (require_earlier, allow_unused)
UNUSED = "appears to not have been used in the graph"
NO_GRAD = "One of the differentiated Tensors does not require grad"


def check(trace: Trace) -> Iterator[Diagnosis]:
    backward = refused_backward(trace, UNUSED, NO_GRAD)
    if backward is None or not backward.inputs or not all(trace.tensors[key].requires_grad for key in backward.roots):
        return
    above = nodes_above(trace, backward.roots)
    frozen = [key for key in backward.inputs if not trace.tensors[key].requires_grad]
    unused = frozen or [key for key in backward.inputs if trace.tensors[key].node not in above]
    if not unused:
        return
    line, names = trace.line(backward.step), [trace.tensors[key].label for key in unused]
    roots = " and ".join(called(trace, key) for key in backward.roots) or "the output"
    cause = f"Line {line} asks how {roots} changes with {listed(names)}, but it was not made from that."
    fix = "Ask for an input that the output was made from, or pass `allow_unused=True` to get None for it."
    lines = [line]
    evidence: dict[str, Evidence] = {"inputs": list(unused)}
    if frozen:
        made = trace.tensors[frozen[0]].step
        lines += [trace.line(made)] if made is not None else []
        cause = (
            f"Line {line} asks how {roots} changes with {listed(names)}, which does not require grad: "
            "nothing was recorded for it."
        )
        fix = f"Let {listed(names)} require grad before the forward runs, with `.requires_grad_()`."
    elif too_late := late(trace, unused, backward.roots):
        lines = [too_late.told, too_late.used, line]
        cause = f"Line {line} asks how {roots} changes with {listed(names)}. {too_late.why(trace)}"
        fix = too_late.mend(trace)
        evidence["late"] = list(too_late.leaves)
    elif cut := cut_between(trace, unused[0], backward.roots):
        lines = [trace.line(cut.step), line]
        cause = (
            f"Line {line} asks how {roots} changes with {listed(names)}. "
            f"On the way line {lines[0]} took {called(trace, cut.source)} out of the graph {how(cut)}."
        )
        fix = f"To have that gradient, {instead(cut, called(trace, cut.source), lines[0])}."
    elif shared := made_from_the_same(trace, unused[0], backward.roots):
        cause = (
            f"Line {line} asks how {roots} changes with {listed(names)}. That is a tensor of its own, made from "
            f"{shared}. {roots} was made from {shared} too, but not by way of it."
        )
        fix = f"Ask for the gradient of {shared} and take its part, or compute {roots} from {listed(names)}."
    yield Diagnosis(
        rule="unused-input",
        severity="error",
        title=f"{listed(names)} is not in the graph of {roots}",
        cause=cause,
        fix=fix,
        lines=tuple(dict.fromkeys(lines)),
        source=SOURCE,
        evidence=evidence,
        moment=backward.moment or None,
        refs=(*unused, *backward.roots),
    )


def cut_between(trace: Trace, unused: str, roots: tuple[str, ...]) -> Cut | None:
    """The last cut on the way from `unused` to a root."""
    above = makers(trace)
    below, came_from = downstream(trace, unused), upstream(above, roots)
    found = [cut for cut in all_cuts(trace) if cut.source in below and cut.result in came_from]
    return found[-1] if found else None


def made_from_the_same(trace: Trace, unused: str, roots: tuple[str, ...]) -> str | None:
    """What to call the leaf from which both `unused` and a root were made."""
    above = makers(trace)
    if unused not in above or not above[unused]:
        return None
    shared = (upstream(above, [unused]) - {unused}) & upstream(above, roots)
    leaves = [key for key in shared if trace.tensors[key].is_leaf and trace.tensors[key].requires_grad]
    return called(trace, min(leaves, key=lambda key: trace.tensors[key].moment)) if leaves else None


def nodes_above(trace: Trace, roots: tuple[str, ...]) -> set[str]:
    """Every node that backward from `roots` can come to."""
    found: set[str] = set()
    todo = [node for key in roots if (node := trace.tensors[key].node)]
    while todo:
        node = todo.pop()
        if node not in found:
            found.add(node)
            todo += [edge.node for edge in trace.nodes[node].inputs if edge]
    return found
