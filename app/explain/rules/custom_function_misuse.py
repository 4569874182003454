"""A `torch.autograd.Function` broke what torch relies on.

Torch does not look into a custom Function: its `backward` must return one gradient for each argument of `forward`, in
the shape of that argument, and None for what is no tensor. What `forward` writes in place must be told to
`ctx.mark_dirty`, or the graph keeps the history from before the write. Some slips raise; the last one is silent.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis, Severity
from app.explain.edits import Edit
from app.explain.facts import called, code, ended_by, ended_with, ids, lines_of, made_by, operation_of
from app.explain.rule import Page
from app.trace.model import Backward, Fired, Operation, Step, Trace, Write

SOURCE = "https://docs.pytorch.org/docs/stable/notes/extending.html#how-to-use"
PAGE = Page(
    title="Custom Function that breaks the rules",
    severity="error",
    see="Backward ends at the node `ScaleBackward`, which has a cross: it received a gradient and sent none.",
    mend="Return a gradient for each argument of `forward`: here `return grad * 2, None`, as `factor` is no tensor.",
    example="""\
import torch

class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        return x * factor

    @staticmethod
    def backward(ctx, grad):
        return grad * 2

w = torch.ones(3, requires_grad=True)
Scale.apply(w, 2).sum().backward()
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = ()
# what torch says of a backward, with what to do
_OF_BACKWARD = {
    "returned an incorrect number of gradients": (
        "does not return as many gradients as `forward` has arguments",
        "Return one value for each argument of `forward` after `ctx`, and None for those that need no gradient.",
    ),
    "returned an invalid gradient at index": (
        "returned a gradient in another shape than its argument has",
        "Return each gradient in the shape of its argument: sum over what `forward` broadcast, or reshape it.",
    ),
    "returned a gradient different than None at position": (
        "returned a gradient for an argument that is no tensor",
        "Return None in the place of an argument that is no tensor.",
    ),
    "expected Variable or None": (
        "returned something that is no tensor",
        "Return a tensor for each argument that needs a gradient, and None for the others.",
    ),
    "You must implement either the backward": (
        "is not written",
        "Write a `backward` with `@staticmethod`, which returns a gradient for each argument of `forward`.",
    ),
}
# and of a forward
_OF_FORWARD = {
    "marked as dirty during the forward method were not returned": (
        "marked a tensor with `ctx.mark_dirty` that it does not return",
        "Return each tensor that was given to `ctx.mark_dirty`, or leave out the mark where nothing is written.",
    ),
    "a leaf Variable that requires grad has been used in an in-place operation": (
        "writes a leaf that requires grad in place",
        "Give the Function the result of an operator, such as a `.clone()`, or let `forward` make a new tensor.",
    ),
    "save_for_backward can only save": (
        "gave `ctx.save_for_backward` something that is no tensor",
        "Keep what is no tensor as an attribute: `ctx.factor = factor`.",
    ),
    "Legacy autograd function with non-static forward": (
        "is no static method",
        "Put `@staticmethod` before `forward` and `backward`, and call the Function by `.apply`.",
    ),
}


def check(trace: Trace) -> Iterator[Diagnosis]:
    last = trace.backwards[-1] if trace.backwards else None
    fired = last.fired[-1] if last and last.raised and last.fired else None
    if last and fired and not fired.finished and trace.nodes[fired.node].custom:
        yield from of_backward(trace, last, fired)
    elif trace.outcome.kind == "raised":
        yield from of_forward(trace)
        operation = ended_by(trace)
        if operation and operation.inputs and operation.forbidden == "view by a custom Function":
            yield of_view(trace, operation)
    if any(node.custom for node in trace.nodes.values()):
        yield from unmarked(trace)
        yield from giving_nothing(trace)


def of_backward(trace: Trace, backward: Backward, fired: Fired) -> Iterator[Diagnosis]:
    node = trace.nodes[fired.node]
    for said, (what, fix) in _OF_BACKWARD.items():
        if ended_with(trace, said):
            inside = [step.line for step in trace.steps if step.moment > fired.moment and step.function]
            line = trace.line(node.step) if node.step is not None else None
            backward_line = trace.line(backward.step)
            at = f" on line {inside[-1]}" if inside else ""
            yield Diagnosis(
                rule="custom-function-misuse",
                severity="error",
                title=f"The backward of {code(node.name)} {what}",
                cause=(
                    f"Line {line or backward_line} recorded {code(node.name)}. Backward on line {backward_line} came "
                    f"to it, and its `backward`{at} {what}: torch refused."
                ),
                fix=fix,
                lines=lines_of(inside[-1] if inside else None, line, backward_line),
                source=SOURCE,
                evidence={"node": fired.node, "said": said},
                moment=fired.moment,
                refs=ids(fired.node, *node.tensors),
            )


def of_forward(trace: Trace) -> Iterator[Diagnosis]:
    error = trace.outcome.error
    for said, (what, fix) in _OF_FORWARD.items():
        if error is not None and error.line and ended_with(trace, said):
            inside = [step for step in trace.steps if step.function == "forward"]
            line = inside[-1].line if inside and error.line != inside[-1].line else None
            yield Diagnosis(
                rule="custom-function-misuse",
                severity="error",
                title=f"A custom `forward` {what}",
                cause=f"Line {error.line} raised: the `forward` of a custom Function {what}.",
                fix=fix,
                lines=lines_of(error.line, line),
                source=SOURCE,
                evidence={"said": said},
            )


def of_view(trace: Trace, operation: Operation) -> Diagnosis:
    """Of an output that is an input, or a view of one, and was then written in place."""
    written, line = operation.inputs[0], trace.line(operation.step)
    key = next((one for one, tensor in made_by(trace, written) if is_custom(trace, tensor.node)), written)
    made = trace.tensors[key].step
    made_line = trace.line(made) if made is not None else None
    name, base = called(trace, key), trace.tensors[key].base
    of = called(trace, base) if base else "its input"
    return Diagnosis(
        rule="custom-function-misuse",
        severity="error",
        title=f"{name} is what a custom Function was given: it cannot be written in place",
        cause=(
            f"The custom Function on line {made_line or line} returned {of}, or a view of it, as {name}. Line {line} "
            "writes it in place, which would put the write in the place of the Function's own `backward`: torch "
            "refuses."
        ),
        fix="Let `forward` return a new tensor, such as `x.clone()`, or use an operator that makes a new one on line "
        f"{line}.",
        lines=lines_of(line, made_line),
        source=SOURCE,
        evidence={"tensor": key, "op": operation.op},
        moment=operation.moment,
        refs=ids(key, base, trace.tensors[key].node),
    )


def is_custom(trace: Trace, node: str | None) -> bool:
    """Whether a Function of the reader's recorded it."""
    return node is not None and trace.nodes[node].custom


def giving_nothing(trace: Trace) -> Iterator[Diagnosis]:
    """Backwards that received a gradient and returned None for each input that wanted one: without `return`, say."""
    told: set[str] = set()
    for backward in trace.backwards:
        for at, fired in enumerate(backward.fired):
            node = trace.nodes[fired.node]
            sent = [values for edge, values in zip(node.inputs, fired.grad_inputs, strict=False) if edge]
            received = any(values is not None for values in fired.grad_outputs)
            if not node.custom or not fired.finished or not received or not sent or node.name in told:
                continue
            if all(values is None for values in sent):
                told.add(node.name)
                until = backward.fired[at + 1].moment if at + 1 < len(backward.fired) else None
                yield of_nothing(trace, backward, fired, until)


def of_nothing(trace: Trace, backward: Backward, fired: Fired, until: int | None) -> Diagnosis:
    node, backward_line = trace.nodes[fired.node], trace.line(backward.step)
    line = trace.line(node.step) if node.step is not None else None
    ran = (step for step in trace.steps if step.moment > fired.moment and (until is None or step.moment < until))
    inside = [step.line for step in ran if step.function == "backward"]
    at = f" on line {inside[-1]}" if inside else ""
    return Diagnosis(
        rule="custom-function-misuse",
        severity="warning",
        title=f"The backward of {code(node.name)} gives no gradient",
        cause=(
            f"Line {line or backward_line} recorded {code(node.name)}. Backward on line {backward_line} came to it "
            f"with a gradient. Its `backward`{at} gave None for each input, so what is above it gets none by this way."
        ),
        fix="Return a gradient for each input that needs one. A `backward` without `return` gives None.",
        lines=lines_of(inside[-1] if inside else None, line, backward_line),
        source=SOURCE,
        evidence={"node": fired.node},
        moment=fired.moment,
        refs=ids(fired.node, *node.tensors),
    )


def unmarked(trace: Trace) -> Iterator[Diagnosis]:
    """Forwards that wrote an input in place without a word to torch."""
    custom = [node for node in trace.nodes.values() if node.custom]
    marked = {key for node in custom for key in node.tensors}
    for write in trace.writes:
        step = trace.steps[write.step]
        if step.function != "forward" or step.mode != "no_grad" or step.caller is None or write.through is None:
            continue
        written = input_of(trace, write, step)
        if written is None or written in marked or trace.steps[step.caller].mode != "grad":
            continue
        if any(trace.tensors[key].step is not None for key in made_in(trace, step, marked)):
            yield of_write(trace, write, written, step)


def input_of(trace: Trace, write: Write, step: Step) -> str | None:
    """The tensor that needs a gradient, was there before the forward began, and was written."""
    begun = min((other.moment for other in trace.steps if other.frame == step.frame), default=step.moment)
    operation = operation_of(trace, write)
    if operation is None or operation.grad_enabled:
        return None
    for key, tensor in made_by(trace, write.through or ""):
        if tensor.moment < begun and tensor.requires_grad:
            return key
    return None


def made_in(trace: Trace, step: Step, marked: set[str]) -> Iterator[str]:
    """The outputs of a custom Function that were made while this forward ran, or as it returned."""
    for key in marked:
        made = trace.tensors[key].step
        if made is not None and (trace.steps[made].frame == step.frame or made == step.caller):
            yield key


def of_write(trace: Trace, write: Write, written: str, step: Step) -> Diagnosis:
    name, caller = called(trace, written), trace.line(step.caller or 0)
    severity: Severity = "wrong"
    return Diagnosis(
        rule="custom-function-misuse",
        severity=severity,
        title=f"A custom `forward` writes {name} in place and does not say so",
        cause=(
            f"{code(write.op)} on line {write.line} writes {name}, which the Function was given on line {caller}. "
            "Without `ctx.mark_dirty`, the graph keeps the history that it had before the write: its gradient is "
            "that of the old values."
        ),
        fix=(
            f"Call `ctx.mark_dirty` with what line {write.line} writes, and return it. "
            "Or let `forward` make a new tensor."
        ),
        lines=lines_of(write.line, caller),
        source="https://docs.pytorch.org/docs/stable/generated/torch.autograd.function.FunctionCtx.mark_dirty.html",
        evidence={"tensor": written, "op": write.op},
        moment=write.moment,
        refs=ids(written, trace.tensors[written].node),
    )
