"""A copy where a second tensor over the same memory was made: a write to it then leaves the first alone."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import call_for, method
from app.explain.edits.tree import Tree
from app.explain.edits.writes import write_of
from app.explain.facts import made_by
from app.trace.model import Operation, Trace


def clone_alias(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`c = y.detach().clone()`, on the line where `c` was made over the memory of `y`."""
    write = write_of(trace, diagnosis)
    refused = next((each for each in reversed(trace.operations) if each.raised and each.inputs), None)
    through = write.through if write else refused.inputs[0] if refused else None
    if through is None:
        return
    saved = diagnosis.evidence.get("tensor") if write else None
    for key, tensor in made_by(trace, through):
        if key == saved or tensor.base is None:
            return
        operation = next((each for each in trace.operations if key in each.outputs and each.step == tensor.step), None)
        if operation is None or not tensor.name:
            continue
        for node in _aliases(tree, trace, operation):
            copied = _cloned(node)
            yield Proposal(
                title=f"Give `{tensor.name}` a copy on line {tree.line_of(node)}: `{tree.text(copied)}`",
                source=tree.with_changes({node: copied}),
            )


def _aliases(tree: Tree, trace: Trace, operation: Operation) -> Iterator[cst.BaseExpression]:
    for kind in (cst.Attribute, cst.Call, cst.Subscript):
        for node in tree.at(trace, operation, kind):
            if not isinstance(tree.parent(node), cst.AugAssign | cst.AssignTarget):
                yield node


def _cloned(node: cst.BaseExpression) -> cst.Call:
    if isinstance(node, cst.Attribute) and node.attr.value == "data":
        return method(call_for(node, "detach"), "clone")
    return method(node, "clone")
