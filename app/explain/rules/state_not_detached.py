"""A state carried into the next pass of a loop still holds the graph of the last.

Each backward then goes through all passes so far, not through one. With `retain_graph=True` torch lets it: every pass
takes longer than the one before, memory grows, and the leaves get the gradients of old passes again. Without it the
second backward raises.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.detach_state import detach_state
from app.explain.facts import code
from app.explain.passes import Carried, carried
from app.explain.rule import Page
from app.trace.model import Backward, Trace

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html"
PAGE = Page(
    title="State carried on with its graph",
    severity="warning",
    see="Each backward runs more nodes than the one before: it goes on into the graph of the earlier passes.",
    mend="Take the state out of its graph between the passes: `h = h.detach()`. Then `retain_graph` is not needed.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
h = torch.zeros(3)
for step in range(3):
    h = torch.tanh(w * h + 1)
    h.sum().backward(retain_graph=True)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (detach_state,)


def check(trace: Trace) -> Iterator[Diagnosis]:
    told: set[int] = set()
    for one in carried(trace):
        again = gone_through_again(trace, one)
        if again is not None and again.step not in told:
            told.add(again.step)  # several states of one loop are one thing to do
            yield diagnose(trace, one, again)


def gone_through_again(trace: Trace, one: Carried) -> Backward | None:
    """The backward that went through the later value into the earlier, which one before had gone through."""
    earlier: Backward | None = None
    since = trace.nodes[one.after].moment
    for backward in trace.backwards:
        if backward.raised or backward.call != "backward":
            continue
        nodes = {fired.node for fired in backward.fired}
        if one.before in nodes and backward.moment <= since and one.after not in nodes:
            earlier = backward
        elif earlier is not None and one.before in nodes and one.after in nodes:
            return backward
    return None


def diagnose(trace: Trace, one: Carried, again: Backward) -> Diagnosis:
    name, line = code(one.name), trace.line(again.step)
    counts = [len(backward.fired) for backward in trace.backwards if trace.line(backward.step) == line]
    return Diagnosis(
        rule="state-not-detached",
        severity="warning",
        title=f"{name} carries the graph of earlier passes",
        cause=(
            f"Line {one.line} makes {name} from its value in the pass before, which still has its graph. "
            f"So backward on line {line} goes through that pass again: "
            f"it ran {counts[0]} nodes at first and {counts[-1]} at last."
        ),
        fix=f"Take {name} out of its graph with `.detach()` at the beginning of each pass, before line {one.line}.",
        lines=tuple(dict.fromkeys([one.line, line])),
        source=SOURCE,
        evidence={"name": one.name, "tensor": one.tensor, "nodes": [one.before, one.after], "fired": list(counts[:50])},
        moment=again.moment or None,
        refs=(one.tensor, one.before),
    )
