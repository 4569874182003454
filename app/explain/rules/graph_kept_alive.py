"""A running total keeps the graph of every pass alive.

A tensor with a `grad_fn` holds its node, that node holds the one before, and so on back to the first pass. What is
added up pass after pass therefore grows a graph that no backward ever frees, and memory grows with it. A plain number
has no graph.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.value_for_total import value_for_total
from app.explain.facts import code
from app.explain.passes import Carried, carried
from app.explain.rule import Page
from app.trace.model import Trace

SOURCE = "https://docs.pytorch.org/docs/stable/notes/faq.html#my-model-reports-cuda-runtime-error-2-out-of-memory"
PAGE = Page(
    title="Running total that keeps every graph",
    severity="warning",
    see="In the graph `total` has one more `AddBackward0` for each pass, and no backward ever runs them.",
    mend="Add up numbers: `total += loss.item()`. Or take the value without its graph: `total += loss.detach()`.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
total = 0
for step in range(3):
    loss = (w * w).sum()
    loss.backward()
    total += loss
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (value_for_total,)


def check(trace: Trace) -> Iterator[Diagnosis]:
    if trace.outcome.kind == "raised":
        return  # the backward that uses the total may have been to come
    found = carried(trace)
    if not found:
        return
    fired = {fired.node for backward in trace.backwards for fired in backward.fired}
    told: set[int] = set()
    for one in found:
        if one.before in fired or one.after in fired or one.line in told or not is_total(trace, one):
            continue
        told.add(one.line)
        yield diagnose(trace, one)


def is_total(trace: Trace, one: Carried) -> bool:
    """Whether it is kept beside a training loop, or is one number: what is still to be used has a shape."""
    first, second = trace.nodes[one.before].moment, trace.nodes[one.after].moment
    between = any(first <= backward.moment <= second for backward in trace.backwards if backward.fired)
    return between or trace.tensors[one.tensor].shape in ((), (1,))


def diagnose(trace: Trace, one: Carried) -> Diagnosis:
    name = code(one.name)
    passes = sum(trace.line(node.step) == one.line and node.name == trace.nodes[one.after].name
                 for node in trace.nodes.values() if node.step is not None)  # fmt: skip
    return Diagnosis(
        rule="graph-kept-alive",
        severity="warning",
        title=f"{name} keeps the graph of every pass",
        cause=(
            f"Line {one.line} makes {name} from its value in the pass before, together with the graph of both. "
            f"It ran {passes} times, and no backward ever goes through {name}: the graph only grows."
        ),
        fix=f"Add plain numbers on line {one.line}, with `.item()`, or tensors without a graph, with `.detach()`.",
        lines=(one.line,),
        source=SOURCE,
        evidence={"name": one.name, "tensor": one.tensor, "nodes": [one.before, one.after], "passes": passes},
        moment=trace.nodes[one.after].moment or None,
        refs=(one.tensor, one.after, one.before),
    )
