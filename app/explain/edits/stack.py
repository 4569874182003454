"""`torch.stack` for `torch.tensor` of several tensors: it makes one of them, and keeps their graph."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import method_name, receiver
from app.explain.edits.tree import Tree
from app.trace.model import Trace


def stack(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`torch.stack(losses)` for `torch.tensor(losses)`, on the line of the cut."""
    if diagnosis.evidence.get("by") != "copy-constructor":
        return
    for operation in trace.operations:
        copies_several = operation.op == "tensor" and len(set(operation.inputs)) > 1
        if not copies_several or trace.line(operation.step) != diagnosis.lines[0]:
            continue
        for call in tree.at(trace, operation, cst.Call):
            module = receiver(call)
            if method_name(call) != "tensor" or module is None or not call.args or call.args[0].keyword:
                continue
            new = call.with_changes(
                func=cst.Attribute(module, cst.Name("stack")),
                args=[call.args[0].with_changes(comma=cst.MaybeSentinel.DEFAULT)],
            )
            yield Proposal(
                title=f"Stack them on line {tree.line_of(call)}: `{tree.text(new)}`",
                source=tree.with_changes({call: new}),
            )
            return
