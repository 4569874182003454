"""Backward went through a graph a second time.

The first backward freed what the nodes had saved, so that the second has nothing to compute with.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.detach_state import detach_state
from app.explain.edits.forward_again import forward_again
from app.explain.edits.retain_graph import retain_graph
from app.explain.facts import code, ended_with
from app.explain.rule import Page
from app.trace.model import Backward, Trace

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html"
PAGE = Page(
    title="Backward twice through one graph",
    severity="error",
    see=(
        "After the first backward the nodes are drawn as freed: their saved slots are empty. The second "
        "backward stops at the first node that needs one."
    ),
    mend=(
        "Run the forward again before the second backward. Or keep the graph with "
        "`backward(retain_graph=True)` in the first."
    ),
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
y = (w * w).sum()
y.backward()
y.backward()
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (detach_state, forward_again, retain_graph)
TORCH_SAYS = "backward through the graph a second time"


def check(trace: Trace) -> Iterator[Diagnosis]:
    second = trace.backwards[-1] if trace.backwards else None
    if second is None or not second.raised or not ended_with(trace, TORCH_SAYS):
        return
    stopped = [fired.node for fired in second.fired if not fired.finished]
    if not stopped:
        return
    for first in trace.backwards[:-1]:
        if not first.keeps_graph and any(fired.node == stopped[-1] for fired in first.fired):
            yield diagnose(trace, first, second, stopped[-1])
            return


def diagnose(trace: Trace, first: Backward, second: Backward, node: str) -> Diagnosis:
    first_line, second_line = trace.line(first.step), trace.line(second.step)
    again = " again, in a later pass," if first_line == second_line else ""
    # a result that is younger than the first backward, and yet leads back into its graph: a state carried on
    carried = first_line == second_line and any((trace.tensors[key].step or 0) > first.step for key in second.roots)
    fix = (
        f"Run the forward again before line {second_line}, so that each backward has a graph of its own; "
        f"or keep this one with `retain_graph=True` on line {first_line}."
    )
    if carried:
        fix = (
            "Each pass goes back into the one before it, by a value that it carries on. Take that value out of its "
            f"graph between the passes with `.detach()`; or keep all graphs: `retain_graph=True` on line {first_line}."
        )
    made = trace.nodes[node].step
    made_line = trace.line(made) if made is not None else None
    return Diagnosis(
        rule="backward-twice",
        severity="error",
        title="Backward through a graph that was freed",
        cause=(
            f"Backward on line {first_line} freed the tensors that the graph had saved. "
            f"Backward on line {second_line}{again} came to {code(trace.nodes[node].name)}"
            + (f", recorded on line {made_line}," if made_line else "")
            + " and found them gone."
        ),
        fix=fix,
        lines=tuple(dict.fromkeys([second_line, first_line, *([made_line] if made_line else [])])),
        source=SOURCE,
        evidence={"node": node, "first_step": first.step, "second_step": second.step},
    )
