"""An update of a leaf that keeps its name for the leaf: in place, under `no_grad`."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.tree import Change, Tree, tree_of
from app.trace.model import Trace

_IN_PLACE: dict[type[cst.BaseBinaryOp], type[cst.BaseAugOp]] = {
    cst.Add: cst.AddAssign,
    cst.Subtract: cst.SubtractAssign,
    cst.Multiply: cst.MultiplyAssign,
    cst.Divide: cst.DivideAssign,
}


def update_in_place(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`w -= lr * w.grad` for `w = w - lr * w.grad`, on the lines of the finding."""
    torch = tree.alias()
    found: list[tuple[cst.Assign, cst.AugAssign]] = []
    for line in diagnosis.lines:
        for statement in tree.statements(line):
            if isinstance(statement, cst.Assign) and (new := _updated(tree, statement)):
                found.append((statement, new))
    for statement, new in found:
        line = tree.line_of(statement)
        title = f"Update `{tree.text(new.target)}` in place on line {line}: `{tree.text(new)}`"
        changes: dict[cst.CSTNode, Change] = {statement: new}
        if not _without_grad(tree, statement):
            whole = tree.whole_line(statement)
            if torch is None or not isinstance(whole, cst.SimpleStatementLine):
                continue
            title = f"Update `{tree.text(new.target)}` in place on line {line}, under `with {torch}.no_grad():`"
            changes = tree.under(f"with {torch}.no_grad():", [whole.with_changes(body=(new,))])
            changes = {whole: next(iter(changes.values()))}
        yield Proposal(title=title, source=tree.with_changes(changes))
        yield from _cleared(tree_of(tree.with_changes(changes)), tree.text(new), title)


def _cleared(tree: Tree | None, update: str, title: str) -> Iterator[Proposal]:
    """The same with `w.grad = None` after it: the name then no longer gets a new tensor, without a gradient."""
    for found in tree.own_statements(cst.AugAssign) if tree else ():
        if tree and tree.text(found) == update:
            text = f"{tree.text(found.target)}.grad = None"
            yield Proposal(title=f"{title}, and clear its gradient", source=tree.with_changes(tree.after(found, text)))


def _updated(tree: Tree, statement: cst.Assign) -> cst.AugAssign | None:
    value = statement.value
    if len(statement.targets) != 1 or not isinstance(value, cst.BinaryOperation):
        return None
    target, operator = statement.targets[0].target, _IN_PLACE.get(type(value.operator))
    if operator is None or tree.text(value.left) != tree.text(target):
        return None
    return cst.AugAssign(target=target, operator=operator(), value=value.right, semicolon=statement.semicolon)


def _without_grad(tree: Tree, statement: cst.Assign) -> bool:
    return any(
        tree.text(item.item).endswith(("no_grad()", "inference_mode()", "set_grad_enabled(False)"))
        for with_ in tree.around(statement)
        if isinstance(with_, cst.With)
        for item in with_.items
    )
