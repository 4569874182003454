"""The snippet's syntax tree with a call before each statement that says which line begins.

`sys.settrace` would tell the same, and make torch's own Python half as fast again: while it is on,
CPython checks every instruction of every frame. A call in the snippet's own statements costs
nothing elsewhere, leaves `sys.settrace` to the reader, and is the same in every version of Python.
"""

import ast
from types import CodeType

from app.worker.source import FILENAME

HOOK = "__tapescope_line__"


def compile_with_line_calls(source: str) -> CodeType:
    """Code of `source` that calls the built-in name HOOK with the line of each statement it begins.

    A loop's line begins again before each further pass. Raises what `compile` raises.
    """
    tree = ast.parse(source, FILENAME)
    tree.body = _with_calls(tree.body, None)
    return compile(tree, FILENAME, "exec", dont_inherit=True)


def _call(at: ast.stmt, line: int) -> ast.stmt:
    """The statement `HOOK(line)`, in the place of `at`."""
    call = ast.Expr(ast.Call(func=ast.Name(id=HOOK, ctx=ast.Load()), args=[ast.Constant(value=line)], keywords=[]))
    for node in ast.walk(call):
        ast.copy_location(node, at)
    return call


def _with_calls(body: list[ast.stmt], loop: ast.stmt | None) -> list[ast.stmt]:
    """`body` with a call before each statement; `loop` is the one that a `continue` in it goes on with."""
    found: list[ast.stmt] = []
    for index, statement in enumerate(body):
        if not (_is_docstring(statement, index) or _is_future(statement)):
            found.append(_call(statement, _first_line(statement)))
            if isinstance(statement, ast.Continue) and loop is not None:
                found.append(_call(statement, loop.lineno))
        _descend(statement, loop)
        found.append(statement)
    return found


def _descend(statement: ast.stmt, loop: ast.stmt | None) -> None:
    """Put calls into the bodies inside `statement`."""
    if isinstance(statement, ast.For | ast.AsyncFor | ast.While):
        statement.body = _with_calls(statement.body, statement)
        statement.body.append(_call(statement, statement.lineno))
        statement.orelse = _with_calls(statement.orelse, loop)
        return
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        loop = None
    for field in ("body", "orelse", "finalbody"):
        inner = getattr(statement, field, None)
        if isinstance(inner, list) and inner:
            setattr(statement, field, _with_calls(inner, loop))
    for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        part.body = _with_calls(part.body, loop)


def _first_line(statement: ast.stmt) -> int:
    """Where it begins: a decorated function or class at its first decorator, which runs first."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _is_docstring(statement: ast.stmt, index: int) -> bool:
    return (
        index == 0
        and isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
