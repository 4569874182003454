"""`.detach()` before a tensor that requires grad is handed to numpy."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import method, method_name, receiver
from app.explain.edits.tree import Tree
from app.trace.model import Trace


def detach_before_numpy(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`w.detach().numpy()`, and `np.square(w.detach())`."""
    key = diagnosis.evidence.get("tensor")
    for operation in trace.operations:
        if not operation.raised or trace.line(operation.step) not in diagnosis.lines:
            continue
        for call in tree.at(trace, operation, cst.Call):
            taken = [receiver(call)] if method_name(call) == operation.op else [each.value for each in call.args]
            for node in taken:
                if node is None or not _is(tree, trace, node, key, alone=len(taken) == 1):
                    continue
                detached = method(node, "detach")
                yield Proposal(
                    title=f"Detach it on line {tree.line_of(node)}: `{tree.text(detached)}`",
                    source=tree.with_changes({node: detached}),
                )


def _is(tree: Tree, trace: Trace, node: cst.BaseExpression, key: object, *, alone: bool) -> bool:
    """Whether `node` gives the tensor `key`, by its name or by the expression that made it."""
    tensor = trace.tensors.get(key) if isinstance(key, str) else None
    return alone or (tensor is not None and tree.text(node) in (*tensor.names, tensor.expression))
