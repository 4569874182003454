"""`requires_grad_()` on the last tensor of a line: what the name stands for is then a leaf."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import keyword, method, method_name, without_keyword
from app.explain.edits.tree import Tree
from app.trace.model import Trace


def leaf_last(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`(torch.randn(3) * 0.1).requires_grad_()`, and `w.to(…)` as a new leaf."""
    lines = dict.fromkeys([*diagnosis.lines, *_made(trace, diagnosis)])
    for statement in (each for line in lines for each in tree.statements(line)):
        if not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
            continue
        name, value, line = tree.text(statement.targets[0].target), statement.value, tree.line_of(statement)
        inside = [call for call in tree.own(statement, cst.Call) if keyword(call, "requires_grad") is not None]
        parameters = [call for call in tree.own(statement, cst.Call) if method_name(call) == "Parameter" and call.args]
        if len(parameters) == 1 and parameters[0] is not value:
            made = parameters[0]
            plain = value.deep_replace(made, made.args[0].value)
            if isinstance(plain, cst.BaseExpression):
                whole = made.with_changes(args=[cst.Arg(plain), *made.args[1:]])
                yield Proposal(
                    title=f"Make `{name}` a parameter at the end of line {line}: `{tree.text(whole)}`",
                    source=tree.with_changes({value: whole}),
                )
            continue
        if len(inside) == 1 and inside[0] is not value:
            plain = value.deep_replace(inside[0], without_keyword(inside[0], "requires_grad"))
        elif not inside and _reads(tree, value, name):
            plain = method(value, "detach")
        else:
            continue
        if not isinstance(plain, cst.BaseExpression):
            continue
        leaf = method(plain, "requires_grad_")
        yield Proposal(
            title=f"Make `{name}` a leaf at the end of line {line}: `.{'detach().' * (not inside)}requires_grad_()`",
            source=tree.with_changes({value: leaf}),
        )


def _made(trace: Trace, diagnosis: Diagnosis) -> Iterator[int]:
    """Where the tensors of the finding were made."""
    for key in diagnosis.refs:
        tensor = trace.tensors.get(key)
        if tensor is not None and tensor.step is not None:
            yield trace.line(tensor.step)


def _reads(tree: Tree, value: cst.BaseExpression, name: str) -> bool:
    """Whether `value` begins with the variable that it is assigned to, as `w.to(…)` does."""
    node: cst.BaseExpression = value
    while isinstance(node, cst.Call | cst.Attribute):
        node = node.func if isinstance(node, cst.Call) else node.value
    return tree.text(node) == name
