"""Two runs beside each other: which lines pair, where the runs part, and in what; the numbers are torch's own."""

import pytest
import torch

from app.diagram.pictures import draw
from app.explain.versus import Parting, ending, grad_pairs, pair_lines, pair_moments, parting_of
from app.lessons.catalog import catalog
from tests.tracing import trace_of

LEAF = "import torch\nw = torch.ones(3, requires_grad=True)\n"
LESSONS = {slug: catalog()[slug].source for slug in ("data", "detach", "two-networks", "two-networks-in-place")}


def parted(left: str, right: str) -> Parting | None:
    one, other = draw(trace_of(left)), draw(trace_of(right))
    stops = (one.film.stops, other.film.stops)
    columns = pair_moments(one.history, other.history, stops, pair_lines(left, right))
    assert all(0 <= here < len(stops[0]) and 0 <= there < len(stops[1]) for here, there in columns)
    assert [column[0] for column in columns] == sorted(column[0] for column in columns)
    assert [column[1] for column in columns] == sorted(column[1] for column in columns)
    assert {column[0] for column in columns} == set(range(len(stops[0])))  # every stop can be reached
    assert {column[1] for column in columns} == set(range(len(stops[1])))
    return parting_of(one.history, other.history, stops, columns)


@pytest.mark.parametrize(
    ("left", "right", "lines", "way"),
    [
        (
            LESSONS["data"],
            LESSONS["detach"],
            (4, 4),
            "On the left `c` has a version counter of its own; on the right it shares the one of `out`.",
        ),
        (
            f"{LEAF}y = w * 1\nc = y.detach()",
            f"{LEAF}y = w * 1\nc = y.detach().clone()",
            (4, 4),
            "On the right `c` has a version counter of its own; on the left it shares the one of `y`.",
        ),
        (f"{LEAF}y = w * 2", f"{LEAF}y = w * 3", (3, 3), "`y` holds 2, 2, 2 on the left and 3, 3, 3 on the right."),
        (f"{LEAF}y = w.sum()", f"{LEAF}y = w * 1", (3, 3), "`y` is a tensor of shape scalar, float32 on the left"),
        (
            f"{LEAF}y = w * 1",
            f"{LEAF}y = (w * 1).detach()",
            (3, 3),
            "`y` requires grad on the left, and not on the right.",
        ),
        (
            f"{LEAF}y = w * 1",
            f"{LEAF}y = w / 1",
            (3, 3),
            "`y` has the node `MulBackward0` on the left and has the node",
        ),
        (
            f"{LEAF}y = w.exp()\ny.add_(0)\ny.sum().backward()",
            f"{LEAF}y = w.exp()\ny = y + 0\ny.sum().backward()",
            (4, 4),
            "`y` stands at version 1 on the left and at 0 on the right.",
        ),
        (
            f"{LEAF}(w * w).sum().backward()\nprint(1)",
            f"{LEAF}(w * 3).sum().backward()\nprint(1)",
            (3, 3),
            "`MulBackward0` leads to `w` and `w` on the left and to `w` and no node on the right.",
        ),
        (
            f"{LEAF}w.backward(torch.full((3,), 2.))\nprint(1)",
            f"{LEAF}w.backward(torch.full((3,), 3.))\nprint(1)",
            (3, 3),
            "`w.grad` is 2, 2, 2 on the left and 3, 3, 3 on the right.",
        ),
        (
            f"{LEAF}s = w.exp().sum()\ns.backward()",
            f"{LEAF}s = w.exp().clone().sum()\ns.backward()",
            (3, 3),
            "On the right `CloneBackward0` is in the graph, and not in the one of the left.",
        ),
        (
            f"{LEAF}v = torch.ones(3, requires_grad=True)\ny = w * v",
            f"{LEAF}v = torch.ones(3, requires_grad=True)\ny = w * w",
            (4, 4),
            "`MulBackward0` leads to `v` and `w` on the left and to `w` and `w` on the right.",
        ),
        (
            f"{LEAF}y = (w * w).sum()\ny.backward(retain_graph=True)\nk = 1",
            f"{LEAF}y = (w * w).sum()\ny.backward()\nk = 1",
            (4, 4),
            "On the right backward has let go of what `MulBackward0` saved; on the left it has not.",
        ),
        (
            f"{LEAF}torch.set_grad_enabled(True)\nk = 1",
            f"{LEAF}torch.set_grad_enabled(False)\nk = 1",
            (4, 4),
            "On the left grad mode is on; on the right it is off.",
        ),
        (
            f"{LEAF}def f(x):\n    t = x * 2\n    return t * 3\ny = f(w)",
            f"{LEAF}def f(x):\n    t = x * 3\n    return t * 2\ny = f(w)",
            (4, 4),
            "In `f`: `t` holds 2, 2, 2 on the left and 3, 3, 3 on the right.",
        ),
        (
            f"{LEAF}raise ValueError('a')",
            f"{LEAF}raise ValueError('b')",
            (3, 3),
            "The left raises `ValueError`, and so does the right, with another message.",
        ),
        (f"{LEAF}w.add(1)", f"{LEAF}w.add_(1)", (3, 3), "The left goes on; the right raises `RuntimeError`."),
        (f"{LEAF}k = 1", f"{LEAF}k = 2", (3, 3), "`k` is `1` on the left and `2` on the right."),
        (f"{LEAF}print(1)\nk = 1", f"{LEAF}print(2)\nk = 1", (3, 3), "They have printed different things."),
        (f"{LEAF}y = w", f"{LEAF}z = w", (3, 3), "On the left there is `y`, which the right does not have."),
    ],
)
def test_where_two_runs_part_and_in_what(left: str, right: str, lines: tuple[int, int], way: str) -> None:
    parting = parted(left, right)
    assert parting is not None
    assert (parting.left_line, parting.right_line) == lines
    assert any(said.startswith(way) for said in parting.ways), parting.ways


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (LESSONS["data"], LESSONS["data"]),
        (f"{LEAF}y = w * 2  # twice\n", f"{LEAF}y = w * 2"),
        (f"{LEAF}y = w * 2", f"{LEAF}y = 2 * w"),
        (f"{LEAF}y = w * 0.1 * 3", f"{LEAF}y = 3 * (w * 0.1)"),
        (f"{LEAF}y = (w.exp() * 2).sum()", f"{LEAF}y = (\n    w.exp() * 2\n).sum()"),  # laid out otherwise
        (f"{LEAF}v = w.detach().requires_grad_()\ny = w * v", f"{LEAF}v = w.detach().requires_grad_()\ny = v * w"),
        (f"{LEAF}raise ValueError(object())", f"{LEAF}raise ValueError(object())  # another address"),
    ],
)
def test_runs_that_never_part(left: str, right: str) -> None:
    assert parted(left, right) is None


def test_a_snippet_that_does_not_run_parts_from_none() -> None:
    one, other = draw(trace_of("x = (")), draw(trace_of(LEAF))
    stops = (one.film.stops, other.film.stops)
    columns = pair_moments(one.history, other.history, stops, pair_lines("x = (", LEAF))
    assert parting_of(one.history, other.history, stops, columns) is None


@pytest.mark.parametrize(
    ("left", "right", "pairs"),
    [
        ("a\nb\nc", "a\nx\nc", [(1, 1, True), (2, 2, False), (3, 3, True)]),
        ("a\nc", "a\nb\nc", [(1, 1, True), (None, 2, False), (2, 3, True)]),
        ("a\nb\nc", "a\nc", [(1, 1, True), (2, None, False), (3, 2, True)]),
        ("a\nb\nb", "a\nb(1)\nb", [(1, 1, True), (2, 2, False), (3, 3, True)]),  # in place, not the other b
        ("a  \n", "a", [(1, 1, True)]),
    ],
)
def test_lines_pair(left: str, right: str, pairs: list[tuple[int | None, int | None, bool]]) -> None:
    assert [(pair.left, pair.right, pair.same) for pair in pair_lines(left, right)] == pairs


def test_how_both_came_out_is_told_with_torchs_numbers() -> None:
    sides = [trace_of(LESSONS[slug]) for slug in ("data", "detach")]
    pairs = grad_pairs(*sides)
    namespace: dict[str, torch.Tensor] = {}
    exec(LESSONS["data"], namespace)  # noqa: S102  # our own snippet
    grad = namespace["a"].grad
    assert grad is not None
    assert (
        ending("left", sides[0], pairs)
        == f"The left finished: `a.grad` is {', '.join(f'{n:g}' for n in grad.tolist())}."
    )
    assert ending("right", sides[1], pairs) == "The right raised `RuntimeError` on line 6."
    assert [(pair.name, pair.right, pair.differs) for pair in pairs] == [("a", None, True)]


def test_a_long_loop_is_paired_as_well() -> None:
    loop = "for _ in range({}):\n    (w * w).sum().backward()"
    parting = parted(LEAF + loop.format(40), LEAF + loop.format(41))
    assert parting is not None
