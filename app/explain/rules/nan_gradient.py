"""A leaf got a gradient that is NaN or infinite.

Backward multiplies what comes in by the derivative of each operator. Where that derivative is infinite, as of `sqrt`
and `log` at 0, the product is infinite, and 0 times infinity is NaN. `torch.where` does not help: the branch that it
does not choose gets a gradient of 0, and 0 times infinity is NaN all the same.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.within_domain import within_domain
from app.explain.facts import called, code, ended_with, ids, lines_of, listed, sentence
from app.explain.not_finite import Origin, consumer, function_of, is_own, origin_in_forward, point, unchosen
from app.explain.numbers import has_non_finite, is_known
from app.explain.rule import Page
from app.trace.flow import ACCUMULATE
from app.trace.model import Backward, Fired, Node, Trace

SOURCE = "https://docs.pytorch.org/docs/stable/notes/autograd.html#gradients-for-non-differentiable-functions"
PAGE = Page(
    title="Gradient that is no number",
    severity="wrong",
    see=(
        "Step through backward: `SqrtBackward0` receives 0 and 0.5, and passes on NaN for the first. It is the first "
        "node that does."
    ),
    mend=(
        "Choose the input, not only the result: `torch.where(x > 0, x, 1.0).sqrt()` has no infinite derivative. "
        "Where no choice is made, keep the input away from 0: `(x + 1e-12).sqrt()`."
    ),
    example="""\
import torch

x = torch.tensor([0.0, 1.0], requires_grad=True)
y = torch.where(x > 0, x.sqrt(), 0.0)
y.sum().backward()
print(x.grad)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (within_domain,)
ANOMALY = "returned nan values in its"
_AWAY = {
    "sqrt": "Keep what goes into `sqrt` away from 0: add a small number to it, such as `1e-12`",
    "rsqrt": "Keep what goes into `rsqrt` away from 0: add a small number to it, such as `1e-12`",
    "log": "Keep what goes into `log` away from 0, as with `.clamp(min=1e-12)`",
    "log2": "Keep what goes into `log2` away from 0, as with `.clamp(min=1e-12)`",
    "log10": "Keep what goes into `log10` away from 0, as with `.clamp(min=1e-12)`",
    "div": "Keep what is divided by away from 0: add a small number to it, such as `1e-12`",
    "reciprocal": "Keep what is divided by away from 0: add a small number to it, such as `1e-12`",
    "exp": "Keep what goes into `exp` small, as with `.clamp(max=80)`: it soon passes the largest number",
    "pow": "Keep what goes into the power away from 0 where its derivative is infinite there, and from very large "
    "numbers: values that grow from step to step often mean that the learning rate is too large",
    "std": "Take `std` of more than one element, or pass `correction=0`",
    "var": "Take `var` of more than one element, or pass `correction=0`",
    "acos": "Keep what goes into `acos` away from 1 and -1, as with `.clamp(-0.999999, 0.999999)`",
    "asin": "Keep what goes into `asin` away from 1 and -1, as with `.clamp(-0.999999, 0.999999)`",
}


def check(trace: Trace) -> Iterator[Diagnosis]:
    ends = {key for key, node in trace.nodes.items() if node.name == ACCUMULATE}
    for backward in trace.backwards:
        if backward.raised:
            if backward is trace.backwards[-1] and backward.fired and ended_with(trace, ANOMALY):
                yield diagnose(trace, backward, backward.fired[-1])
                return
        elif spoiled := leaves_of(trace, backward, ends):
            first = first_of(backward)
            if first is not None:
                yield diagnose(trace, backward, first, spoiled)
                return


def leaves_of(trace: Trace, backward: Backward, ends: set[str]) -> list[str]:
    """The leaves, or the inputs of `autograd.grad`, to which this backward brought what is not finite."""
    if backward.call == "grad":
        asked = {trace.tensors[key].node: key for key in backward.inputs}
        return [
            asked[edge.node]
            for fired in backward.fired
            for edge, sent in zip(trace.nodes[fired.node].inputs, fired.grad_inputs, strict=False)
            if edge is not None and edge.node in asked and has_non_finite(sent)
        ]
    return [
        key
        for fired in backward.fired
        if fired.node in ends and any(map(has_non_finite, fired.grad_outputs))
        for key in trace.nodes[fired.node].tensors
    ]


def first_of(backward: Backward) -> Fired | None:
    """The first node that sent what is not finite, though what it received was, as far as that is known."""
    for fired in backward.fired:
        if any(map(has_non_finite, fired.grad_outputs)):
            return None if fired is backward.fired[0] else fired
        if any(map(has_non_finite, fired.grad_inputs)):
            return fired
    return None


def diagnose(trace: Trace, backward: Backward, fired: Fired, leaves: list[str] | None = None) -> Diagnosis:
    node = trace.nodes[fired.node]
    line, backward_line = trace.line(node.step) if node.step is not None else None, trace.line(backward.step)
    names = listed([trace.tensors[key].label for key in dict.fromkeys(leaves or ()) if key])
    first = origin_in_forward(trace, node, backward)
    origin = None if first and is_own(trace, node, first) else first
    chooser = consumer(trace, backward, fired) if origin is None and unchosen(fired) else None
    chooser_line = trace.line(chooser.step) if chooser and chooser.step is not None else None
    if origin:
        line = origin.line
    cause, fix = (
        from_forward(trace, node, origin) if origin else in_backward(trace, fired, chooser, chooser_line, first)
    )
    return Diagnosis(
        rule="nan-gradient",
        severity="wrong" if leaves is not None else "error",
        title=f"{names or 'A gradient'} {'has a gradient that' if names else ''} is not finite".replace("  ", " "),
        cause=cause
        + (f" From there it reached {names} in backward on line {backward_line}." if names else "")
        + ("" if leaves is not None else f" Anomaly detection stopped backward on line {backward_line} there."),
        fix=fix,
        lines=lines_of(line, chooser_line, backward_line),
        source=SOURCE,
        evidence={
            "node": fired.node,
            "leaves": [key for key in dict.fromkeys(leaves or ()) if key],
            "forward_finite": first is None,
            "origin": origin.tensor if origin else None,
            "chosen_by": chooser.name if chooser else None,
        },
        moment=fired.moment,
        refs=ids(fired.node, origin.tensor if origin else None, *(leaves or ())),
    )


def from_forward(trace: Trace, node: Node, origin: Origin) -> tuple[str, str]:
    """Cause and fix where the forward itself had no numbers any more."""
    name = called(trace, origin.tensor)
    what = "NaN" if origin.is_nan else "an infinite value"
    cause = (
        f"The values were not finite before backward began. Line {origin.line} is the first that gave {what}, in "
        f"{name}; {code(node.name)} computed with that."
    )
    return cause, (
        f"Look at what goes into line {origin.line} there. Values that grow from step to step often mean that the "
        "learning rate is too large; a division by 0, or `log` and `sqrt` of what is not positive, give NaN at once."
        if origin.made
        else f"{sentence(name)} came with {what} in it: leave such elements out before computing with it."
    )


def in_backward(
    trace: Trace, fired: Fired, chooser: Node | None, chooser_line: int | None, own: Origin | None
) -> tuple[str, str]:
    """Cause and fix where all values that the node's operator was given are finite; `own` is what it gave itself."""
    node, function = trace.nodes[fired.node], function_of(trace.nodes[fired.node])
    expression = next((text for key in node.tensors if (text := trace.tensors[key].expression)), function)
    on = f" on line {trace.line(node.step)}" if node.step is not None else ""
    at = point(node, fired)
    where = f" at {at}" if at else ""
    gave = "NaN" if own and own.is_nan else "an infinite value"
    cause = f"{code(node.name)}, recorded by {code(expression)}{on}, is the first "
    if own:
        cause = f"{code(expression)}{on} gave {gave} for finite values. Its node {code(node.name)} is the first "
    elif all(is_known(saved.values) for saved in node.saved):
        cause = f"The values of the forward are finite. {cause}"
    fix = _AWAY.get(function, f"Keep what goes into {code(function)} away from where its derivative is infinite")
    if unchosen(fired):
        cause += (
            f"node that gave NaN: it received 0 for an element, and the derivative of {code(function)}{where} is not "
            "finite. 0 times infinity is NaN."
        )
        if chooser is not None:
            by = code(function_of(chooser))
            cause += f" The 0 came from {by} on line {chooser_line}, which does not choose that element."
            fix = (
                f"Replace such elements before {code(function)}{on}, not only after it: "
                f"give it `torch.where(…, x, 1.0)` instead of `x`"
            )
    else:
        cause += f"node that gave what is not finite: the derivative of {code(function)}{where} is not finite."
    return cause, fix + "."
