"""The figure of graph and memory: what must hold of every drawing, and what the drawings of known runs say."""

import functools
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.diagram.film import Still
from app.diagram.fold import fold
from app.diagram.scene import Drawing, Scene
from app.diagram.shapes import Mark
from app.diagram.shelves import shelves
from app.diagram.tables import Table
from app.trace.flow import cuts
from app.trace.model import Scalar, Tensor, Trace
from tests.builders import Told, a_trace, values
from tests.diagram.drawn import (
    at,
    boxes,
    facts_of,
    film_of,
    lines_through_boxes,
    outside,
    overlapping,
    overlapping_texts,
    scene_of,
    texts,
)
from tests.diagram.test_fold import graphs
from tests.told_runs import a_chain, a_loop, a_residual_net, overwritten, two_networks, views

ROOT = Path(__file__).parents[2]
RUNS = {
    "data": overwritten(".data"),
    "detach": overwritten("detach"),
    "two networks": two_networks(),
    "views": views(),
    "chain of 30": a_chain(30),
    "residual": a_residual_net(4),
    "2,000 nodes": a_chain(2_000, lines=False),
    "loop of 300": a_loop(300),
    "nothing": a_trace(),
}


def rendered(scene: Scene, **context: str) -> str:
    """The figure at the end of its run, as the page has it."""
    return markup(scene, film_of(scene).still(), **context)


@functools.cache
def _page() -> jinja2.Template:
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(ROOT / "templates"), autoescape=True)
    page = '{% from "macros/scene.html" import scene %}{{ scene(view, still, opening, form) }}'
    return environment.from_string(page)


def markup(scene: Scene, still: Still, **context: str) -> str:
    """The same at any moment."""
    return _page().render({"view": scene, "still": still, "opening": "", "form": "", **context})


def assert_legible(scene: Scene) -> None:
    """Nothing covers anything, nothing sticks out, nothing is too small."""
    for drawing in scene.drawings:
        assert overlapping_texts(at(drawing, film_of(scene).still(), longest=True)) == []
        assert overlapping(boxes(drawing, "node")) == []
        assert overlapping(boxes(drawing, "counter")) == []
        assert outside(drawing) == []
        assert all(size >= 12 for _, _, size in texts(drawing))


def assert_all_drawn(trace: Trace, scene: Scene, opened: frozenset[str]) -> None:
    """Every node of the run has a box, or is in a fold that has one."""
    folded = fold(trace, cuts(trace), opened, facts_of(trace).troubled)
    shown = {part.id for part in (*folded.parts.values(), *folded.apart)}
    counted = sorted(node for part in (*folded.parts.values(), *folded.apart) for node in part.nodes)
    assert counted == sorted(trace.nodes)
    for drawing in scene.drawings:
        assert shown == {mark.ref for mark in drawing.marks if mark.kind in ("node", "fold")}


@pytest.mark.parametrize("name", RUNS)
def test_every_drawing_is_legible_and_leaves_nothing_out(name: str) -> None:
    trace = RUNS[name]
    scene = scene_of(trace)
    assert_legible(scene)
    assert_all_drawn(trace, scene, frozenset())
    for fold_ in scene.folds:
        opened = frozenset(fold_.opens.split(","))
        again = scene_of(trace, opened)
        assert_legible(again)
        assert_all_drawn(trace, again, opened)
        assert fold_.id in {one.id for one in again.opened}


@pytest.mark.parametrize("name", RUNS)
def test_lines_go_around_boxes(name: str) -> None:
    for drawing in drawings(name):
        assert lines_through_boxes(drawing) == []


@given(graphs)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_any_graph_is_legible(trace: Trace) -> None:
    for opened in frozenset[str](), frozenset({"c-0", "c-1", "memory"}):
        scene = scene_of(trace, opened)
        assert_legible(scene)
        assert_all_drawn(trace, scene, opened)
        assert scene_of(trace, opened) == scene


names = st.one_of(
    st.none(), st.sampled_from(["x", "a_rather_long_name_for_a_tensor", "数据", "<b>&"]), st.text(max_size=30)
)
numbers: st.SearchStrategy[Scalar] = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.sampled_from(["nan", "inf", "-inf"]),
    st.integers(-(10**9), 10**9),
    st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
)


@st.composite
def memories(draw: st.DrawFn) -> Trace:
    """Storages of any size with views of any geometry over them, some saved, some written unseen."""
    told = Told().line(1)
    for _ in range(draw(st.integers(1, 4))):
        cells = draw(st.integers(0, 20))
        flat: list[Scalar] = draw(st.lists(numbers, min_size=cells, max_size=cells))
        base = told.tensor(draw(names), *flat, requires_grad=draw(st.booleans()), alive=draw(st.booleans()))
        for _ in range(draw(st.integers(0, 5))):
            size = draw(st.integers(1, max(cells, 1)))
            stride = draw(st.integers(0, 3))
            if 1 + (size - 1) * stride <= cells:
                offset = draw(st.integers(0, cells - 1 - (size - 1) * stride))
                told.view(base, draw(names), (size,), (stride,), offset, own_counter=draw(st.booleans()))
        told.line(draw(st.integers(1, 99)))
        if draw(st.booleans()):
            made = told.tensor(draw(names), 1.0)
            told.node(
                draw(st.sampled_from(["MulBackward0", "AVeryLongNameOfAFunctionBackward"])),
                made,
                [base],
                [("self", base)],
            )
            if draw(st.booleans()):
                told.write(base, "add_", *([7.0] * cells), seen=draw(st.booleans()))
            told.backward(made)
    return told.trace()


@given(memories())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_any_memory_is_legible(trace: Trace) -> None:
    for opened in frozenset[str](), frozenset({"memory"}):
        assert_legible(scene_of(trace, opened))


def test_the_same_run_gives_the_same_bytes_in_any_process() -> None:
    program = (
        "import hashlib; from tests.diagram.test_scene import RUNS, rendered, scene_of; "
        "print(hashlib.sha256(''.join(rendered(scene_of(RUNS[name])) for name in RUNS).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def drawings(name: str) -> tuple[Drawing, ...]:
    scene = scene_of(RUNS[name])
    return tuple(at(drawing, film_of(scene).still()) for drawing in scene.drawings)


def marks(drawing: Drawing, kind: str) -> list[Mark]:
    return [mark for mark in drawing.marks if mark.kind.split()[0] == kind]


def words(drawing: Drawing) -> str:
    return " | ".join(text for text, _, _ in texts(drawing))


def test_a_wrong_gradient_is_an_alarm_with_a_shape_and_a_word() -> None:
    for drawing in drawings("data"):
        said = words(drawing)
        assert "changed after saving" in said
        assert "line 5: zero_ through c, not seen by autograd" in said
        assert "0 = 0" in said
        icons = {icon.kind for mark in drawing.marks for icon in mark.icons}
        assert {"differs", "passed", "unseen"} <= icons
        assert {square.was for mark in marks(drawing, "storage") for square in mark.squares if square.changed} == {
            "0.731",
            "0.881",
            "0.953",
        } or "0.7311" in said


def test_a_refusal_is_torch_doing_its_job_and_no_alarm() -> None:
    for drawing in drawings("detach"):
        icons = {icon.kind for mark in drawing.marks for icon in mark.icons}
        assert {"refused", "write"} <= icons
        assert not icons & {"differs", "unseen"}
        assert "0 ≠ 1" in words(drawing)
        assert not any(label.tone == "alarm" for mark in drawing.marks for label in mark.labels)
        assert not any(square.wrong for mark in drawing.marks for square in mark.squares)
        assert not any("alarm" in line.kind for mark in drawing.marks for line in mark.lines)


def test_data_shares_cells_and_not_the_counter_and_detach_shares_both() -> None:
    def counters_over_out(name: str) -> list[list[str]]:
        facts = facts_of(RUNS[name])
        kept, _ = shelves(facts, cuts(RUNS[name]), RUNS[name].nodes, 8)
        (shelf,) = [shelf for shelf in kept if len(shelf.windows) == 2]
        assert [window.name for window in shelf.windows] == ["out", "c"]
        assert shelf.windows[0].cells == shelf.windows[1].cells
        return [[window.name for window in shelf.windows if window.counter == one.ref] for one in shelf.counters]

    assert counters_over_out("data") == [["out"], ["c"]]
    assert counters_over_out("detach") == [["out", "c"]]
    assert [len(marks(drawing, "counting")) for drawing in drawings("data")] == [2, 2, 2]
    assert [len(marks(drawing, "counting")) for drawing in drawings("detach")] == [1, 1, 1]


def test_a_tether_leads_from_the_node_to_the_bracket_over_its_cells() -> None:
    for drawing in drawings("data"):
        (tether,) = [mark for mark in marks(drawing, "tether") if "alarm-line" in mark.lines[0].kind]
        numbers = [float(number) for number in re.findall(r"-?[0-9.]+", tether.lines[0].path)]
        start, end = numbers[:2], numbers[-2:]
        (node,) = [mark.plates[0] for mark in marks(drawing, "node") if mark.ref == tether.ref]
        assert node.x - 1 <= start[0] <= node.x + node.width + 1
        assert node.y - 1 <= start[1] <= node.y + node.height + 1
        (storage,) = [mark for mark in marks(drawing, "storage") if any(cell.wrong for cell in mark.squares)]
        left, right = storage.squares[0].x, storage.squares[-1].x + storage.squares[-1].width
        assert left - 1 <= end[0] <= right + 1
        assert end[1] < storage.squares[0].y < end[1] + 16


def test_a_cut_is_seen_as_a_cut() -> None:
    for drawing in drawings("two networks"):
        (cut,) = marks(drawing, "cut")
        assert ".detach()" in [label.text for label in cut.labels]
        assert [icon.kind for icon in cut.icons] == ["cut"]
    assert ".data → c" in words(drawings("data")[0])
    assert "cut: no gradient passes" in [entry.words for entry in scene_of(RUNS["two networks"]).legend]


def test_windows_bracket_just_their_cells() -> None:
    facts = facts_of(RUNS["views"])
    kept, _ = shelves(facts, (), (), 8)
    cells = {window.name: window.cells for shelf in kept for window in shelf.windows}
    assert cells["row"] == (3, 4, 5)
    assert cells["col"] == (1, 4)
    assert cells["t"] == (0, 3, 1, 4, 2, 5)
    assert set(cells["wide"]) == {0}
    assert cells["arr"] == (0, 1, 2, 3, 4, 5)
    for drawing in drawings("views"):
        said = words(drawing)
        assert "shape 2 · stride 3 · offset 1" in said
        assert "each cell ×12" in said
        assert "no counter" in said


def test_what_is_folded_is_said_with_its_count() -> None:
    assert "×299 more" in words(drawings("loop of 300")[0])
    assert "1,994 in a row" in words(drawings("2,000 nodes")[0])
    assert scene_of(RUNS["loop of 300"]).notes[-1].startswith("600 quiet storages are folded")


def test_two_thousand_nodes_stay_a_small_figure() -> None:
    for drawing in drawings("2,000 nodes"):
        assert len(drawing.marks) < 200
        assert drawing.height < 2_000
    assert len(rendered(scene_of(RUNS["2,000 nodes"]))) < 150_000


def test_a_run_without_a_graph_says_so() -> None:
    assert "Nothing here is recorded: no tensor requires grad." in words(scene_of(a_trace()).drawings[0])
    leaf = Tensor(
        shape=(1,),
        stride=(1,),
        offset=0,
        dtype="float32",
        storage="s0",
        counter="v0",
        names=("w",),
        requires_grad=True,
        alive=True,
        values=values(1.0),
    )
    said = words(scene_of(a_trace(tensors={"t0": leaf})).drawings[0])
    assert "In no graph:" in said
    assert "nothing is recorded yet" in said


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


def test_hostile_names_are_text() -> None:
    told = Told().line(1)
    a = told.tensor(HOSTILE, 1.0, requires_grad=True)
    b = told.tensor(HOSTILE * 3, 2.0)
    told.node(HOSTILE, b, [a], [(HOSTILE, a)], op=HOSTILE)
    told.view(b, HOSTILE + "é数据", (1,), (1,), op=HOSTILE)
    told.backward(b)
    scene = scene_of(told.trace())
    assert_legible(scene)
    html = rendered(scene, opening="/?open=", form="run")
    tree = ElementTree.fromstring(f"<div>{html}</div>")  # noqa: S314  # ours
    tags = {element.tag for element in tree.iter()}
    assert not tags & {"script", "img"}
    assert any(HOSTILE[:10] in (element.text or "") for element in tree.iter("text"))


@pytest.mark.parametrize("name", RUNS)
def test_markup_needs_no_exception_from_the_content_security_policy(name: str) -> None:
    html = rendered(scene_of(RUNS[name]), opening="/?open=", form="run")
    tree = ElementTree.fromstring(f"<div>{html}</div>")  # noqa: S314  # ours
    ids = [element.attrib["id"] for element in tree.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    for element in tree.iter():
        assert "style" not in element.attrib
        assert not any(key.startswith("on") for key in element.attrib)
        for key in element.attrib.get("aria-labelledby", "").split():
            assert key in ids
    for figure in tree.iter("svg"):
        if "figure" in figure.attrib["class"].split() and figure.attrib.get("aria-hidden") != "true":
            assert figure.attrib["role"] == "group"
            assert figure.find("title") is not None
            assert figure.find("desc") is not None


def test_marks_that_can_be_pressed_say_what_they_are() -> None:
    scene = scene_of(RUNS["residual"])
    tree = ElementTree.fromstring(f"<div>{rendered(scene, opening='/?open=', form='run')}</div>")  # noqa: S314  # ours
    links = list(tree.iter("a"))
    assert links
    assert all(element.attrib["aria-label"] for element in links)
    assert any(element.attrib["href"] == "/?open=c-0" for element in links)
    buttons = list(tree.iter("button"))
    assert {"c-0", "memory"} <= {element.attrib["value"] for element in buttons}
    assert {element.attrib["form"] for element in buttons} == {"run"}


def test_the_table_says_what_the_figure_says() -> None:
    scene = scene_of(RUNS["data"])
    nodes, storages = (rows_at(table, film_of(scene).still()) for table in scene.tables)
    sigmoid = next(row for row in nodes if row[1] == "SigmoidBackward0")
    saved = "result at version 0, changed after saving (freed since)"
    assert sigmoid == ("2", "SigmoidBackward0", "3", "out", saved, "1", "1")
    assert [row[:5] for row in storages if row[0] == "S1"] == [
        ("S1", "out", "shape 3 · stride 1 · offset 0", "v1", "0"),
        ("S1", "c", "shape 3 · stride 1 · offset 0", "v2", "1"),
    ]
    nodes, storages = (rows_at(table, film_of(scene).still(4)) for table in scene.tables)
    assert next(row for row in nodes if row[1] == "SigmoidBackward0") == (
        *("not run", "SigmoidBackward0", "3", "out", "result at version 0", "–", "–"),
    )
    assert [row[5] for row in storages if row[1] == "out"] == ["0.7311 0.8808 0.9526"]
    assert not any(row[1] == "SumBackward0" for row in nodes)


def rows_at(table: Table, still: Still) -> list[tuple[str, ...]]:
    """The rows of a table that are there at one moment."""
    return [
        tuple(entry.text if entry.track is None else still.now[entry.track] for entry in row.entries)
        for row in table.rows
        if row.since is None or row.since <= still.moment
    ]
