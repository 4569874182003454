"""Where a write of the run stands in the syntax tree, and through which expression it went."""

from collections.abc import Iterator

import libcst as cst
from msgspec import Struct

from app.explain.diagnosis import Diagnosis
from app.explain.edits.nodes import keyword, method_name, receiver
from app.explain.edits.tree import Statement, Tree
from app.trace.model import Operation, Trace, Write


class Place(Struct, frozen=True, kw_only=True):
    """An expression that writes in place; `target` is what it writes, without an index."""

    statement: Statement
    node: cst.CSTNode  # the call, or the assignment itself
    target: cst.BaseExpression
    op: str


def write_of(trace: Trace, diagnosis: Diagnosis) -> Write | None:
    """The write that `diagnosis` is about."""
    line, through = diagnosis.lines[0], diagnosis.evidence.get("through")
    found = [write for write in trace.writes if write.line == line]
    return next((write for write in found if through is None or write.through == through), next(iter(found), None))


def operation_of(trace: Trace, write: Write) -> Operation | None:
    """The operator call that made it."""
    return next(
        (each for each in trace.operations if (each.step, each.op) == (write.step, write.op)),
        None,
    )


def places(tree: Tree, trace: Trace, operation: Operation) -> Iterator[Place]:
    """Where `operation`, which wrote in place, stands in the source."""
    for statement in tree.statements(trace.line(operation.step)):
        if isinstance(statement, cst.AugAssign) and operation.op != "__setitem__":
            target = _unindexed(statement.target)
            if operation.expression in (tree.text(statement), tree.text(statement.target)):
                yield Place(statement=statement, node=statement, target=target, op=operation.op)
        elif isinstance(statement, cst.Assign) and operation.op == "__setitem__":
            for each in statement.targets:
                if isinstance(each.target, cst.Subscript) and tree.text(each.target) == operation.expression:
                    yield Place(statement=statement, node=statement, target=_unindexed(each.target), op=operation.op)
        for call in tree.own(statement, cst.Call):
            if tree.text(call) != operation.expression or not writes_in_place(call, operation):
                continue
            through = receiver(call) if is_method(tree, call) else call.args[0].value if call.args else None
            if through is not None:
                yield Place(statement=statement, node=call, target=_unindexed(through), op=operation.op)


def writes_in_place(call: cst.Call, operation: Operation) -> bool:
    """Whether `call` itself says so, and not a function of the reader's or a module inside of which it happened."""
    return method_name(call) == operation.op and (operation.op.endswith("_") or keyword(call, "inplace") is not None)


def is_method(tree: Tree, call: cst.Call) -> bool:
    """Whether the tensor stands before the dot, and not a module such as `torch`."""
    given: cst.CSTNode | None = receiver(call)
    while isinstance(given, cst.Attribute):
        given = given.value
    return given is not None and not (isinstance(given, cst.Name) and given.value in tree.imported)


def _unindexed(node: cst.BaseExpression) -> cst.BaseExpression:
    while isinstance(node, cst.Subscript):
        node = node.value
    return node
