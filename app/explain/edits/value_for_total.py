"""The value of a loss, without its graph, for a running total or a list of losses."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import method, method_name
from app.explain.edits.tree import Tree
from app.trace.model import Trace


def value_for_total(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`total += loss.item()`, or `.detach()` where more than one number is added up."""
    for line in diagnosis.lines:
        found = [node for statement in tree.statements(line) for node in _added(tree, statement)]
        for name in ("item", "detach"):
            for node in found:
                taken = method(node, name)
                yield Proposal(
                    title=f"Add the value alone on line {line}: `{tree.text(taken)}`",
                    source=tree.with_changes({node: taken}),
                )
        for statement in tree.statements(line):
            if isinstance(statement, cst.Assign) and not found and _reads_itself(tree, statement):
                taken = method(statement.value, "detach")
                yield Proposal(
                    title=f"Keep the value alone on line {line}: `.detach()`",
                    source=tree.with_changes({statement.value: taken}),
                )
        if found:
            return


def _added(tree: Tree, statement: cst.CSTNode) -> Iterator[cst.BaseExpression]:
    if isinstance(statement, cst.AugAssign) and isinstance(statement.operator, cst.AddAssign):
        yield statement.value
    elif isinstance(statement, cst.Assign) and isinstance(statement.value, cst.BinaryOperation):
        value, targets = statement.value, [tree.text(each.target) for each in statement.targets]
        if isinstance(value.operator, cst.Add) and tree.text(value.left) in targets:
            yield value.right
        elif isinstance(value.operator, cst.Add) and tree.text(value.right) in targets:
            yield value.left
    elif isinstance(statement, cst.Expr) and method_name(statement.value) == "append":
        yield from (each.value for each in cst.ensure_type(statement.value, cst.Call).args)


def _reads_itself(tree: Tree, statement: cst.Assign) -> bool:
    """Whether a variable gets a value that is computed from the one before."""
    targets = {tree.text(each.target) for each in statement.targets}
    inside = [statement.value, *tree.own(statement.value, cst.Name)]
    return any(tree.text(name) in targets for name in inside)
