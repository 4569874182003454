"""The snippet's syntax tree with calls in it: which line begins, which function, and what that binds to its names.

`sys.settrace` would tell the same, and make torch's own Python a quarter slower: while it is on,
CPython checks every instruction of every frame. It would also turn each function's variables into a
dict that keeps them alive. A call in the snippet's own statements costs nothing elsewhere, leaves
`sys.settrace` to the reader, and is the same in every version of Python.
"""

import ast
import warnings
from collections.abc import Iterator
from types import CodeType
from typing import Any

from app.worker.source import FILENAME

LINE = "__tapescope_line__"
ENTER = "__tapescope_enter__"
BIND = "__tapescope_bind__"
UNBIND = "__tapescope_unbind__"
CAUGHT = "__tapescope_caught__"

Function = ast.FunctionDef | ast.AsyncFunctionDef
_LOAD = ast.Load()


def compile_with_calls(source: str) -> CodeType:
    """Code of `source` that calls the built-in name LINE with the line of each statement it begins.

    A loop's line begins again before each further pass. A function calls ENTER first, then BIND with each plain name
    that was bound and its value, and UNBIND with each that was deleted; CAUGHT is called where an `except` begins.
    Raises what `compile` raises.
    """
    compile(source, FILENAME, "exec", dont_inherit=True)  # raises and warns in the words of the snippet as it is
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source, FILENAME)
        tree.body = _with_calls(tree.body, _Place())
        return compile(tree, FILENAME, "exec", dont_inherit=True)


class _Place:
    """Where statements stand: in a function or not, and in which loop."""

    def __init__(self, loop: ast.stmt | None = None, *, in_function: bool = False) -> None:
        self.loop, self.in_function = loop, in_function


def _where(at: ast.stmt) -> dict[str, Any]:
    """The place of `at`, to make nodes with: ast.copy_location for each would take longer than all of the rest."""
    return {
        "lineno": at.lineno,
        "col_offset": at.col_offset,
        "end_lineno": at.end_lineno,
        "end_col_offset": at.end_col_offset,
    }


def _call(name: str, where: dict[str, Any], arguments: list[ast.expr]) -> ast.stmt:
    """The statement `name(*arguments)`."""
    function = ast.Name(id=name, ctx=_LOAD, **where)
    return ast.Expr(value=ast.Call(func=function, args=arguments, keywords=[], **where), **where)


def _line(at: ast.stmt, line: int) -> ast.stmt:
    where = _where(at)
    return _call(LINE, where, [ast.Constant(value=line, **where)])


def _binds(at: ast.stmt, names: Iterator[str], place: _Place) -> list[ast.stmt]:
    if not place.in_function:
        return []  # the names of the top level are looked at where they are
    where = _where(at)
    return [
        _call(BIND, where, [ast.Constant(value=name, **where), ast.Name(id=name, ctx=_LOAD, **where)]) for name in names
    ]


def _with_calls(body: list[ast.stmt], place: _Place, begin: list[ast.stmt] | None = None) -> list[ast.stmt]:
    """`body` with a call before each statement, and `begin` at its beginning."""
    found: list[ast.stmt] = []
    rest = body
    while rest and (_is_docstring(rest[0], first=not found) or _is_future(rest[0])):
        found.append(rest[0])
        rest = rest[1:]
    found += begin or []
    for statement in rest:
        if not isinstance(statement, ast.Global | ast.Nonlocal):  # nothing runs there
            found.append(_line(statement, _first_line(statement)))
        if isinstance(statement, ast.Continue) and place.loop is not None:
            found.append(_line(statement, place.loop.lineno))
        _descend(statement, place)
        found.append(statement)
        found += _binds(statement, _bound_by(statement), place)
        if isinstance(statement, ast.Delete) and place.in_function:
            gone = [name for target in statement.targets for name in _names_in(target)]
            where = _where(statement)
            found += [_call(UNBIND, where, [ast.Constant(value=name, **where)]) for name in gone]
    return found


def _descend(statement: ast.stmt, place: _Place) -> None:
    """Put calls into the bodies inside `statement`."""
    begin: list[ast.stmt] = []
    if isinstance(statement, ast.For | ast.AsyncFor | ast.While):
        inner = _Place(statement, in_function=place.in_function)
        if not isinstance(statement, ast.While):
            begin = _binds(statement, _names_in(statement.target), place)
        statement.body = _with_calls(statement.body, inner, begin)
        statement.body.append(_line(statement, statement.lineno))
        statement.orelse = _with_calls(statement.orelse, place)
        return
    if isinstance(statement, Function):
        place = _Place(in_function=True)
        first = statement.body[0]
        begin = [_call(ENTER, _where(first), []), *_binds(first, _parameters(statement.args), place)]
    elif isinstance(statement, ast.ClassDef):
        place = _Place()
    elif isinstance(statement, ast.With | ast.AsyncWith):
        bound = (name for item in statement.items for name in _names_in(item.optional_vars))
        begin = _binds(statement, bound, place)
    for field in ("body", "orelse", "finalbody"):
        inner_body = getattr(statement, field, None)
        if isinstance(inner_body, list) and inner_body:
            setattr(statement, field, _with_calls(inner_body, place, begin if field == "body" else None))
    for handler in getattr(statement, "handlers", ()):
        handler.body = _with_calls(handler.body, place, [_call(CAUGHT, _where(handler.body[0]), [])])
    for case in getattr(statement, "cases", ()):
        case.body = _with_calls(case.body, place)


def _bound_by(statement: ast.stmt) -> Iterator[str]:
    """The plain names that an assignment binds."""
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            yield from _names_in(target)
    elif isinstance(statement, ast.AugAssign) or (isinstance(statement, ast.AnnAssign) and statement.value):
        yield from _names_in(statement.target)


def _names_in(target: ast.expr | None) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Tuple | ast.List):
        for element in target.elts:
            yield from _names_in(element)
    elif isinstance(target, ast.Starred):
        yield from _names_in(target.value)


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    for argument in (*arguments.posonlyargs, *arguments.args, arguments.vararg, *arguments.kwonlyargs, arguments.kwarg):
        if argument is not None:
            yield argument.arg


def _first_line(statement: ast.stmt) -> int:
    """Where it begins: a decorated function or class at its first decorator, which runs first."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _is_docstring(statement: ast.stmt, *, first: bool) -> bool:
    return (
        first
        and isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
