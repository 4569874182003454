"""`y = y.clone()` before a write: what was saved keeps its memory, and the write goes to the copy."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import call_for, is_name
from app.explain.edits.tree import Change, Statement, Tree
from app.explain.edits.writes import operation_of, places, write_of
from app.explain.facts import made_by
from app.trace.model import Trace


def clone_before_write(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """Before the line that writes; where that goes through another tensor, before the line that made it."""
    write = write_of(trace, diagnosis)
    operation = operation_of(trace, write) if write else None
    if write is None or operation is None or write.through is None:
        return
    for statement, target in _places(tree, trace, write.through):
        yield _cloned(tree, statement, target)
        return
    for place in places(tree, trace, operation):
        target = _first(place.target)
        if is_name(target) and not any(_is_trained(trace, key) for key, _ in made_by(trace, write.through)):
            yield _cloned(tree, place.statement, target)


def _cloned(tree: Tree, statement: Statement, target: cst.BaseExpression) -> Proposal:
    name, line = tree.text(target), tree.line_of(statement)
    title = f"Put `{name} = {name}.clone()` before line {line}"
    # a write through `.data` would go on unseen, in the copy
    hidden: dict[cst.CSTNode, Change] = {
        node: call_for(node, "detach")
        for node in tree.own(statement, cst.Attribute)
        if node.attr.value == "data" and not isinstance(tree.parent(node), cst.AugAssign | cst.AssignTarget)
    }
    return Proposal(
        title=f"{title}, and use `.detach()` there" if hidden else title,
        source=tree.with_changes(tree.before(statement, f"{name} = {name}.clone()", hidden)),
    )


def _places(tree: Tree, trace: Trace, through: str) -> Iterator[tuple[Statement, cst.BaseExpression]]:
    """The statements that handed the memory on, farthest first, each with what it took it from."""
    for key, tensor in reversed(list(made_by(trace, through))):
        if tensor.base is None or _is_trained(trace, tensor.base):
            continue
        for operation in trace.operations:
            if key not in operation.outputs or operation.step != tensor.step:
                continue
            for kind in (cst.Attribute, cst.Call, cst.Subscript):
                for node in tree.at(trace, operation, kind):
                    target = _first(node)
                    if is_name(target) and not isinstance(node, cst.Name):
                        yield tree.statement(node), target


def _first(node: cst.BaseExpression) -> cst.BaseExpression:
    """What a chain of views begins with: `y` of `y.data[0].view(3)`."""
    while True:
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
            node = node.func.value
        elif isinstance(node, cst.Subscript) or (
            isinstance(node, cst.Attribute) and node.attr.value in ("data", "T", "mT")
        ):
            node = node.value
        else:
            return node


def _is_trained(trace: Trace, tensor: str) -> bool:
    """Whether it is a leaf that requires grad: its name must go on standing for it."""
    found = trace.tensors[tensor]
    return found.is_leaf and found.requires_grad
