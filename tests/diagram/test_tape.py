"""What must hold for every tape, and what the two runs that started it all must show."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest
from bs4 import BeautifulSoup, Tag

from app.diagram.scene import Drawing
from app.diagram.shapes import Mark
from app.diagram.tape import MOST_COLUMNS, Tape
from app.diagram.tape_lanes import Lane, fold_lane, weights_of
from app.diagram.tape_moments import Column, columns_of
from app.diagram.tape_reader import read_story
from app.diagram.tape_sheet import Contents, Cut
from app.trace.history import History
from app.trace.model import Summary, Trace, Values
from app.trace.moments import Moments
from tests.builders import a_trace
from tests.diagram.drawn import film_of, outside, overlapping_texts, tape_of
from tests.diagram.tape_page import rendered
from tests.diagram.tape_runs import HOSTILE, RUNS, by_data, by_detach, loop, many, steps, straight, unknown
from tests.tracing import trace_of

TORCH = {
    "data": "a = torch.tensor([1., 2., 3.], requires_grad=True)\nout = a.sigmoid()\nc = out.data\nc.zero_()\n"
    "out.sum().backward()\nprint(a.grad)\n",
    "detach": "a = torch.tensor([1., 2., 3.], requires_grad=True)\nout = a.sigmoid()\nc = out.detach()\nc.zero_()\n"
    "out.sum().backward()\nprint(a.grad)\n",
    "one line": "x = torch.ones(2, requires_grad=True)\nfor _ in range(50): (x * x).sum().backward(); x.data.sub_(1)\n",
    "double": "x = torch.ones(2, requires_grad=True)\ng, = torch.autograd.grad((x ** 3).sum(), x, create_graph=True)\n"
    "g.sum().backward()\n",
    "retained": "x = torch.ones(2, requires_grad=True)\ny = x.exp().sum()\ny.backward(retain_graph=True)\n"
    "y.backward()\n",
    "swapped": "w = torch.ones(2, requires_grad=True)\ny = (w * w).sum()\nw.data = torch.zeros(2)\ny.backward()\n",
    "norm": "m = torch.nn.BatchNorm1d(3)\nx = torch.randn(4, 3)\nfor _ in range(3):\n    m(x).sum().backward()\n",
    "meta": "x = torch.ones(2, device='meta', requires_grad=True)\ny = x * 2\n",
    "caught": "x = torch.ones(2, requires_grad=True)\ny = x.exp()\ny.add_(1)\ntry:\n    y.sum().backward()\n"
    "except RuntimeError:\n    pass\nz = x * 2\n",
}


@pytest.fixture(scope="module")
def traces() -> dict[str, Trace]:
    """Runs told by hand, and some that torch ran."""
    told = {name: run() for name, run in RUNS.items()}
    return told | {name: trace_of(f"import torch\n{source}") for name, source in TORCH.items()}


NAMES = [*RUNS, *TORCH]


def marks_of(drawing: Drawing, kind: str) -> list[Mark]:
    return [mark for mark in drawing.marks if kind in mark.kind.split()]


def icons_of(drawing: Drawing) -> Counter[str]:
    return Counter(icon.kind for mark in drawing.marks for icon in mark.icons)


def texts_of(drawing: Drawing) -> set[str]:
    return {label.text for mark in drawing.marks for label in mark.labels}


def story_of(trace: Trace) -> tuple[tuple[Lane, ...], tuple[Lane, ...], tuple[Column, ...]]:
    """The lanes in full, as the wide drawing shows them, and its columns."""
    history = History(trace)
    moments, story = history.moments, read_story(history)
    columns = columns_of(moments, weights_of(story, moments), MOST_COLUMNS)
    return story.lanes, tuple(fold_lane(lane, columns) for lane in story.lanes), columns


# every tape


@pytest.mark.parametrize("name", NAMES)
def test_no_text_touches_another_and_nothing_reaches_out(traces: dict[str, Trace], name: str) -> None:
    for drawing in tape_of(traces[name]).drawings:
        assert overlapping_texts(drawing) == []
        assert outside(drawing) == []
        assert all(0 <= icon.x <= drawing.width for mark in drawing.marks for icon in mark.icons)
        assert {label.size for mark in drawing.marks for label in mark.labels} <= {12, 13}


@pytest.mark.parametrize("name", NAMES)
def test_a_text_keeps_lines_off_itself_by_a_rim_of_its_own_ground(traces: dict[str, Trace], name: str) -> None:
    for drawing in tape_of(traces[name]).drawings:
        grounds = [plate for mark in drawing.marks for plate in mark.plates if plate.kind == "sunk"]
        for mark in marks_of(drawing, "halo"):
            for x, y in (label.box.middle for label in mark.labels):
                inside = any(one.x < x < one.x + one.width and one.y < y < one.y + one.height for one in grounds)
                assert ("sunken" in mark.kind) == inside, mark.labels


@pytest.mark.parametrize("name", NAMES)
def test_every_save_write_and_check_of_an_open_column_is_drawn(traces: dict[str, Trace], name: str) -> None:
    lanes, shown, columns = story_of(traces[name])
    drawings = tape_of(traces[name]).drawings
    if not drawings:
        assert not lanes
        return
    wide = drawings[0]
    is_open = {column.first for column in columns if not column.folded}
    pins = {(mark.ref, mark.since) for mark in marks_of(wide, "save")}
    writes = Counter((mark.ref, mark.since) for mark in marks_of(wide, "write") if mark.ref)
    checks = {mark.since for mark in marks_of(wide, "check")}
    wrong = {mark.since for mark in marks_of(wide, "read")}
    for lane in lanes:
        saved = {(save.node, save.moment) for save in lane.saves if save.moment in is_open}
        pinned_at = {moment for _, moment in pins}
        assert {moment for _, moment in saved} <= pinned_at
        for write in lane.writes:
            if write.moment in is_open:
                assert writes[f"L{write.write.line}", write.moment] >= 1
        for save in lane.saves:
            for read in save.reads:
                if {save.moment, read.moment} <= is_open:
                    assert read.verdict == "unchecked" or read.moment in checks
                    assert not read.differs or read.moment in wrong
    assert sum(writes.values()) == sum(write.moment in is_open for lane in lanes for write in lane.writes)
    assert [lane.storage for lane in shown] == [lane.storage for lane in lanes]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_folded_or_not_drawn_is_counted(traces: dict[str, Trace], name: str) -> None:
    trace = traces[name]
    tape = tape_of(trace)
    lanes, shown, columns = story_of(trace)
    for lane, folded in zip(lanes, shown, strict=True):
        assert len(folded.saves) + sum(fold.saves for fold in folded.folds) == len(lane.saves)
        assert len(folded.writes) + sum(fold.writes for fold in folded.folds) == len(lane.writes)
    told = " ".join(tape.notes)
    left = len(trace.storages) - len(lanes)
    assert f"{left:,} storage" in told or not left or not lanes
    folds = [column for column in columns if column.folded]
    assert len([note for note in tape.notes if "folded" in note]) == min(len(folds), 4)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_run_gives_the_same_tape(traces: dict[str, Trace], name: str) -> None:
    assert tape_of(traces[name]) == tape_of(traces[name])


@pytest.mark.parametrize("name", NAMES)
def test_every_mark_knows_from_which_moment_on_it_shows(traces: dict[str, Trace], name: str) -> None:
    tape = tape_of(traces[name])
    for drawing in tape.drawings:
        for mark in drawing.marks:
            known = mark.kind in ("grounds", "rules", "ghosts", "playhead", "column")
            assert known or (mark.since is not None and 1 <= mark.since <= tape.moments)


@pytest.mark.parametrize("name", NAMES)
def test_the_legend_lists_the_marks_that_occur(traces: dict[str, Trace], name: str) -> None:
    tape = tape_of(traces[name])
    listed = {"unseen" if entry.mark == "harmless" else entry.mark for entry in tape.legend} - {"counter", "fold"}
    drawn = set(icons_of(tape.drawings[0])) if tape.drawings else set()
    assert listed == drawn


# the run through .data


def test_a_write_through_data_is_drawn_as_one_that_autograd_did_not_see() -> None:
    for trace in (by_data(), trace_of(f"import torch\n{TORCH['data']}")):
        wide, medium, narrow, slim = tape_of(trace).drawings
        for drawing in (wide, medium, narrow, slim):
            assert icons_of(drawing) == {"pin": 1, "unseen": 1, "differs": 1, "passed": 1}
            assert len(marks_of(drawing, "harmful")) == 1
        assert {"saved as", "result", "SigmoidBackward0 keeps it", "read", "not what was saved"} <= texts_of(wide)
        assert {"no step here", "0 = 0, passes", "autograd checks this", "nobody checks this"} <= texts_of(wide)
        assert {"saved", "no step", "0 = 0", "passes", "not what was saved"} <= texts_of(narrow)
        (write,) = marks_of(wide, "write")
        (check,) = marks_of(wide, "check")
        (read,) = marks_of(wide, "read")
        assert (write.ref, write.since) == ("L5", 5)
        assert check.icons[0].x == read.icons[0].x
        assert check.since == read.since
        assert wide.height <= 300


def test_the_contents_before_and_after_are_cells_and_only_the_lost_ones_are_wrong() -> None:
    wide = tape_of(trace_of(f"import torch\n{TORCH['data']}")).drawings[0]
    cells = {mark.since: [(cell.text, cell.wrong) for cell in mark.squares] for mark in marks_of(wide, "cells")}
    assert cells[3] == [("0.731", False), ("0.881", False), ("0.953", False)]
    assert cells[5] == [("0", True)] * 3
    partly = tape_of(RUNS["by_numpy"]()).drawings[0]
    cells = {mark.since: [(cell.text, cell.wrong) for cell in mark.squares] for mark in marks_of(partly, "cells")}
    assert cells[5] == [("2.72", False), ("100", True), ("20.1", False)]


def test_only_the_counter_of_the_alias_steps() -> None:
    lanes, _, _ = story_of(by_data())
    checked, other = lanes[0].counters
    assert (checked.id, checked.start, checked.steps, checked.checked) == ("v1", 0, (), True)
    assert (other.id, other.start, other.steps, other.checked) == ("v2", 0, ((5, 1),), False)


def test_the_story_is_told_in_two_sentences_of_this_run() -> None:
    assert tape_of(trace_of(f"import torch\n{TORCH['data']}")).desc == (
        "On line 3 SigmoidBackward0 saved out as result at version 0 in S1, which held 0.731 0.881 0.953; on line 5 "
        "zero_ through c wrote over it, and v1, which autograd checks, did not move. On line 6 backward found 0 = 0, "
        "passes, and used 0 0 0: contents that are not what was saved."
    )


# the run through .detach()


def test_a_write_through_detach_is_seen_and_the_lanes_end_at_the_read_that_refused() -> None:
    for trace in (by_detach(), trace_of(f"import torch\n{TORCH['detach']}")):
        tape = tape_of(trace)
        wide, _, narrow, _ = tape.drawings
        assert icons_of(wide) == icons_of(narrow) == {"pin": 1, "write": 1, "refused": 1}
        (check,) = marks_of(wide, "check")
        assert check.since == tape.moments == Moments(trace).count
        end = check.icons[0].x
        assert max(cell.x + cell.width for mark in wide.marks for cell in mark.squares) <= end
        for mark in (*marks_of(wide, "steps"), marks_of(wide, "stretch")[-1]):
            assert f"{end:g}" in mark.lines[0].path
        assert {"expected 0, is 1", "refused", "RuntimeError", "the run stops here"} <= texts_of(wide)
        assert {"expected 0, is 1", "refused", "RuntimeError: the run stops here"} <= texts_of(narrow)
        assert wide.height <= 300


def test_what_torch_refuses_is_drawn_without_alarm() -> None:
    for name in ("by_detach", "twice", "no_backward", "clean"):
        for drawing in tape_of(RUNS[name]()).drawings:
            assert not any(label.tone == "alarm" for mark in drawing.marks for label in mark.labels)
            assert not marks_of(drawing, "harmful")
            assert not any(
                "wrong" in line.kind or "harmful" in line.kind for mark in drawing.marks for line in mark.lines
            )


# other runs


def test_reading_what_was_freed_is_refused_at_the_second_backward() -> None:
    wide = tape_of(RUNS["twice"]()).drawings[0]
    assert icons_of(wide) == {"pin": 1, "passed": 1, "refused": 1}
    assert any("already freed" in text for text in texts_of(wide))


def test_an_error_that_was_caught_does_not_end_the_lanes() -> None:
    trace = trace_of(f"import torch\n{TORCH['caught']}")
    tape = tape_of(trace)
    (check,) = marks_of(tape.drawings[0], "check")
    assert [icon.kind for icon in check.icons] == ["refused"]
    assert check.since is not None
    assert check.since < tape.moments
    assert "the run stops here" not in texts_of(tape.drawings[0])


def test_contents_that_are_not_known_are_not_invented() -> None:
    wide = tape_of(unknown()).drawings[0]
    cells = [(mark.since, [cell.text for cell in mark.squares]) for mark in marks_of(wide, "cells")]
    assert cells == [(5, ["5", "5", "5"])]
    assert len(marks_of(wide, "stretch")) == 3


def test_a_swap_of_memory_shows_what_backward_read() -> None:
    wide = tape_of(trace_of(f"import torch\n{TORCH['swapped']}")).drawings[0]
    assert icons_of(wide)["unseen"] == 1
    assert icons_of(wide)["differs"] == 1


def test_what_a_line_writes_after_calling_backward_comes_after_its_nodes() -> None:
    source = (
        "import torch\nw = torch.ones(2, requires_grad=True)\nboth = (w * w).sum().backward(), w.data.sub_(w.grad)\n"
    )
    trace = trace_of(source)
    moments = Moments(trace)
    lanes, _, _ = story_of(trace)
    (write,) = lanes[0].writes
    assert write.moment == moments.end_of(2)
    assert not write.harmful


def test_a_loop_of_three_hundred_passes_stays_small_and_says_what_it_left_out() -> None:
    tape = tape_of(loop(300))
    assert all(
        len(marks_of(drawing, "rules")[0].lines[0].path.split("M")) <= MOST_COLUMNS + 1 for drawing in tape.drawings
    )
    assert "×298" in texts_of(tape.drawings[0])
    assert "Lines 2–6: 298 passes of the loop, folded: 298 saves, 298 reads, 298 writes on these lanes." in tape.notes
    assert tape.drawings[0].height < 400


def test_the_pass_in_which_a_write_was_hidden_is_open() -> None:
    tape = tape_of(loop(300, hidden_in=150))
    wide = tape.drawings[0]
    assert icons_of(wide)["differs"] == 1
    assert {"×149", "×148"} <= texts_of(wide)


@pytest.mark.parametrize("trace", [loop(300), steps(10_000), straight(90)], ids=["loop", "steps", "straight"])
def test_long_runs_are_drawn_quickly(trace: Trace) -> None:
    spent = []
    for _ in range(5):
        before = time.process_time()
        tape_of(trace)
        spent.append(time.process_time() - before)
    assert min(spent) < 0.06  # a third of it on a quiet machine


def test_of_many_storages_the_telling_ones_are_drawn_and_the_rest_is_counted() -> None:
    tape = tape_of(many())
    lanes, _, _ = story_of(many())
    assert {lane.storage for lane in lanes} >= {"s3"}
    assert lanes[0].in_question
    assert any("storages are not drawn" in note for note in tape.notes)
    assert tape.drawings[0].height < 500


def test_a_run_of_which_nothing_is_to_be_drawn_says_why() -> None:
    assert tape_of(trace_of("1 +")).notes == ("Nothing ran.",)
    assert tape_of(trace_of("x = 1")).notes == ("No tensor was made.",)
    assert tape_of(trace_of("x = 1")).drawings == ()


# as a page


def at_the_end(tape: Tape) -> BeautifulSoup:
    return rendered(tape, film_of(tape).still())


def figures_in(page: BeautifulSoup) -> Iterator[Tag]:
    return (svg for svg in page.find_all("svg") if svg.get("role") == "group")


@pytest.mark.parametrize("name", NAMES)
def test_the_page_names_each_drawing_once_and_escapes_what_the_snippet_gave(
    traces: dict[str, Trace], name: str
) -> None:
    page = at_the_end(tape_of(traces[name]))
    ids = [str(tag["id"]) for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
    for svg in figures_in(page):
        title, desc = str(svg["aria-labelledby"]).split()
        assert page.find(id=title).get_text() == "The tape"  # type: ignore[union-attr]  # None fails the test
        assert page.find(id=desc).get_text()  # type: ignore[union-attr]  # None fails the test
    assert not page.find_all("script")
    assert not page.find_all(style=True)
    assert all(not attribute.startswith("on") for tag in page.find_all(True) for attribute in tag.attrs)


def test_hostile_names_are_shown_as_text() -> None:
    page = at_the_end(tape_of(RUNS["hostile"]()))
    assert HOSTILE in page.find("table").get_text()  # type: ignore[union-attr]  # None fails the test
    assert any(HOSTILE in title.get_text() for title in page.find_all("title"))


def test_the_table_has_the_same_facts() -> None:
    page = at_the_end(tape_of(trace_of(f"import torch\n{TORCH['data']}")))
    rows = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in page.find_all("tr")][1:]
    assert ["line 3", "S1 out, c", "SigmoidBackward0 saved out as result at version 0", ""] in rows
    written = "zero_ through c wrote S1, not seen by autograd; v1 did not move; v2 goes to 1"
    assert ["line 5", "S1 out, c", written, "0 0 0"] in rows
    read = "SigmoidBackward0 reads result: 0 = 0, passes; the contents are not what was saved"
    assert ["line 6, backward through SigmoidBackward0", "S1 out, c", read, ""] in rows


def test_marks_carry_the_ids_of_what_they_show() -> None:
    page = at_the_end(tape_of(by_data()))
    refs = {str(tag["data-ref"]) for tag in page.select("[data-ref]")}
    assert {"t0", "t1", "t2", "s0", "s1", "v1", "v2", "n0", "n1", "n2", "L2", "L5"} <= refs


def test_contents_in_words_need_no_room() -> None:
    values = Values(shape=(3,), dtype="float32", summary=Summary(min=0.0, max=1.0, mean=0.5, zeros=1, not_finite=0))
    assert Contents(History(a_trace())).fit(values, -1.0) == Cut()
