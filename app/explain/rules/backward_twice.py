"""Backward went through a graph a second time.

Nodes save tensors in the forward to compute their gradients with. Backward frees them as it goes, since most graphs are
used once and memory is short. A second backward through the same nodes has nothing to compute with.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.detach_state import detach_state
from app.explain.edits.forward_again import forward_again
from app.explain.edits.retain_graph import retain_graph
from app.explain.facts import code, ended_with
from app.explain.passes import carried
from app.explain.refusals import refused_backward
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
    second = refused_backward(trace, TORCH_SAYS)
    stopped = [fired for fired in second.fired if not fired.finished] if second else []
    if second is None or not stopped:
        yield from looked_into(trace)
        return
    freed_at, node = trace.nodes[stopped[-1].node].freed_at, stopped[-1].node
    if freed_at is None or freed_at > stopped[-1].moment:
        return
    for first in trace.backwards:
        if first.moment < second.moment and not first.keeps_graph and any(fired.node == node for fired in first.fired):
            yield diagnose(trace, first, second, node)
            return


def looked_into(trace: Trace) -> Iterator[Diagnosis]:
    """What a freed node had saved was asked for, without a backward."""
    error = trace.outcome.error
    freeing = [backward for backward in trace.backwards if backward.fired and not backward.keeps_graph]
    if error is None or error.line is None or not freeing or not ended_with(trace, TORCH_SAYS):
        return
    line, freed = error.line, trace.line(freeing[-1].step)
    yield Diagnosis(
        rule="backward-twice",
        severity="error",
        title="Saved tensors of a graph that was freed",
        cause=f"Line {line} asks a node for a tensor that it saved. Backward on line {freed} freed those.",
        fix=f"Look at saved tensors before line {freed}, or keep the graph with `retain_graph=True` there.",
        lines=tuple(dict.fromkeys([line, freed])),
        source=SOURCE,
        evidence={"first_step": freeing[-1].step},
        moment=freeing[-1].moment or None,
    )


def diagnose(trace: Trace, first: Backward, second: Backward, node: str) -> Diagnosis:
    first_line, second_line = trace.line(first.step), trace.line(second.step)
    again = " again, in a later pass," if first_line == second_line else ""
    # a result that is younger than the first backward, and yet leads back into its graph: a state carried on
    goes_on = first_line == second_line and any((trace.tensors[key].step or 0) > first.step for key in second.roots)
    fix = (
        f"Run the forward again before line {second_line}, so that each backward has a graph of its own; "
        f"or keep this one with `retain_graph=True` on line {first_line}."
    )
    if goes_on:
        states = [one for one in carried(trace) if trace.nodes[one.before].moment <= first.moment]
        state = code(states[0].name) if states else "a value"
        fix = (
            f"Each pass goes back into the one before it, by {state} that it carries on. Take that value out of its "
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
        moment=second.fired[-1].moment or None,
        refs=(node, *second.roots),
    )
