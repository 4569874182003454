"""An argument held where its function has a finite slope: a little above zero for a root, a logarithm, a divisor."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import method_name, receiver
from app.explain.edits.tree import Change, Tree
from app.explain.edits.writes import is_method
from app.trace.model import Trace

_ABOVE_ZERO = ("sqrt", "rsqrt", "log", "log2", "log10")
_WITHIN_ONE = ("acos", "asin", "arccos", "arcsin")
SMALL = "1e-12"
BELOW_ONE = "0.999999"  # the next number to 1 that float32 has is 0.99999994


def within_domain(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`x.clamp(min=1e-12).sqrt()`, on the line that first made a gradient that is not finite."""
    line = diagnosis.lines[0]
    for operation in trace.operations:
        if trace.line(operation.step) != line:
            continue
        for call in tree.at(trace, operation, cst.Call):
            name = method_name(call)
            argument = receiver(call) if is_method(tree, call) else call.args[0].value if call.args else None
            if argument is not None and name == operation.op and name in (*_ABOVE_ZERO, *_WITHIN_ONE):
                limits = f"min={SMALL}" if name in _ABOVE_ZERO else f"-{BELOW_ONE}, {BELOW_ONE}"
                yield _held(tree, line, argument, limits)
        for binary in tree.at(trace, operation, cst.BinaryOperation):
            if isinstance(binary.operator, cst.Divide):
                yield _held(tree, line, binary.right, f"min={SMALL}")


def _held(tree: Tree, line: int, argument: cst.BaseExpression, limits: str) -> Proposal:
    lone = isinstance(argument, cst.Name | cst.Attribute | cst.Call | cst.Subscript)
    text = tree.text(argument) if lone else f"({tree.text(argument)})"
    held = cst.parse_expression(f"{text}.clamp({limits})")
    changes: dict[cst.CSTNode, Change] = {argument: held}
    return Proposal(
        title=f"Keep it where the slope is finite on line {line}: `{tree.text(held)}`",
        source=tree.with_changes(changes),
    )
