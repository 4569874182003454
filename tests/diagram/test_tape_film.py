"""The tape from moment to moment: where the playhead stands, what is told of what lies ahead, where links lead."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from bs4 import BeautifulSoup, Tag
from msgspec.structs import replace

from app.diagram.film import Film
from app.diagram.pictures import draw
from app.diagram.tape import Tape
from app.diagram.tape_sheet import TapeDrawing, TapeMark
from app.trace.model import Content, Summary, Trace
from tests.builders import Told
from tests.diagram.drawn import film_of, tape_of
from tests.diagram.tape_page import ADDRESS, markup, rendered
from tests.diagram.tape_runs import RUNS, by_data, loop, straight
from tests.tracing import trace_of

ONCE = "import torch\nx = torch.tensor([1., 2.], requires_grad=True)\n"
TORCH = {
    "hook": f"{ONCE}y = x.exp()\ndef hook(g):\n    return g * 2\ny.register_hook(hook)\ny.sum().backward()\n",
    "functions": f"{ONCE}def outer(t):\n    u = t * 2\n    return inner(u)\ndef inner(t):\n    r = t.exp()\n"
    "    return r\ny = outer(x)\nz = inner(y)\n",
    "modes": f"{ONCE}(x * x).sum().backward()\nwith torch.no_grad():\n    s = 0.1 * x.grad\n    x -= s\n"
    "with torch.inference_mode():\n    p = x * 2\nprint(x)\n",
    "twice": f"{ONCE}y = x.exp().sum()\ny.backward(retain_graph=True)\ny.backward()\n",
    "double": f"{ONCE}y = (x ** 3).sum()\ng, = torch.autograd.grad(y, x, create_graph=True)\ng.sum().backward()\n",
    "changed between": f"{ONCE}y = x.exp()\nz = y.sum()\nz.backward(retain_graph=True)\ny.data.zero_()\nz.backward()\n",
}
NAMES = [*RUNS, *TORCH]


@pytest.fixture(scope="module")
def tapes() -> dict[str, Tape]:
    told = {name: run() for name, run in RUNS.items()}
    told |= {name: trace_of(source) for name, source in TORCH.items()}
    return {name: tape_of(trace) for name, trace in told.items()}


def stills_of(film: Film) -> Iterator[tuple[int, list[str]]]:
    """The moments of a few stops, the first and the last among them, with what each track holds then."""
    count = len(film.stops)
    for index in sorted({0, 1, count // 3, count // 2, count - 2, count - 1} & set(range(count))):
        yield film.stops[index], film.now(index)


def classes_of(tag: Tag) -> list[str]:
    return str(tag.get("class") or "").split() if isinstance(tag.get("class"), str) else list(tag.get("class") or ())


def columns_of(drawing: TapeDrawing) -> list[TapeMark]:
    return [mark for mark in drawing.marks if mark.kind == "column"]


def ran_over(mark: TapeMark, *, turned: bool) -> tuple[float, float]:
    """From where to where a column reaches."""
    hit = mark.plates[0]
    return (hit.y, hit.y + hit.height) if turned else (hit.x, hit.x + hit.width)


# every tape, at every stop


@pytest.mark.parametrize("name", NAMES)
def test_the_playhead_stands_in_the_one_column_that_is_current(tapes: dict[str, Tape], name: str) -> None:
    tape = tapes[name]
    for drawing in tape.drawings:
        columns = columns_of(drawing)
        for moment, now in stills_of(film_of(tape)):
            current = [mark for mark in columns if mark.look is not None and now[mark.look] == "column now"]
            (leads,) = [mark for mark in current if mark.moment is not None]
            assert (leads.moment or 0) >= moment
            before = [mark.moment for mark in columns if mark.moment is not None and mark.moment < moment]
            assert leads.moment == min(mark.moment for mark in columns if mark.moment and mark.moment >= moment)
            start, end = ran_over(leads, turned=drawing.turned)
            assert start <= float(now[drawing.playhead]) <= end
            assert start <= float(now[drawing.reached])
            for mark in columns:
                if mark.moment in before and mark.look is not None:
                    assert now[mark.look] == "column"


@pytest.mark.parametrize("name", NAMES)
def test_the_playhead_only_goes_on_and_in_the_end_everything_is_reached(tapes: dict[str, Tape], name: str) -> None:
    tape = tapes[name]
    film = film_of(tape)
    for drawing in tape.drawings:
        nows = [film.now(index) for index in range(0, len(film.stops), max(len(film.stops) // 40, 1))]
        nows.append(film.now(len(film.stops) - 1))
        for track in (drawing.playhead, drawing.reached):
            assert all(float(one[track]) <= float(other[track]) for one, other in pairwise(nows))
        assert float(nows[-1][drawing.reached]) >= (drawing.height if drawing.turned else drawing.width)


@pytest.mark.parametrize("name", NAMES)
def test_every_column_is_a_link_to_its_moment_and_large_enough_to_hit(tapes: dict[str, Tape], name: str) -> None:
    tape = tapes[name]
    for drawing in tape.drawings:
        moments = [mark.moment for mark in columns_of(drawing) if mark.moment is not None]
        assert moments == sorted(set(moments))
        assert moments[-1] == tape.moments
        for mark in columns_of(drawing):
            assert mark.label
            assert (mark.moment is None) != (mark.asks is None)
            assert mark.plates[0].height >= 24
        if name != "straight" and not drawing.turned:  # side by side, forty of them have no room for more
            assert all(mark.plates[0].width >= 13 for mark in columns_of(drawing))


@pytest.mark.parametrize("name", NAMES)
def test_what_lies_ahead_is_marked_so_and_what_is_over_is_not(tapes: dict[str, Tape], name: str) -> None:
    tape = tapes[name]
    film = film_of(tape)
    for moment in (film.stops[0], film.stops[len(film.stops) // 2]):
        page = rendered(tape, film.still(moment))
        for tag in page.select("[data-from]"):
            ahead = int(str(tag["data-from"])) > moment
            assert ("ahead" in classes_of(tag)) == ahead
        for svg in page.select("svg.figure:not(.legend-mark)"):
            for text in svg.find_all("text"):
                known = text.find_parent(attrs={"data-from": True})
                assert known or text.find_parent("a", class_="column")


@pytest.mark.parametrize("name", NAMES)
def test_the_same_moment_gives_the_same_markup(tapes: dict[str, Tape], name: str) -> None:
    film = film_of(tapes[name])
    assert markup(tapes[name], film.still(3)) == markup(tapes[name], film.still(3))


# the run through .data


def told_in(page: BeautifulSoup, figure: str) -> set[str]:
    """What can be read in a figure at its moment."""
    return {text.get_text() for text in page.select(f"svg.{figure} text") if not text.find_parent(class_="ahead")}


def test_nothing_of_what_is_to_come_can_be_read() -> None:
    tape = tape_of(by_data())
    film = film_of(tape)
    for figure in ("wide", "medium", "narrow"):
        before, written, after = (told_in(rendered(tape, film.still(moment)), figure) for moment in (3, 5, 8))
        assert any(text.startswith("0.7") for text in before)
        assert not {"0 = 0, passes", "0 = 0", "not what was saved", "no step here", "no step"} & before
        assert {"no step here", "no step"} & written
        assert "not what was saved" not in written
        assert "not what was saved" in after


def test_a_table_row_waits_for_its_moment() -> None:
    tape = tape_of(by_data())
    page = rendered(tape, film_of(tape).still(5))
    rows = page.select("table.facts tbody tr")
    assert [int(str(row["data-from"])) <= 5 for row in rows] == ["ahead" not in classes_of(row) for row in rows]


def test_columns_and_marks_lead_to_their_moments() -> None:
    tape = tape_of(by_data())
    page = rendered(tape, film_of(tape).still(5))
    wide = page.select_one("svg.wide")
    assert isinstance(wide, Tag)
    links = wide.select("a.column")
    assert [str(link["href"]) for link in links] == [f"{ADDRESS}moment={moment}" for moment in range(1, 11)]
    labels = ["Line 5 zero_", "Line 6 sum", "Sum. Line 6, backward through SumBackward0"]
    assert [link["aria-label"] for link in links][4:7] == labels
    marks = {str(link["class"][0]): link["data-moment"] for link in wide.select("a[data-from]")}
    assert marks == {"thing--save": "3", "thing--write": "5", "thing--read": "8", "thing--check": "8"}
    assert wide["role"] == "group"
    assert [link["data-moment"] for link in links if "now" in link["class"]] == ["5"]


# folds


@pytest.mark.parametrize("trace", [loop(300), straight(90)], ids=["loop", "straight"])
def test_a_fold_leads_to_the_page_with_its_middle_open(trace: Trace) -> None:
    wide = draw(trace).tape.drawings[0]
    asks = [mark.asks for mark in columns_of(wide) if mark.asks]
    assert asks
    for ask in asks:
        opened, moment = ask.split("&")
        assert opened.removeprefix("open=m") == moment.removeprefix("moment=")
        pictures = draw(trace, frozenset([opened.removeprefix("open=")]))
        asked = int(moment.removeprefix("moment="))
        assert asked in pictures.film.stops
        for drawing in pictures.tape.drawings:
            assert asked in {mark.moment for mark in columns_of(drawing)}


def test_the_playhead_moves_inside_a_fold_whose_moments_can_be_shown() -> None:
    tape = tape_of(loop(40))
    film, wide = film_of(tape), tape.drawings[0]
    places = {float(film.now(index)[wide.playhead]) for index in range(len(film.stops))}
    assert len(places) > 2 * len(columns_of(wide))


# what goes over several columns


def texts_of(drawing: TapeDrawing) -> list[str]:
    return [label.text for mark in drawing.marks for label in mark.labels]


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("hook", ["backward", "in hook", "no_grad"]),
        ("functions", ["in outer", "in inner", "in inner"]),
        ("modes", ["backward", "no_grad", "inference_mode"]),
        ("twice", ["backward 1", "backward 2"]),
        ("double", ["grad", "backward"]),
    ],
)
def test_regions_calls_and_backwards_say_what_they_are(tapes: dict[str, Tape], name: str, titles: list[str]) -> None:
    for drawing in tapes[name].drawings:
        found = texts_of(drawing)
        for title in set(titles):  # the narrow ones have no room for all of it
            spelled = found.count(title) + (title == "inference_mode" and found.count("inference"))
            assert spelled == titles.count(title), (drawing.kind, title)


def test_a_hook_s_lines_stand_on_the_ground_of_the_backward_that_ran_them(tapes: dict[str, Tape]) -> None:
    wide = tapes["hook"].drawings[0]
    (grounds,) = [mark for mark in wide.marks if mark.kind == "grounds"]
    (ground,) = grounds.plates
    inside = [
        mark.label
        for mark in columns_of(wide)
        if ground.x - 1 <= mark.plates[0].x and mark.plates[0].x + mark.plates[0].width <= ground.x + ground.width + 1
    ]
    assert inside[0].endswith("SumBackward0")
    assert inside[1] == "Line 5 mul"
    assert inside[-1].endswith("AccumulateGrad")


def test_what_adds_up_in_a_grad_has_a_lane_under_its_name(tapes: dict[str, Tape]) -> None:
    facts = [(row.moment, row.what, row.contents) for row in tapes["twice"].rows if row.names == "x.grad"]
    assert facts == [
        (7, "first seen", "2.718 7.389"),
        (11, "Accum. through x.grad wrote S3; v3 goes to 1", "5.44 14.78"),
    ]


def test_only_the_read_that_found_something_else_is_wrong(tapes: dict[str, Tape]) -> None:
    wide = tapes["changed between"].drawings[0]
    assert [mark.since for mark in wide.marks if mark.kind == "read"] == [12]
    assert [mark.since for mark in wide.marks if mark.kind == "check"] == [7, 12]


# contents too many to list


def test_a_histogram_stands_before_the_words_of_a_large_storage() -> None:
    told = Told().line(1)
    told.tensor("x", shape=(64, 64), known=False)
    told.line(2)
    trace = told.trace()
    summary = Summary(min=0.0, max=1.0, mean=0.5, zeros=1, not_finite=0, bins=(3, 9, 0, 5))
    storage = replace(trace.storages["s0"], contents=(Content(moment=1, summary=summary),))
    for drawing in tape_of(replace(trace, storages={"s0": storage})).drawings:
        (cells,) = [mark for mark in drawing.marks if mark.kind == "cells"]
        (bars,) = [line for line in cells.lines if line.kind == "sparks"]
        assert bars.path.count("M") == 3
        (words,) = cells.labels
        assert "64 × 64 · min 0 · max 1 · mean 0.5".startswith(words.text.removesuffix("…"))
        assert words.x > float(bars.path.rpartition("M")[2].split()[0])
