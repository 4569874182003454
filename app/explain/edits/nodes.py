"""Expressions and calls of a snippet: what they say, and new ones like them."""

import libcst as cst

_LONE = (cst.Name, cst.Attribute, cst.Call, cst.Subscript)  # a method can follow them as they are


def method(receiver: cst.BaseExpression, name: str, *arguments: cst.BaseExpression) -> cst.Call:
    """`receiver.name(*arguments)`, with brackets around a receiver that needs them."""
    if not isinstance(receiver, _LONE) and not receiver.lpar:
        receiver = receiver.with_changes(lpar=(cst.LeftParen(),), rpar=(cst.RightParen(),))
    return cst.Call(cst.Attribute(receiver, cst.Name(name)), [cst.Arg(argument) for argument in arguments])


def call_for(attribute: cst.Attribute, name: str) -> cst.Call:
    """`x.name()` for the attribute `x.data`, with its lines and its brackets."""
    bare = attribute.with_changes(attr=cst.Name(name), lpar=(), rpar=())
    return cst.Call(bare, lpar=attribute.lpar, rpar=attribute.rpar)


def assignment(target: cst.BaseExpression, value: cst.BaseExpression) -> cst.Assign:
    """`target = value`. Raises TypeError for what nothing can be assigned to."""
    return cst.Assign([assigned(target)], value)


def assigned(target: cst.BaseExpression) -> cst.AssignTarget:
    """`target` as the left side of an assignment. Raises TypeError for what cannot be one."""
    if not isinstance(target, cst.BaseAssignTargetExpression):
        raise TypeError(f"nothing can be assigned to {type(target).__name__}")
    return cst.AssignTarget(target)


def method_name(node: cst.CSTNode) -> str | None:
    """What `node` calls, after the last dot: "add_" of `y.add_(1)` and of `torch.add_(y)`."""
    if not isinstance(node, cst.Call):
        return None
    if isinstance(node.func, cst.Attribute):
        return node.func.attr.value
    return node.func.value if isinstance(node.func, cst.Name) else None


def receiver(node: cst.Call) -> cst.BaseExpression | None:
    """What stands before the last dot of what `node` calls."""
    return node.func.value if isinstance(node.func, cst.Attribute) else None


def keyword(call: cst.Call, name: str) -> cst.Arg | None:
    """The argument that is given by that name."""
    return next((each for each in call.args if each.keyword is not None and each.keyword.value == name), None)


def with_keyword(call: cst.Call, name: str, value: str) -> cst.Call:
    """`call` with `name=value`, in place of the one that it has, or as the last argument."""
    equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    given = cst.Arg(cst.parse_expression(value), cst.Name(name), equal=equal)
    if (old := keyword(call, name)) is not None:
        args = [each.with_changes(value=given.value) if each is old else each for each in call.args]
        return call.with_changes(args=args)
    if not call.args:
        return call.with_changes(args=[given])
    *first, last = call.args
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    if isinstance(last.comma, cst.Comma):  # before a bracket on a line of its own
        given = given.with_changes(comma=last.comma)
        comma = next((each.comma for each in first if isinstance(each.comma, cst.Comma)), comma)
    return call.with_changes(args=[*first, last.with_changes(comma=comma), given])


def without_keyword(call: cst.Call, name: str) -> cst.Call:
    """`call` without the argument of that name."""
    kept = [each for each in call.args if each is not keyword(call, name)]
    if kept and call.args[-1] is not kept[-1]:
        kept[-1] = kept[-1].with_changes(comma=call.args[-1].comma)
    return call.with_changes(args=kept)


def owner_of_set(statement: cst.CSTNode, name: str) -> cst.BaseExpression | None:
    """`y` of the statement `y.name = …`."""
    target = statement.targets[0].target if isinstance(statement, cst.Assign) else None
    return target.value if isinstance(target, cst.Attribute) and target.attr.value == name else None


def is_name(node: cst.CSTNode | None) -> bool:
    """Whether `node` is a variable, or an attribute of one: what can be bound anew."""
    while isinstance(node, cst.Attribute):
        node = node.value
    return isinstance(node, cst.Name)
