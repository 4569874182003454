"""The operator that makes a new tensor, in place of the one that writes."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import (
    assigned,
    assignment,
    is_name,
    keyword,
    method,
    method_name,
    receiver,
    without_keyword,
)
from app.explain.edits.tree import Change, Tree
from app.explain.edits.writes import Place, operation_of, places, write_of
from app.trace.model import Trace

_BINARY: dict[type[cst.BaseAugOp], type[cst.BaseBinaryOp]] = {
    cst.AddAssign: cst.Add,
    cst.SubtractAssign: cst.Subtract,
    cst.MultiplyAssign: cst.Multiply,
    cst.DivideAssign: cst.Divide,
    cst.PowerAssign: cst.Power,
    cst.MatrixMultiplyAssign: cst.MatrixMultiply,
}
_TIGHT = (cst.Multiply, cst.Divide, cst.Power, cst.MatrixMultiply, cst.Subtract)  # their right side may need brackets


def out_of_place(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`y = y + 1` for `y += 1`, `y = y.add(1)` for `y.add_(1)`, and `inplace=False`."""
    write = write_of(trace, diagnosis)
    operation = operation_of(trace, write) if write else None
    if operation is None:
        # torch refused it: there was no write
        operation = next((each for each in reversed(trace.operations) if each.raised), None)
    if operation is None:
        return
    for place in places(tree, trace, operation):
        if isinstance(place.node, cst.AugAssign):
            yield from _assigned(tree, place, place.node)
        elif isinstance(place.node, cst.Call):
            yield from _called(tree, place, place.node)
    yield from _module(tree)


def _assigned(tree: Tree, place: Place, found: cst.AugAssign) -> Iterator[Proposal]:
    operator = _BINARY.get(type(found.operator))
    if operator is None or not is_name(found.target):
        return
    value = found.value
    if (
        issubclass(operator, _TIGHT)
        and isinstance(value, cst.BinaryOperation | cst.UnaryOperation | cst.IfExp)
        and not value.lpar
    ):
        value = value.with_changes(lpar=(cst.LeftParen(),), rpar=(cst.RightParen(),))
    new = assignment(found.target, cst.BinaryOperation(found.target, operator(), value))
    new = new.with_changes(semicolon=found.semicolon)
    yield _proposal(tree, place, new, {found: new})


def _called(tree: Tree, place: Place, call: cst.Call) -> Iterator[Proposal]:
    value = _value(tree, call)
    if value is None:
        return
    through, parent = place.target, tree.parent(call)
    if not is_name(through):  # a tensor in passing, which nothing else holds
        yield _proposal(tree, place, value, {call: value})
    elif _is_whole(call, through) and isinstance(parent, cst.Expr):
        new = assignment(through, value).with_changes(semicolon=parent.semicolon)
        yield _proposal(tree, place, new, {parent: new})
    elif _is_whole(call, through) and isinstance(parent, cst.Assign):
        targets = list(parent.targets)
        if tree.text(through) not in [tree.text(each.target) for each in targets]:
            targets.append(assigned(through))  # both names go on standing for one tensor
        new = parent.with_changes(targets=targets, value=value)
        yield _proposal(tree, place, new, {parent: new})


def _is_whole(call: cst.Call, through: cst.BaseExpression) -> bool:
    """Whether the write is to all of `through`, not to a part by an index."""
    return through is receiver(call) or any(each.value is through for each in call.args)


def _value(tree: Tree, call: cst.Call) -> cst.BaseExpression | None:
    """What `call` writes, as a new tensor."""
    name, given = method_name(call) or "", receiver(call)
    if keyword(call, "inplace") is not None:
        return without_keyword(call, "inplace")
    if not name.endswith("_") or name.endswith("__"):
        return None
    torch = tree.alias()
    if given is not None and name in ("zero_", "fill_") and torch:
        like = "zeros_like" if name == "zero_" else "full_like"
        new = cst.Call(cst.Attribute(cst.Name(torch), cst.Name(like)), [cst.Arg(given), *call.args])
        return new.with_changes(args=[cst.Arg(each.value) for each in new.args])
    if name == "copy_" and len(call.args) == 1:
        return method(call.args[0].value, "clone")
    plain = cst.Name(name[:-1])
    if isinstance(call.func, cst.Attribute):
        return call.with_changes(func=call.func.with_changes(attr=plain))
    return None  # of a function that was imported by its name, the other may not be there


def _module(tree: Tree) -> Iterator[Proposal]:
    """`nn.ReLU(inplace=True)`, where the snippet has one such module."""
    found = [
        call
        for call in tree.own_of_all(cst.Call, "inplace")
        if (arg := keyword(call, "inplace")) is not None
        and isinstance(arg.value, cst.Name)
        and arg.value.value == "True"
        and (method_name(call) or "")[:1].isupper()
    ]
    changes: dict[cst.CSTNode, Change] = {call: without_keyword(call, "inplace") for call in found}
    if found:
        lines = sorted({tree.line_of(call) for call in found})
        where = f"line {lines[0]}" if len(lines) == 1 else "lines " + " and ".join(map(str, lines))
        yield Proposal(title=f"Leave out `inplace=True` on {where}", source=tree.with_changes(changes))


def _proposal(tree: Tree, place: Place, new: cst.CSTNode, changes: dict[cst.CSTNode, Change]) -> Proposal:
    line = tree.line_of(place.statement)
    return Proposal(title=f"Make a new tensor on line {line}: `{tree.text(new)}`", source=tree.with_changes(changes))
