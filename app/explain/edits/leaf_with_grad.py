"""`requires_grad=True` where the one tensor was made that gradients can be meant for."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import with_keyword
from app.explain.edits.tree import Tree
from app.explain.facts import makers, upstream
from app.trace.model import Trace


def leaf_with_grad(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """Only where what backward started from was made from one named tensor, by a call that makes one."""
    root = diagnosis.evidence.get("tensor")
    above = upstream(makers(trace), [root]) if isinstance(root, str) else set()
    if any(trace.tensors[key].requires_grad for key in above):
        return
    found = [
        (tensor.name, call)
        for operation in trace.operations
        if not operation.inputs
        for key in operation.outputs
        if key in above
        and (tensor := trace.tensors[key]).name
        and tensor.dtype.startswith(("float", "bfloat", "complex"))
        for call in tree.at(trace, operation, cst.Call)
    ]
    if len(found) == 1:
        ((name, call),) = found
        yield Proposal(
            title=f"Ask for a gradient of `{name}` on line {tree.line_of(call)}: `requires_grad=True`",
            source=tree.with_changes({call: with_keyword(call, "requires_grad", "True")}),
        )
