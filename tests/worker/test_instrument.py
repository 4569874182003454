"""Instrumented code does what the code does, and tells each statement that begins and each name that is bound."""

import builtins
import inspect
import sys
from textwrap import dedent

import pytest

from app.worker.instrument import BIND, CAUGHT, ENTER, LINE, UNBIND, compile_with_calls
from app.worker.source import FILENAME

Namespace = dict[str, object]


class Calls:
    """What instrumented code called."""

    def __init__(self) -> None:
        self.lines: list[int] = []
        self.bound: list[tuple[str, object]] = []
        self.unbound: list[str] = []
        self.caught: list[BaseException | None] = []


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """The calls of instrumented code that runs in this test."""
    found = Calls()
    monkeypatch.setattr(builtins, LINE, found.lines.append, raising=False)
    monkeypatch.setattr(builtins, ENTER, lambda: None, raising=False)
    monkeypatch.setattr(builtins, BIND, lambda name, value: found.bound.append((name, value)), raising=False)
    monkeypatch.setattr(builtins, UNBIND, found.unbound.append, raising=False)
    monkeypatch.setattr(builtins, CAUGHT, lambda: found.caught.append(sys.exc_info()[1]), raising=False)
    return found


def run(source: str) -> Namespace:
    """What the instrumented source leaves behind."""
    namespace: Namespace = {"__name__": "__main__"}
    exec(compile_with_calls(dedent(source).lstrip("\n")), namespace)  # noqa: S102  # a snippet is there to be run
    return namespace


ROWS = {
    "one statement over several lines begins once": ("x = [\n  1,\n  2,\n]\ny = 1", [1, 5]),
    "several statements of one line begin one by one": ("a = 1; b = 2; c = 3", [1, 1, 1]),
    "a loop begins again before each further pass": ("for i in range(2):\n  x = i\ny = 1", [1, 2, 1, 2, 1, 3]),
    "so does while": ("i = 0\nwhile i < 2:\n  i += 1", [1, 2, 3, 2, 3, 2]),
    "continue goes back to the loop": ("for i in range(2):\n  continue\n  x = 1", [1, 2, 1, 2, 1]),
    "continue of the inner loop": (
        "for i in range(1):\n  for j in range(1):\n    continue\n  y = 1",
        [1, 2, 3, 2, 4, 1],
    ),
    "break goes on after the loop": ("for i in range(9):\n  break\nelse:\n  x = 1\ny = 1", [1, 2, 5]),
    "else of a loop": ("for i in range(1):\n  pass\nelse:\n  x = 1", [1, 2, 1, 4]),
    "continue in else belongs to the outer loop": (
        "for i in range(2):\n  for j in ():\n    pass\n  else:\n    continue",
        [1, 2, 5, 1, 2, 5, 1],
    ),
    "elif is a statement in else": ("x = 2\nif x == 1:\n  y = 1\nelif x == 2:\n  y = 2\nelse:\n  y = 3", [1, 2, 4, 5]),
    "try, except, else, finally": (
        "try:\n  1 / 0\nexcept ZeroDivisionError:\n  x = 1\nelse:\n  x = 2\nfinally:\n  y = 3",
        [1, 2, 4, 8],
    ),
    "except*": ("try:\n  raise ExceptionGroup('', [ValueError()])\nexcept* ValueError:\n  x = 1", [1, 2, 4]),
    "match": ("match [1, 2]:\n  case [a]:\n    y = 1\n  case [a, b]:\n    y = 2", [1, 5]),
    "with": ("import io\nwith io.StringIO() as f:\n  x = 1\ny = 1", [1, 2, 3, 4]),
    "a function begins at its first decorator": (
        "def d(f):\n  return f\n@d\n@d\ndef g():\n  return 1\ng()",
        [1, 3, 2, 2, 7, 6],
    ),
    "a class body": ("class A:\n  x = 1\n  def f(self):\n    return 2\nA().f()", [1, 2, 3, 5, 4]),
    "docstrings are no statements": ('"""Doc."""\ndef f():\n  """Doc."""\n  return 1\nf()', [2, 5, 4]),
    "a docstring alone": ('def f():\n  "doc"\nf()', [1, 3]),
    "a string that is no docstring": ("x = 1\n'text'", [1, 2]),
    "future imports stay first": ("from __future__ import annotations\nx = 1", [2]),
    "global and nonlocal run nothing": ("x = 1\ndef f():\n  global x\n  x = 2\nf()", [1, 2, 5, 4]),
    "a generator": ("def g():\n  yield 1\n  yield 2\nx = list(g())", [1, 4, 2, 3]),
    "a coroutine": (
        "async def f():\n  async with A():\n    return 1\nclass A:\n  async def __aenter__(s): pass\n"  # noqa: ISC004  # one source over two lines
        "  async def __aexit__(s, *e): pass\ntry:\n  f().send(None)\nexcept StopIteration:\n  x = 1",
        [1, 4, 5, 6, 7, 8, 2, 5, 3, 6, 10],
    ),
    "lambdas and comprehensions are part of their statement": ("f = lambda: 1\nx = [f() for _ in range(2)]", [1, 2]),
    # A tracer would see the lines of `finally` first: nothing can be called between them and the loop.
    "continue out of try begins the loop before finally": (
        "for i in range(2):\n  try:\n    continue\n  finally:\n    x = 1",
        [1, 2, 3, 1, 5, 2, 3, 1, 5],
    ),
}


@pytest.mark.parametrize(("source", "expected"), ROWS.values(), ids=ROWS.keys())
def test_lines_that_begin(source: str, expected: list[int], calls: Calls) -> None:
    run(source)
    assert calls.lines == expected


@pytest.mark.parametrize(("source", "expected"), ROWS.values(), ids=ROWS.keys())
def test_the_code_leaves_behind_what_it_would(source: str, expected: list[int], calls: Calls) -> None:
    plain: Namespace = {"__name__": "__main__"}
    exec(compile(source, FILENAME, "exec", dont_inherit=True), plain)  # noqa: S102  # a snippet is there to be run
    traced = run(source)
    assert list(plain) == list(traced)
    numbers = {name: value for name, value in plain.items() if isinstance(value, int | list | str)}
    assert {name: traced[name] for name in numbers} == numbers


@pytest.mark.parametrize(
    "source",
    [
        "x = 1 +",
        "return 1",
        "def f(a, a): pass",
        "x = 1\nfrom __future__ import annotations",
        "if True:\nx = 1",
        "continue",
        "nonlocal x",
        "def f():\n  x = 1\n  global x",
        "await x",
        "x: int = yield",
        "f(a=1, a=2)",
        "for x in y:\n\tz = 1\n        w = 2",
        "'abc",
        "x = (1,",
        "del f()",
    ],
)
def test_syntax_errors_are_those_of_compile(source: str) -> None:
    with pytest.raises(SyntaxError) as plain:
        compile(source, FILENAME, "exec", dont_inherit=True)
    with pytest.raises(SyntaxError) as traced:
        compile_with_calls(source)
    assert type(traced.value) is type(plain.value)
    assert (traced.value.msg, traced.value.lineno, traced.value.offset) == (
        plain.value.msg,
        plain.value.lineno,
        plain.value.offset,
    )


def test_functions_keep_their_looks(calls: Calls) -> None:
    source = '''
        def f(a, b=2, *, c: int = 3) -> int:
            """Adds."""
            total = a + b
            return total + c

        class A:
            """A class."""

            def g(self):
                return 1
    '''
    traced = run(source)
    plain: Namespace = {}
    exec(compile(dedent(source).lstrip("\n"), FILENAME, "exec"), plain)  # noqa: S102  # a snippet is there to be run
    for name in ("f", "A"):
        assert getattr(traced[name], "__doc__", None) == getattr(plain[name], "__doc__", None)
    one, other = traced["f"], plain["f"]
    assert inspect.isfunction(one)
    assert inspect.isfunction(other)
    assert inspect.signature(one) == inspect.signature(other)
    assert one.__code__.co_varnames == other.__code__.co_varnames
    assert one.__code__.co_firstlineno == other.__code__.co_firstlineno
    assert one.__code__.co_filename == FILENAME


def test_an_error_has_the_lines_of_its_statement(calls: Calls) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        run("x = 1\ndef f():\n    y = (x +\n         1 / 0)\nf()")
    assert [entry.lineno + 1 for entry in raised.traceback if str(entry.path).endswith(FILENAME)] == [5, 4]
    assert calls.lines == [1, 2, 5, 3]


BOUND = {
    "nothing at the top level": ("x = 1\nfor y in [2]:\n  z = 3", []),
    "parameters": (
        "def f(a, /, b, *c, d=4, **e):\n  'doc'\n  return 0\nf(1, 2, 3, k=5)",
        [("a", 1), ("b", 2), ("c", (3,)), ("d", 4), ("e", {"k": 5})],
    ),
    "assignments": (
        "def f():\n  x = y = 1\n  (a, [b, *c]) = 1, (2, 3)\n  x += 1\n  z: int = 5\n  w: int\nf()",
        [("x", 1), ("y", 1), ("a", 1), ("b", 2), ("c", [3]), ("x", 2), ("z", 5)],
    ),
    "not attributes or items": ("def f(d):\n  d[0] = 1\nf({})", [("d", {0: 1})]),
    "loops": ("def f():\n  for i, (j, _) in [(1, (2, 3))]:\n    pass\nf()", [("i", 1), ("j", 2), ("_", 3)]),
    "with": ("import io\ndef f():\n  with io.BytesIO(b'x') as g, io.StringIO():\n    g = g.read()\nf()", None),
    "methods, with mangled names": ("class A:\n  def f(self):\n    __x = 1\n    return __x\ny = A().f()", None),
    "names that are global": ("def f():\n  global g\n  g = 1\nf()", [("g", 1)]),
    "nested functions": (
        "def f(a):\n  def g(b):\n    nonlocal a\n    a = b\n  g(2)\n  return a\nx = f(1)",
        [("a", 1), ("b", 2), ("a", 2)],
    ),
    "not class bodies": ("class A:\n  x = 1", []),
}


@pytest.mark.parametrize(("source", "expected"), BOUND.values(), ids=BOUND.keys())
def test_names_that_functions_bind(source: str, expected: list[tuple[str, object]] | None, calls: Calls) -> None:
    run(source)
    if expected is not None:
        assert calls.bound == expected
    else:
        assert calls.bound


def test_names_that_functions_delete(calls: Calls) -> None:
    run("x = 0\ndel x\ndef f(a, b, c):\n  del a, (b, c[0])\n  for d in [1]:\n    del c\nf(1, 2, [3])")
    assert calls.unbound == ["a", "b", "c"]


def test_where_an_exception_is_caught(calls: Calls) -> None:
    run("""
        try:
            1 / 0
        except ZeroDivisionError as error:
            caught = error
        try:
            x = 1
        except ValueError:
            x = 2
    """)
    assert [type(error) for error in calls.caught] == [ZeroDivisionError]
