"""What takes a value out of its graph, left out: the tensor itself is handed on."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import method_name, owner_of_set, receiver
from app.explain.edits.tree import Change, Statement, Tree
from app.trace.flow import Cut, cuts
from app.trace.model import Operation, Trace

_TAKEN = ("detach", "item", "tolist", "numpy")
_NUMBERS = ("float", "int")
_COPIES = ("Parameter", "tensor", "scalar_tensor", "as_tensor", "FloatTensor", "Tensor")


def leave_out_cut(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`.detach()`, `.data`, `.item()`, `torch.tensor(…)` or `torch.no_grad()`, on a line of the finding."""
    forced = _forced(tree, diagnosis)
    for line in diagnosis.lines:
        here = [cut for cut in cuts(trace) if trace.line(cut.step) == line]
        if any(cut.by == "no_grad" for cut in here):
            yield from _graded(tree, line)
            continue
        changes = _without(tree, trace, here)
        if changes:
            changes = {**forced, **changes}
            shown = [tree.text(new) if isinstance(new, cst.CSTNode) else "" for new in changes.values()][len(forced) :]
            what = f"hand on `{shown[0]}` itself" if len(shown) == 1 and shown[0] else "hand on the tensors themselves"
            yield Proposal(
                title=f"Keep the graph on line {line}: {what}",
                source=tree.with_changes(changes),
            )
            return


def _forced(tree: Tree, diagnosis: Diagnosis) -> dict[cst.CSTNode, Change]:
    """Without the statement that made a result without a graph require grad."""
    if diagnosis.evidence.get("by") != "requires-grad-forced":
        return {}
    for statement in (each for line in diagnosis.lines for each in tree.statements(line)):
        if isinstance(statement, cst.Expr) and method_name(statement.value) == "requires_grad_":
            return tree.without(statement)
        if owner_of_set(statement, "requires_grad") is not None:
            return tree.without(statement)
    return {}


def _without(tree: Tree, trace: Trace, here: list[Cut]) -> dict[cst.CSTNode, Change]:
    """What to write instead of each expression that cuts; of those within one another, the outermost."""
    changes: dict[cst.CSTNode, Change] = {}
    for cut in here:
        for operation in trace.operations:
            if (operation.step, operation.op) == (cut.step, cut.op):
                changes.update(_bare(tree, trace, operation))
    for node in list(changes):
        if any(above in changes for above in tree.around(node)):
            changes.pop(node, None)
    return changes


def _bare(tree: Tree, trace: Trace, operation: Operation) -> Iterator[tuple[cst.CSTNode, Change]]:
    for attribute in tree.at(trace, operation, cst.Attribute):
        if attribute.attr.value == "data" and not isinstance(tree.parent(attribute), cst.AssignTarget | cst.AugAssign):
            yield _copied(tree, attribute, attribute.value)
    for call in tree.at(trace, operation, cst.Call):
        name, given = method_name(call), receiver(call)
        if name == "detach_" and isinstance(tree.parent(call), cst.Expr):
            yield from tree.without(tree.statement(call)).items()
        elif name in _TAKEN and given is not None and not call.args:
            yield _copied(tree, call, given)
        elif _takes_one(call) and (name in _COPIES or (name in _NUMBERS and given is None)):
            yield _copied(tree, call, call.args[0].value)


def _takes_one(call: cst.Call) -> bool:
    """Whether its first argument is given by place."""
    return bool(call.args) and call.args[0].keyword is None


def _copied(tree: Tree, cut: cst.BaseExpression, value: cst.BaseExpression) -> tuple[cst.CSTNode, Change]:
    """`value` instead of `cut`; of what a copy was then made from, instead of that copy too."""
    while True:
        above = tree.parent(cut)
        copy = tree.parent(above) if isinstance(above, cst.Arg) else None
        if isinstance(above, cst.Element):
            return _stacked(tree, cut, value)
        if (
            not isinstance(copy, cst.Call)
            or method_name(copy) not in (*_COPIES, *_NUMBERS)
            or copy.args[0] is not above
        ):
            return _listed(tree, cut, value)
        cut = copy


def _listed(tree: Tree, cut: cst.BaseExpression, value: cst.BaseExpression) -> tuple[cst.CSTNode, Change]:
    """For `torch.tensor([a, b])`, a stack of both."""
    torch = tree.alias()
    if isinstance(value, cst.List) and torch:
        stack = cst.Call(cst.Attribute(cst.Name(torch), cst.Name("stack")), [cst.Arg(_plain(tree, value))])
        return cut, stack
    needs = isinstance(tree.parent(cut), cst.Attribute | cst.BinaryOperation | cst.UnaryOperation)
    if needs and isinstance(value, cst.BinaryOperation | cst.UnaryOperation) and not value.lpar:
        value = value.with_changes(lpar=(cst.LeftParen(),), rpar=(cst.RightParen(),))
    elif not needs and not isinstance(value, cst.Tuple | cst.GeneratorExp) and value.lpar and len(value.lpar) == 1:
        value = value.with_changes(lpar=(), rpar=())
    return cut, value


def _stacked(tree: Tree, cut: cst.BaseExpression, value: cst.BaseExpression) -> tuple[cst.CSTNode, Change]:
    """`torch.stack([a, b])` for `torch.tensor([a.item(), b.item()])`."""
    listed = tree.parent(tree.parent(cut))  # type: ignore[arg-type]  # it is an element of something
    argument = tree.parent(listed) if listed else None
    copy = tree.parent(argument) if isinstance(argument, cst.Arg) else None
    if isinstance(listed, cst.List) and isinstance(copy, cst.Call) and method_name(copy) in _COPIES:
        return _listed(tree, copy, listed)
    return cut, value


def _plain(tree: Tree, listed: cst.List) -> cst.List:
    """The list with tensors in it instead of their numbers."""
    elements = []
    for element in listed.elements:
        value = element.value
        if (
            method_name(value) in ("item", "detach")
            and (given := receiver(cst.ensure_type(value, cst.Call))) is not None
        ):
            value = given
        elements.append(element.with_changes(value=value))
    return listed.with_changes(elements=elements)


def _graded(tree: Tree, line: int) -> Iterator[Proposal]:
    """The `with torch.no_grad():` around `line` left out, or the decorator of its function."""
    for statement in tree.statements(line):
        yield from _unwrapped(tree, line, statement)
        return


def _unwrapped(tree: Tree, line: int, statement: Statement) -> Iterator[Proposal]:
    for found in (statement, *tree.around(statement)):
        if isinstance(found, cst.With) and len(found.items) == 1 and _is_no_grad(tree, found.items[0].item):
            yield from _block(tree, line, found)
            return
        if isinstance(found, cst.FunctionDef):
            for decorator in found.decorators:
                if _is_no_grad(tree, decorator.decorator):
                    title = f"Leave out `@{tree.text(decorator.decorator)}`, so that line {line} is recorded"
                    yield Proposal(title=title, source=tree.with_changes({decorator: None}))
                    return
    yield from _switched(tree, line)


def _switched(tree: Tree, line: int) -> Iterator[Proposal]:
    """The last `torch.set_grad_enabled(False)` above `line` left out."""
    found = [
        call
        for call in tree.own_of_all(cst.Call, "set_grad_enabled")
        if method_name(call) == "set_grad_enabled" and tree.text(call).endswith("(False)") and tree.line_of(call) < line
    ]
    for call in found[-1:]:
        if isinstance(tree.parent(call), cst.Expr):
            yield Proposal(
                title=f"Leave out `{tree.text(call)}`, so that line {line} is recorded",
                source=tree.with_changes(tree.without(tree.statement(call))),
            )


def _block(tree: Tree, line: int, found: cst.With) -> Iterator[Proposal]:
    body = found.body
    lines = [cst.SimpleStatementLine(body=body.body)] if isinstance(body, cst.SimpleStatementSuite) else list(body.body)
    first = lines[0].with_changes(leading_lines=(*found.leading_lines, *getattr(lines[0], "leading_lines", ())))
    yield Proposal(
        title=f"Leave out `with {tree.text(found.items[0].item)}:`, so that line {line} is recorded",
        source=tree.with_changes({found: (first, *lines[1:])}),
    )


def _is_no_grad(tree: Tree, node: cst.CSTNode) -> bool:
    text = tree.text(node)
    return text.endswith(("no_grad()", "no_grad", "inference_mode()", "set_grad_enabled(False)"))
