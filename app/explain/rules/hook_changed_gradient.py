"""A hook of a tensor or of a module replaced a gradient on its way.

A hook is given the gradient when backward has it, and what it returns goes on in its place. The leaves above get
what follows from that, not the derivative of the program. That is what hooks are for; it is told because nothing
else shows it.
"""

from collections import defaultdict
from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.facts import called, code, ids, lines_of
from app.explain.numbers import arrived, few, same
from app.explain.rule import Page
from app.trace.model import Backward, Operation, Trace, Values

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.register_hook.html"
PAGE = Page(
    title="Gradient replaced by a hook",
    severity="note",
    see="Step through backward: `SumBackward0` sends ones, and the node of `h` receives tens.",
    mend="Return None from the hook, or nothing, to leave the gradient as it is. Remove a hook with its handle.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
h = w * 2
h.register_hook(lambda grad: grad * 10)
h.sum().backward()
print(w.grad)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = ()
_MODULE_HOOK = "BackwardHookFunctionBackward"  # passes on what it receives; torch puts it around a module with hooks


def check(trace: Trace) -> Iterator[Diagnosis]:
    hooked = [operation for operation in trace.operations if operation.op == "register_hook" and operation.inputs]
    of_modules = {key: key for key, node in trace.nodes.items() if node.name == _MODULE_HOOK}
    for key in list(of_modules):  # what its hook gives back is seen by the nodes that it goes on to
        of_modules |= {edge.node: key for edge in trace.nodes[key].inputs if edge and edge.node not in of_modules}
    if not hooked and not of_modules:
        return
    of_tensors = defaultdict[str, list[Operation]](list)
    for one in hooked:
        of_tensors[trace.tensors[one.inputs[0]].node or ""].append(one)
    told = set[str]()
    for backward in trace.backwards:
        started = {trace.tensors[key].node for key in backward.roots}
        for at, fired in enumerate(backward.fired):
            if fired.node in told or fired.node not in of_tensors.keys() | of_modules.keys():
                continue
            change = None if fired.node in started else received_other(trace, backward, at)
            if change is not None:
                told.add(fired.node)
                owner = of_modules.get(fired.node, fired.node)
                yield diagnose(trace, backward, at, owner, of_tensors.get(fired.node, []), change)


def received_other(trace: Trace, backward: Backward, at: int) -> tuple[Values, Values] | None:
    """What came to a node and what it was then given in its place."""
    received = backward.fired[at].grad_outputs
    for index, came in arrived(trace, backward, at).items():
        given = received[index] if index < len(received) else None
        if given is not None and same(came, given) is False:
            return came, given
    return None


def ran_at(trace: Trace, backward: Backward, at: int) -> int | None:
    """The line that a hook of the reader's ended on, between this node and the ones beside it."""
    after = backward.fired[at - 1].moment if at else backward.moment
    following = backward.fired[at + 1].moment if at + 1 < len(backward.fired) else backward.fired[at].moment + 1
    lines = [step.line for step in trace.steps if after < step.moment < following and step.function]
    return lines[-1] if lines else None


def diagnose(
    trace: Trace, backward: Backward, at: int, owner: str, hooks: list[Operation], change: tuple[Values, Values]
) -> Diagnosis:
    fired = backward.fired[at]
    node, backward_line = trace.nodes[owner], trace.line(backward.step)
    lines = lines_of(*(trace.line(hook.step) for hook in hooks))
    if hooks:
        of = called(trace, hooks[0].inputs[0])
    else:
        lines = lines_of(ran_at(trace, backward, at) or (trace.line(node.step) if node.step is not None else None))
        of = code(node.module) if node.module else "a module"
    where = "a hook"
    if lines:
        where = (
            f"the hook of line {lines[0]}" if len(lines) == 1 else f"a hook of lines {' and '.join(map(str, lines))}"
        )
    return Diagnosis(
        rule="hook-changed-gradient",
        severity="note",
        title=f"A hook replaced the gradient of {of}",
        cause=(
            f"In backward on line {backward_line}, {few(change[0])} came for {of}, and {few(change[1])} went on: "
            f"{where} put that in its place. The gradients above follow from it."
        ),
        fix="If the hook is only to look at the gradient, let it return nothing and write nothing in place.",
        lines=lines_of(*lines, backward_line),
        source=SOURCE,
        evidence={"node": fired.node, "tensor": hooks[0].inputs[0] if hooks else None},
        moment=fired.moment,
        refs=ids(fired.node, hooks[0].inputs[0] if hooks else None),
    )
