"""A clone of what is read, where it lies over the memory that is written."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import method, method_name, receiver
from app.explain.edits.tree import Change, Tree
from app.trace.model import Trace


def clone_read(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`a[1:] -= a[:-1].clone()`, and `a[1:].sub_(a[:-1].clone())`."""
    line = diagnosis.lines[0]
    for statement in tree.statements(line):
        for value in _read(statement):
            new = method(value, "clone")
            changes: dict[cst.CSTNode, Change] = {value: new}
            yield Proposal(
                title=f"Read from a copy on line {line}: `{tree.text(new)}`", source=tree.with_changes(changes)
            )


def _read(statement: cst.CSTNode) -> Iterator[cst.BaseExpression]:
    target = statement.targets[0].target if isinstance(statement, cst.Assign) else None
    if isinstance(statement, cst.AugAssign) or (
        isinstance(statement, cst.Assign) and isinstance(target, cst.Subscript)
    ):
        yield statement.value
    elif isinstance(statement, cst.Expr) and isinstance(call := statement.value, cst.Call) and _writes(call):
        yield from (each.value for each in call.args if each.keyword is None and not each.star)


def _writes(call: cst.Call) -> bool:
    return (method_name(call) or "").endswith("_") and receiver(call) is not None
