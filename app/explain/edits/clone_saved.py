"""A clone of what an operator saves: later writes then do not reach it."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import is_name, method
from app.explain.edits.tree import Tree
from app.trace.model import Operation, Trace


def clone_saved(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`w * x.clone()`, on the line that saved `x`."""
    tensor = diagnosis.evidence.get("tensor")
    nodes = diagnosis.evidence.get("nodes", diagnosis.evidence.get("node"))
    keys = nodes if isinstance(nodes, list) else [nodes]
    steps = {trace.nodes[key].step for key in keys if isinstance(key, str)}
    if not isinstance(tensor, str):
        return
    names = trace.tensors[tensor].names
    done: set[cst.CSTNode] = set()
    for operation in trace.operations:
        if operation.step not in steps or tensor not in operation.inputs:
            continue
        for node in _operands(tree, trace, operation):
            if node not in done and is_name(node) and tree.text(node) in names:
                done.add(node)
                yield Proposal(
                    title=f"Hand line {tree.line_of(node)} a copy: `{tree.text(node)}.clone()`",
                    source=tree.with_changes({node: method(node, "clone")}),
                )


def _operands(tree: Tree, trace: Trace, operation: Operation) -> Iterator[cst.BaseExpression]:
    for binary in tree.at(trace, operation, cst.BinaryOperation):
        yield from (binary.left, binary.right)
    for call in tree.at(trace, operation, cst.Call):
        yield from (each.value for each in call.args)
        if isinstance(call.func, cst.Attribute):
            yield call.func.value
