"""A reentrant checkpoint had no input that requires grad, so nothing in it got a gradient.

A reentrant checkpoint runs its function with grad mode off and records one node for all of it. That node is recorded
only where an input of the function requires grad: parameters inside do not count. Without it the result has no graph.
"""

from collections.abc import Iterator

from app.explain.cuts import CHECKPOINT, all_cuts, in_checkpoint, unreached_by
from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.switches import checkpoint_without_reentry
from app.explain.facts import listed, makers, upstream
from app.explain.memo import once
from app.explain.refusals import refused_backward
from app.explain.rule import Page
from app.explain.second import NO_GRAPH
from app.trace.model import Backward, Operation, Trace

SOURCE = "https://docs.pytorch.org/docs/stable/checkpoint.html"
PAGE = Page(
    title="Checkpoint without an input that requires grad",
    severity="error",
    see="`y` has no node over it: the checkpoint ran with grad mode off and recorded nothing.",
    mend="Use the other kind: `checkpoint(net, x, use_reentrant=False)`. Or let an input require grad.",
    example="""\
import torch
from torch.utils.checkpoint import checkpoint

net = torch.nn.Linear(2, 1)
x = torch.ones(4, 2)
y = checkpoint(net, x, use_reentrant=True)
y.sum().backward()
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (checkpoint_without_reentry,)
NO_OUTPUT = "none of output has requires_grad=True"


@once
def refused_for(trace: Trace) -> tuple[Operation, Backward] | None:
    """The checkpoint for which a refused backward had no graph."""
    refused = refused_backward(trace, NO_GRAPH)
    if refused is None or refused.fired:
        return None
    above = upstream(makers(trace), refused.roots)
    for cut in all_cuts(trace):
        if cut.result in above and (checkpoint := in_checkpoint(trace, cut)):
            return checkpoint, refused
    return None


def check(trace: Trace) -> Iterator[Diagnosis]:
    if refused := refused_for(trace):
        yield diagnose(trace, *refused, [])
        return
    if stopped := stopped_in(trace):
        yield without_output(trace, *stopped)
        return
    for cut, leaves in unreached_by(trace).items():
        if checkpoint := in_checkpoint(trace, cut):
            yield diagnose(trace, checkpoint, None, leaves)


def stopped_in(trace: Trace) -> tuple[Operation, Backward] | None:
    """The checkpoint whose function was run again in a refused backward, and gave nothing that requires grad."""
    refused = refused_backward(trace, NO_OUTPUT)
    fired = refused.fired[-1] if refused and refused.fired else None
    if refused is None or fired is None or trace.nodes[fired.node].name != "CheckpointFunctionBackward":
        return None
    step = trace.nodes[fired.node].step
    found = (one for one in trace.operations if one.op == CHECKPOINT and one.step == step)
    checkpoint = next(found, None)
    return (checkpoint, refused) if checkpoint else None


def without_output(trace: Trace, checkpoint: Operation, refused: Backward) -> Diagnosis:
    line, back = trace.line(checkpoint.step), trace.line(refused.step)
    return Diagnosis(
        rule="checkpoint-without-input-gradient",
        severity="error",
        title=f"Nothing that the checkpoint on line {line} gave requires grad",
        cause=(
            f"Backward on line {back} ran the function of the checkpoint on line {line} again to go through its graph. "
            "What it gave has none: the value left the graph inside, or nothing in there requires grad."
        ),
        fix=f"Leave out what cuts the graph in that function, or call it on line {line} without a checkpoint.",
        lines=tuple(dict.fromkeys([line, back])),
        source=SOURCE,
        evidence={"inputs": list(checkpoint.inputs)},
        moment=checkpoint.moment or None,
        refs=checkpoint.inputs,
    )


def diagnose(trace: Trace, checkpoint: Operation, refused: Backward | None, leaves: list[str]) -> Diagnosis:
    line = trace.line(checkpoint.step)
    inputs = listed([name for key in checkpoint.inputs if (name := trace.tensors[key].name)]) or "its input"
    if refused is not None:
        after = f"So backward on line {trace.line(refused.step)} has no graph to go through."
    else:
        after = f"So {listed([trace.tensors[key].label for key in leaves])} got no gradient."
    lines = dict.fromkeys([line, *([trace.line(refused.step)] if refused else [])])
    return Diagnosis(
        rule="checkpoint-without-input-gradient",
        severity="error" if refused else "warning",
        title=f"The checkpoint on line {line} recorded nothing",
        cause=(
            f"Line {line} runs a reentrant checkpoint over {inputs}, which does not require grad. Such a checkpoint "
            f"records its node only where an input requires grad. {after}"
        ),
        fix=f"Pass `use_reentrant=False` on line {line}. Or let an input require grad, with `.requires_grad_()`.",
        lines=tuple(lines),
        source=SOURCE,
        evidence={"inputs": list(checkpoint.inputs), "leaves": list(leaves)},
        moment=checkpoint.moment or None,
        refs=(*checkpoint.inputs, *leaves),
    )
