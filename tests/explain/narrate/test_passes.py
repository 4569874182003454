"""Passes of loops: a row is a snippet, and which variables count the passes of which lines; Python is the judge."""

import pytest
from msgspec.structs import replace

from app.explain.narrate.passes import passes_of
from app.trace.history import History
from app.trace.moments import Moments
from tests.tracing import trace_of

ROWS = [
    ("for i in range(3):\n    x = i\n    y = x\nz = 1", {1: "i", 2: "i", 3: "i"}),
    ("for i in range(1):\n    x = i\nz = 1", {1: "i", 2: "i"}),
    ("for i in range(4):\n    if i % 2:\n        x = i\n    y = 1\nz = 1", {1: "i", 2: "i", 3: "i", 4: "i"}),
    ("for i in range(4):\n    if i % 2:\n        continue\n    y = 1\nz = 1", {1: "i", 2: "i", 3: "i", 4: "i"}),
    ("for i in range(4):\n    x = 1\n    if i == 2:\n        break\nz = 1", {1: "i", 2: "i", 3: "i"}),
    (
        "for i in range(3):\n    x = 1\n    for j in range(2):\n        y = 1\n    w = 1\nz = 1",
        {1: "i", 2: "i", 3: "j", 4: "j", 5: "i"},
    ),
    (
        "for i in range(3):\n    for j in range(i):\n        y = 1\nz = 1",  # at first the inner loop has no pass
        {1: "i", 2: "j", 3: "j"},
    ),
    (
        "for i in range(3):\n    for j in range(4):\n        if j > i:\n            break\n        y = 1\n    w = 1",
        {1: "i", 2: "j", 3: "j", 4: "j", 5: "j", 6: "i"},
    ),
    ("i = -1\nwhile (i := i + 1) < 3:\n    x = i\nz = 1", {2: "i", 3: "i"}),
    (
        "def f(n):\n    for k in range(n):\n        x = k\n    return 1\nfor i in range(3):\n    f(i)\nz = 1",
        {2: "k", 3: "k", 5: "i", 6: "i"},
    ),
    (
        "for i in range(2):\n    try:\n        1 / 0\n    except ZeroDivisionError:\n        x = i\nz = 1",
        dict.fromkeys([1, 2, 3, 5], "i"),
    ),
    ("x = 1; y = 2\nif x: y = 3\nz = 1", {}),  # a line with two statements is no loop
    ("for i in range(2): x = i\nz = 1", {}),  # nor can one be told apart that stands on one line
]


@pytest.mark.parametrize(("source", "counted"), ROWS)
def test_the_pass_of_a_line_is_that_of_its_loop(source: str, counted: dict[int, str]) -> None:
    trace = trace_of(source)
    history, passes, moments = History(trace), passes_of(trace), Moments(trace)
    for at, step in enumerate(trace.steps):
        values = {one.name: one.text for one in history.variables(step.frame, moments.of(at))}
        if at in passes.ends:
            assert passes.number[at] == 0
            assert "range" in source.splitlines()[step.line - 1] or "while" in source.splitlines()[step.line - 1]
        elif passes.number[at] or step.line in counted:
            assert values[counted[step.line]] == str(passes.number[at] - 1), step


def test_where_a_loop_ends() -> None:
    trace = trace_of(ROWS[5][0])
    ended = [step.line for at, step in enumerate(trace.steps) if at in passes_of(trace).ends]
    assert ended == [3, 3, 3, 1]


def test_a_loop_whose_end_was_not_recorded_does_not_end() -> None:
    trace = trace_of("for i in range(3):\n    x = i")
    assert passes_of(trace).ends == {len(trace.steps) - 1}
    assert passes_of(replace(trace, truncated=("cut",))).ends == frozenset()
