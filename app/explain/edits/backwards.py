"""Where the calls of `backward()` and `autograd.grad()` stand in the syntax tree, and the lines near them."""

from collections.abc import Iterator

import libcst as cst

from app.explain.edits.nodes import is_name, method_name, receiver
from app.explain.edits.tree import Statement, Tree
from app.trace.model import Backward, Operation, Trace


def calls(tree: Tree, trace: Trace, backward: Backward) -> Iterator[cst.Call]:
    """The call that started `backward`."""
    for operation in trace.operations:
        if operation.step == backward.step and operation.op == backward.call:
            yield from calls_of(tree, trace, operation)


def calls_of(tree: Tree, trace: Trace, operation: Operation) -> Iterator[cst.Call]:
    """The call of `operation` itself, not one of the reader's functions that runs it."""
    for call in tree.at(trace, operation, cst.Call):
        if method_name(call) == operation.op:
            yield call


def root_of(tree: Tree, call: cst.Call) -> cst.BaseExpression | None:
    """The expression that backward starts from."""
    given = receiver(call)
    if method_name(call) == "backward" and given is not None and not _is_module(tree, given):
        return given
    first = next(iter(call.args), None)
    return first.value if first is not None and first.keyword is None and not first.star else None


def _is_module(tree: Tree, node: cst.BaseExpression) -> bool:
    while isinstance(node, cst.Attribute):
        node = node.value
    return isinstance(node, cst.Name) and node.value in tree.imported


def bound(statement: Statement) -> Iterator[cst.BaseExpression]:
    """The variables that a statement binds."""
    if isinstance(statement, cst.Assign):
        for each in statement.targets:
            yield from _variables(each.target)
    elif isinstance(statement, cst.AnnAssign) and statement.value is not None:
        yield from _variables(statement.target)


def _variables(target: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    if is_name(target):
        yield target
    elif isinstance(target, cst.Tuple | cst.List):
        for element in target.elements:
            yield from _variables(element.value)
