"""A floating dtype for a leaf that should require grad."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import (
    assignment,
    is_name,
    keyword,
    method,
    method_name,
    owner_of_set,
    receiver,
    with_keyword,
)
from app.explain.edits.tree import Change, Tree
from app.trace.model import Trace


def float_leaf(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`dtype=torch.float32` where the leaf is made, or `.float()` before it is told to require grad."""
    for statement in (each for line in diagnosis.lines for each in tree.statements(line)):
        for shown, changes in _changes(tree, statement):
            yield Proposal(
                title=f"Make it of floating numbers on line {tree.line_of(statement)}: `{shown}`",
                source=tree.with_changes(changes),
            )
            return


def _changes(tree: Tree, statement: cst.CSTNode) -> Iterator[tuple[str, dict[cst.CSTNode, Change]]]:
    torch = tree.alias()
    switched = owner_of_set(statement, "requires_grad")
    if switched is not None and is_name(switched):
        bound = assignment(switched, method(method(switched, "float"), "requires_grad_"))
        yield tree.text(bound), {statement: bound}
    for call in tree.own(statement, cst.Call):
        owner, parent = receiver(call), tree.parent(call)
        if keyword(call, "requires_grad") is not None and torch:
            yield f"dtype={torch}.float32", {call: with_keyword(call, "dtype", f"{torch}.float32")}
        elif method_name(call) == "Parameter" and call.args:
            given = method(call.args[0].value, "float")
            yield tree.text(given), {call.args[0].value: given}
        elif method_name(call) == "requires_grad_" and owner is not None:
            new = call.with_changes(func=cst.Attribute(method(owner, "float"), cst.Name("requires_grad_")))
            if isinstance(parent, cst.Expr) and is_name(owner):
                bound = assignment(owner, new)
                yield tree.text(bound), {parent: bound}
            else:
                yield tree.text(new), {call: new}
