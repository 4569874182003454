"""The figure of graph and memory at the moments of known runs."""

import pytest

from app.diagram.scene import Drawing
from app.diagram.shapes import Mark
from app.trace.figures import numbers as in_words
from app.trace.history import History
from tests.diagram.drawn import (
    at,
    film_of,
    outside,
    overlapping_texts,
    scene_of,
)
from tests.diagram.test_scene import RUNS, marks, words
from tests.tracing import trace_of


@pytest.mark.parametrize("name", ["data", "detach", "two networks", "residual", "views", "loop of 300"])
def test_every_moment_is_legible(name: str) -> None:
    """Texts were measured by the longest that they hold: none covers another at any moment either."""
    scene = scene_of(RUNS[name])
    film = film_of(scene)
    for moment in film.stops[:: max(len(film.stops) // 12, 1)]:
        for drawing in scene.drawings:
            seen = at(drawing, film.still(moment))
            assert overlapping_texts(seen) == []
            assert outside(seen) == []


def scene_at(name: str, moment: int) -> Drawing:
    """The wide figure at one moment."""
    scene = scene_of(RUNS[name])
    return at(scene.drawings[0], film_of(scene).still(moment))


def node_at(name: str, moment: int, title: str) -> Mark | None:
    """The box of a node at one moment, if it is there."""
    found = (mark for mark in marks(scene_at(name, moment), "node") if mark.labels[0].text == title)
    return next(found, None)


def test_a_node_is_plain_then_runs_then_is_left_as_it_was() -> None:
    assert node_at("data", 2, "SigmoidBackward0") is None
    kinds = []
    for moment in (3, 7, 8, 9, 10):
        node = node_at("data", moment, "SigmoidBackward0")
        assert node is not None
        kinds.append(node.plates[0].kind)
    assert kinds == ["node plain", "node plain", "node wrong now", "node wrong", "node wrong"]
    refused = node_at("detach", 8, "SigmoidBackward0")
    assert refused is not None
    assert refused.plates[0].kind == "node refused now"


def test_what_is_saved_shows_its_version_and_what_becomes_of_it() -> None:
    def said(name: str, moment: int) -> str:
        return words(scene_at(name, moment))

    assert "version 0" in said("detach", 4)
    assert "version 0, now 1" in said("detach", 5)
    assert "0 ≠ 1" in said("detach", 8)
    assert "0 = 0" not in said("data", 7)
    assert "0 = 0" in said("data", 8)
    assert "changed after saving" not in said("data", 4)
    assert "changed after saving" in said("data", 5)
    assert "freed since" not in said("data", 7)
    assert "freed since" in said("data", 8)


def test_a_screen_reader_hears_of_a_node_what_holds_then() -> None:
    heard = [node_at("data", moment, "SigmoidBackward0") for moment in (7, 8)]
    assert ["Not run by backward" in node.label for node in heard if node] == [True, False]
    assert ["Number 2 in backward" in node.label for node in heard if node] == [False, True]


def test_no_alarm_before_the_write() -> None:
    for moment in range(1, 5):
        seen = scene_at("data", moment)
        assert not any(square.wrong for mark in seen.marks for square in mark.squares), moment
        assert not any("alarm" in line.kind for mark in seen.marks for line in mark.lines), moment
        assert not {"differs", "unseen", "knot-wrong"} & {icon.kind for mark in seen.marks for icon in mark.icons}
    assert any(square.wrong for mark in scene_at("data", 5).marks for square in mark.squares)


def test_cells_hold_what_they_held_then() -> None:
    def cells(moment: int) -> list[tuple[str, str | None]]:
        (storage,) = [mark for mark in marks(scene_at("data", moment), "storage") if mark.ref == "s1"]
        return [(square.text, square.was) for square in storage.squares]

    assert cells(4) == [("0.7311", None), ("0.8808", None), ("0.9526", None)]
    assert cells(5) == [("0", "0.7311"), ("0", "0.8808"), ("0", "0.9526")]


def test_gradients_come_with_the_node_that_sent_them() -> None:
    counts = [len(marks(scene_at("data", moment), "gradient")) for moment in range(6, 11)]
    assert counts == [0, 2, 3, 3, 3]  # what backward starts with is there when its first node runs


def test_nothing_stands_out_twice() -> None:
    for moment in range(1, 11):
        running = [mark for mark in marks(scene_at("data", moment), "node") if "now" in mark.plates[0].kind.split()]
        assert len(running) == (moment in (7, 8, 9)), moment


# passes of a loop

TRAINING = """\
import torch
w = torch.tensor([1., 2.], requires_grad=True)
x = torch.tensor([3., 4.])
for step in range(5):
    loss = (w * x).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
"""


def test_the_drawn_graph_shows_the_pass_of_the_moment() -> None:
    """Against the run itself: which node ran when, and what `loss` held, in each of the passes."""
    trace = trace_of(TRAINING)
    history = History(trace)
    scene = scene_of(trace)
    film = film_of(scene)
    passes = 0
    for backward in trace.backwards:
        for order, fired in enumerate(backward.fired, 1):
            seen = at(scene.drawings[0], film.still(fired.moment))
            (running,) = [mark for mark in marks(seen, "node") if "now" in mark.plates[0].kind.split()]
            assert running.labels[0].text == trace.nodes[fired.node].name
            orders = [label.text for mark in marks(seen, "order") for label in mark.labels]
            assert sorted(orders) == [str(number) for number in range(1, order + 1)]
        loss = next(one for one in history.variables(0, backward.moment) if one.name == "loss")
        assert loss.values is not None
        assert loss.values.flat is not None
        (pill,) = [mark for mark in marks(seen, "tensor") if any(label.text == "loss" for label in mark.labels)]
        assert [square.text for square in pill.squares] == in_words(loss.values.flat, 3)
        passes += 1
    assert passes == 5
