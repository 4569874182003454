"""A floating dtype for a leaf that should require grad."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.tree import (
    Tree,
    assignment,
    is_name,
    keyword,
    method,
    method_name,
    owner_of_set,
    receiver,
    with_keyword,
)
from app.trace.model import Trace


def float_leaf(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`dtype=torch.float32` where the leaf is made, or `.float()` before `requires_grad_()`."""
    torch = tree.alias()
    for statement in (each for line in diagnosis.lines for each in tree.statements(line)):
        line = tree.line_of(statement)
        if (target := owner_of_set(statement, "requires_grad")) is not None and is_name(target):
            new = assignment(target, method(method(target, "float"), "requires_grad_"))
            yield Proposal(
                title=f"Make it of floating numbers on line {line}: `{tree.text(new)}`",
                source=tree.with_changes({statement: new}),
            )
            return
        for call in tree.own(statement, cst.Call):
            if keyword(call, "requires_grad") is not None and torch:
                yield Proposal(
                    title=f"Make it of floating numbers on line {line}: `dtype={torch}.float32`",
                    source=tree.with_changes({call: with_keyword(call, "dtype", f"{torch}.float32")}),
                )
                return
            if method_name(call) == "Parameter" and call.args:
                new = method(call.args[0].value, "float")
                yield Proposal(
                    title=f"Make it of floating numbers on line {line}: `{tree.text(new)}`",
                    source=tree.with_changes({call.args[0].value: new}),
                )
                return
            given = receiver(call)
            if method_name(call) == "requires_grad_" and given is not None:
                whole = isinstance(tree.parent(call), cst.Expr) and isinstance(given, cst.Name)
                new = call.with_changes(func=cst.Attribute(method(given, "float"), cst.Name("requires_grad_")))
                changed = f"{tree.text(given)} = {tree.text(new)}" if whole else tree.text(new)
                node = tree.parent(call) if whole else call
                bound = assignment(given, new) if whole else new
                yield Proposal(
                    title=f"Make it of floating numbers on line {line}: `{changed}`",
                    source=tree.with_changes({node: bound} if node is not None else {}),
                )
                return
