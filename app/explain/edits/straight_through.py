"""The gradient passed straight through an operator whose own is zero: its values stay, as they are added detached."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import method_name, receiver
from app.explain.edits.tree import Tree
from app.explain.edits.writes import is_method
from app.trace.model import Trace

_FLAT = ("round", "floor", "ceil", "trunc", "sign", "frac")


def straight_through(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`x + (x.round() - x).detach()` for `x.round()`."""
    line = diagnosis.lines[0]
    for operation in trace.operations:
        if trace.line(operation.step) != line or operation.op not in _FLAT:
            continue
        for call in tree.at(trace, operation, cst.Call):
            argument = receiver(call) if is_method(tree, call) else call.args[0].value if call.args else None
            if method_name(call) != operation.op or argument is None:
                continue
            lone = isinstance(argument, cst.Name | cst.Attribute | cst.Call | cst.Subscript)
            given = tree.text(argument) if lone else f"({tree.text(argument)})"
            through = cst.parse_expression(f"({given} + ({tree.text(call)} - {given}).detach())")
            alone = isinstance(tree.parent(call), cst.Assign | cst.Return | cst.Arg)
            yield Proposal(
                title=f"Pass the gradient straight through on line {line}: `{tree.text(through)}`",
                source=tree.with_changes({call: through.with_changes(lpar=(), rpar=()) if alone else through}),
            )
