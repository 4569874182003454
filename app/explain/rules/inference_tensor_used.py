"""A tensor made in inference mode was needed by autograd, or written outside of that mode.

Tensors made under `torch.inference_mode()` have no version counter and can never be part of a graph: that makes
them cheap. An operator that would have to save one for backward refuses, and so does a write to one outside of
the mode. `torch.no_grad()` makes ordinary tensors.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.clone_read import clone_read
from app.explain.edits.switches import no_grad_for_inference
from app.explain.facts import called, code
from app.explain.refusals import refused_operation
from app.explain.rule import Page
from app.trace.model import Trace

SOURCE = "https://docs.pytorch.org/docs/stable/notes/autograd.html#inference-mode"
PAGE = Page(
    title="Tensor from inference mode used in a graph",
    severity="error",
    see="`x` has no version counter: it was made in inference mode. The run ends where a node would have to save it.",
    mend="Use `torch.no_grad()` in place of `torch.inference_mode()`, or take a copy outside of it: `x.clone()`.",
    example="""\
import torch

with torch.inference_mode():
    x = torch.ones(3)
w = torch.ones(3, requires_grad=True)
y = w * x
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (no_grad_for_inference, clone_read)
SAVED = "Inference tensors cannot be saved for backward"
WRITTEN = "Inplace update to inference tensor"
ASKED = "on inference tensor outside InferenceMode"
COUNTED = "Inference tensors do not track version counter"


def check(trace: Trace) -> Iterator[Diagnosis]:
    operation = refused_operation(trace, SAVED, WRITTEN, ASKED, COUNTED)
    if operation is None or trace.steps[operation.step].mode == "inference":
        return
    used = [key for key in operation.inputs if trace.tensors[key].is_inference]
    if not used:
        return
    key = used[0]
    tensor = trace.tensors[key]
    line, name = trace.line(operation.step), called(trace, key)
    made = trace.line(tensor.step) if tensor.step is not None else line
    if operation.op in ("requires_grad_", ".requires_grad="):
        why = f"Line {line} wants gradients of {name}"
    elif any(trace.tensors[other].requires_grad for other in operation.inputs):
        why = f"{code(operation.op)} on line {line} would have to save {name} for backward"
    else:
        why = f"{code(operation.op)} on line {line} would write {name} in place"
    yield Diagnosis(
        rule="inference-tensor-used",
        severity="error",
        title=f"{name} was made in inference mode",
        cause=f"{why}. Line {made} made it in inference mode, where tensors have no version counter and no graph.",
        fix=f"Make {name} under `torch.no_grad()` in place of `torch.inference_mode()`, or use {name}`.clone()` "
        f"from line {line} on.".replace("``", ""),
        lines=tuple(dict.fromkeys([line, made])),
        source=SOURCE,
        evidence={"tensor": key, "op": operation.op},
        moment=operation.moment or None,
        refs=(key,),
    )
