"""An operator whose derivative is 0 almost everywhere made a leaf's gradient 0.

`round`, `floor`, `ceil`, `trunc` and `sign` are steps: between the steps they are flat. Their derivative is 0 there,
and torch gives 0 everywhere. Backward runs without an error, but every leaf behind such an operator gets a gradient
of zeros and never learns.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.straight_through import straight_through
from app.explain.facts import code, ids, lines_of, listed
from app.explain.not_finite import function_of
from app.explain.numbers import is_zero
from app.explain.rule import Page
from app.trace.flow import ACCUMULATE
from app.trace.model import Backward, Fired, Trace

SOURCE = "https://docs.pytorch.org/docs/stable/notes/autograd.html#gradients-for-non-differentiable-functions"
PAGE = Page(
    title="Gradient of zeros from a step function",
    severity="warning",
    see="Step through backward: `RoundBackward0` receives ones and passes on zeros, and they reach `w`.",
    mend=(
        "Let the gradient pass as if the step were not there: `y = w + (w.round() - w).detach()`, the "
        "straight-through estimator. Or use a smooth function, such as `sigmoid` in place of a step."
    ),
    example="""\
import torch

w = torch.tensor([0.4, 1.6], requires_grad=True)
y = w.round()
y.sum().backward()
print(w.grad)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (straight_through,)
_FLAT = frozenset(
    [
        *("RoundBackward0", "RoundBackward1", "FloorBackward0", "CeilBackward0", "TruncBackward0", "SignBackward0"),
        *("SgnBackward0", "DivBackward2", "DivBackward3"),  # the last two are of `rounding_mode=`
    ]
)


def check(trace: Trace) -> Iterator[Diagnosis]:
    flat = {key for key, node in trace.nodes.items() if node.name in _FLAT}
    if not flat:
        return
    for backward in trace.backwards:
        ended = [fired for fired in backward.fired if fired.node in flat and is_end(fired)]
        leaves = zeroed(trace, backward, {fired.node for fired in ended}) if ended else []
        if leaves:
            yield diagnose(trace, backward, ended[0], leaves)


def is_end(fired: Fired) -> bool:
    """Whether a gradient came in that is not 0, and only zeros went on."""
    came = [values for values in fired.grad_outputs if values is not None]
    went = [values for values in fired.grad_inputs if values is not None]
    return bool(came and went) and not all(map(is_zero, came)) and all(map(is_zero, went))


def zeroed(trace: Trace, backward: Backward, nodes: set[str]) -> list[str]:
    """The leaves behind `nodes` that got zeros only."""
    behind, todo = set[str](), list(nodes)
    while todo:
        key = todo.pop()
        if key not in behind:
            behind.add(key)
            todo += [edge.node for edge in trace.nodes[key].inputs if edge]
    return [
        key
        for fired in backward.fired
        if fired.node in behind and trace.nodes[fired.node].name == ACCUMULATE
        if all(map(is_zero, fired.grad_outputs))
        for key in trace.nodes[fired.node].tensors
    ]


def diagnose(trace: Trace, backward: Backward, fired: Fired, leaves: list[str]) -> Diagnosis:
    node = trace.nodes[fired.node]
    line, backward_line = trace.line(node.step) if node.step is not None else None, trace.line(backward.step)
    made = next((trace.tensors[key] for key in node.tensors), None)
    function = function_of(node)
    expression = (made.expression if made else None) or function
    names = listed([trace.tensors[key].label for key in leaves])
    return Diagnosis(
        rule="zero-gradient",
        severity="warning",
        title=f"{names} got a gradient of zeros",
        cause=(
            f"{code(expression)}{f' on line {line}' if line else ''} is a step function: its derivative is 0 wherever "
            f"it has one. {code(node.name)} received a gradient and passed on zeros, so backward on line "
            f"{backward_line} brought {names} zeros only."
        ),
        fix=(
            f"If {names} should learn through {code(function)}, let the gradient pass it by: "
            f"`y = x + (step(x) - x).detach()`, where `step` is what line {line or backward_line} computes. "
            "Or use a smooth function in its place."
        ),
        lines=lines_of(line, backward_line),
        source=SOURCE,
        evidence={"node": fired.node, "leaves": list(leaves)},
        moment=fired.moment,
        refs=ids(fired.node, *leaves),
    )
