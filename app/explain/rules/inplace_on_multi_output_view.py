"""One of several views that a single operator made was written in place.

`unbind`, `split`, `chunk` and iteration give many views of one tensor from one node. A write through a view replaces
the history of its base and of that view. For views that share a node, autograd has no way to do that, and refuses.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.clone_before_write import clone_before_write
from app.explain.edits.out_of_place import out_of_place
from app.explain.facts import called, code, ended_by, ended_with, ids, lines_of, made_by
from app.explain.rule import Page
from app.trace.model import Operation, Trace

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.unbind.html"
PAGE = Page(
    title="One of several views written in place",
    severity="error",
    see="The run ends at the line of the write. In the graph, one node `UnbindBackward0` stands for all the rows.",
    mend="Write `row = row + 1`, or index one row at a time: `y[0].add_(1)` is a view with a node of its own.",
    example="""\
import torch

w = torch.ones(2, 3, requires_grad=True)
y = w * 2
for row in y:
    row.add_(1)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (out_of_place, clone_before_write)
TORCH_SAYS = "is the output of a function that returns multiple views"


def check(trace: Trace) -> Iterator[Diagnosis]:
    operation = ended_by(trace)
    if operation and operation.forbidden == "one of several views" and ended_with(trace, TORCH_SAYS):
        yield diagnose(trace, operation)


def diagnose(trace: Trace, operation: Operation) -> Diagnosis:
    line, written = trace.line(operation.step), operation.inputs[0]
    view, made = maker(trace, written)
    base = trace.tensors[view].base or view
    made_line = trace.line(made.step) if made else None
    by, name, of = code(made.op if made else "unbind"), called(trace, written), called(trace, base)
    together = f" together with {len(made.outputs) - 1} more" if made and len(made.outputs) > 1 else ""
    return Diagnosis(
        rule="inplace-on-multi-output-view",
        severity="error",
        title=f"{name} is one of several views from one operator: it cannot be written in place",
        cause=(
            f"{by} on line {made_line or line} made {name} as a view of {of}{together}, all with one node. "
            f"Line {line} writes it in place, for which it would need a node of its own: torch refuses."
        ),
        fix=(
            f"Use an operator that makes a new tensor on line {line} instead of {code(operation.op)}, or take the view "
            f"by an index of {of}: such a view has a node of its own."
        ),
        lines=lines_of(line, made_line),
        source=SOURCE,
        evidence={"tensor": view, "base": base, "op": operation.op, "by": made.op if made else None},
        moment=operation.moment,
        refs=ids(written, base, trace.tensors[view].node),
    )


def maker(trace: Trace, written: str) -> tuple[str, Operation | None]:
    """The operator call that gave several views, of which `written` is one or a view of one."""
    for key, _ in made_by(trace, written):
        for operation in trace.operations:
            if key in operation.outputs and key not in operation.inputs and len(operation.outputs) > 1:
                return key, operation
    made = next((o for o in trace.operations if written in o.outputs and written not in o.inputs), None)
    return written, made
