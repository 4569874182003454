"""Columns: every moment is in exactly one, loops fold, what matters stays open."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.diagram.reel import MOST_STOPS, reel_of
from app.diagram.tape_moments import Column, columns_of
from app.diagram.tape_reader import read_story
from app.trace.history import History
from app.trace.model import Backward, Fired, Node, Step, Trace
from app.trace.moments import Moments
from tests.builders import a_trace
from tests.diagram.tape_runs import by_data, loop, steps, straight

MOST = 40


def run_of(lines: list[int], depths: list[int], backwards: dict[int, int]) -> Trace:
    """A run of these lines; `backwards` say by step how many nodes ran."""
    return a_trace(
        steps=tuple(Step(line=line, depth=depth) for line, depth in zip(lines, depths, strict=True)),
        nodes={"n0": Node(name="AccumulateGrad")},
        backwards=tuple(Backward(step=at, fired=(Fired(node="n0"),) * count) for at, count in backwards.items()),
    )


@st.composite
def runs(draw: st.DrawFn) -> Trace:
    told = draw(st.binary(min_size=1, max_size=160))  # a byte for each step
    backwards = draw(st.dictionaries(st.integers(0, len(told) - 1), st.integers(0, 60), max_size=3))
    return run_of([byte % 12 + 1 for byte in told], [byte // 12 % 3 for byte in told], backwards)


@settings(max_examples=100, deadline=None)
@given(runs(), st.data())
def test_every_moment_is_in_exactly_one_column(trace: Trace, data: st.DataObject) -> None:
    moments = Moments(trace)
    always = data.draw(st.sets(st.integers(1, moments.count), max_size=3))
    asked = data.draw(st.lists(st.integers(-3, moments.count + 3), max_size=2))
    columns = columns_of(moments, dict.fromkeys(always, 3), MOST, asked)
    assert len(columns) <= MOST
    assert not asked or asked[0] in {*range(-3, 1), *range(moments.count + 1, moments.count + 4)} | open_moments(
        columns
    )
    held = [moment for column in columns for moment in range(column.first, column.last + 1)]
    assert held == list(range(1, moments.count + 1))
    assert always <= open_moments(columns)
    assert {1, moments.count} <= open_moments(columns)
    assert all(column.count > 1 for column in columns if column.folded)


def open_moments(columns: tuple[Column, ...]) -> set[int]:
    return {column.first for column in columns if not column.folded}


def test_a_short_run_has_a_column_for_each_line_and_each_node() -> None:
    columns = columns_of(Moments(by_data()), {}, MOST)
    assert [column.kind for column in columns] == ["line"] * 6 + ["node"] * 3 + ["line"]
    assert [column.node for column in columns[6:9]] == ["n2", "n1", "n0"]


def test_the_passes_of_a_loop_between_the_first_and_the_last_fold_into_one_column() -> None:
    trace = loop(300)
    columns = columns_of(Moments(trace), {}, MOST)
    (fold,) = [column for column in columns if column.folded]
    assert (fold.kind, fold.passes, fold.lines) == ("passes", 298, (2, 6))
    lines = [trace.line(column.step) for column in columns if column.kind == "line"]
    assert lines == [1, 2, 3, 4, 5, 6, 2, 3, 4, 5, 6, 2, 7]


def test_a_pass_in_which_something_went_wrong_stays_open() -> None:
    trace = loop(300)
    moments = Moments(trace)
    telling = moments.of(1 + 150 * 5)  # a line of pass 150
    columns = columns_of(moments, {telling: 3}, MOST)
    assert [column.passes for column in columns if column.folded] == [149, 148]
    assert telling in open_moments(columns)


def test_a_pass_that_was_asked_for_is_open_and_so_is_what_is_around_a_moment() -> None:
    trace = loop(300)
    moments = Moments(trace)
    asked = moments.of(1 + 150 * 5)
    columns = columns_of(moments, {}, MOST, [asked])
    assert [column.passes for column in columns if column.folded] == [149, 148]
    assert asked in open_moments(columns)
    columns = columns_of(Moments(straight(90)), {}, MOST, [60])
    assert set(range(55, 66)) <= open_moments(columns)


def test_loops_in_loops_fold_inside_open_passes() -> None:
    columns = columns_of(Moments(steps(10_000)), {}, MOST)
    assert len(columns) <= MOST
    assert max(column.passes for column in columns) > 100


def test_a_straight_run_folds_what_is_quiet_and_keeps_what_matters() -> None:
    moments = Moments(straight(90))
    columns = columns_of(moments, {30: 1, 60: 3}, MOST)
    assert {1, 30, 60, moments.count} <= open_moments(columns)
    assert {column.kind for column in columns if column.folded} <= {"lines", "nodes"}


def test_a_moment_knows_its_step_and_its_node() -> None:
    moments = Moments(by_data())
    assert moments.count == 10
    assert [moments.step_of(moment) for moment in (1, 6, 7, 9, 10)] == [0, 5, 5, 5, 6]
    assert [moments.backward_of(moment) for moment in (6, 7, 9, 10)] == [None, (0, 0), (0, 2), None]
    assert moments.firings({"n0"}) == {"n0": [(9, True)]}


def test_backwards_of_one_line_follow_each_other_and_empty_ones_take_no_moment() -> None:
    trace = a_trace(
        steps=(Step(line=1),),
        nodes={"n0": Node(name="AccumulateGrad"), "n1": Node(name="AccumulateGrad")},
        backwards=(
            Backward(step=0, fired=(Fired(node="n0"),)),
            Backward(step=0, fired=()),
            Backward(step=0, fired=(Fired(node="n1"),)),
        ),
    )
    moments = Moments(trace)
    assert moments.count == 3
    assert [moments.backward_of(moment) for moment in (2, 3)] == [(0, 0), (2, 0)]
    assert [column.node for column in columns_of(moments, {}, MOST)] == [None, "n0", "n1"]


def test_the_reel_opens_more_passes_than_the_tape() -> None:
    """The first ones, the last ones and what was asked for; and never more stops than there may be."""
    trace = loop(200)
    moments = Moments(trace)
    story = read_story(History(trace))
    reel = reel_of(moments, story, [moments.of(1 + 5 * 100)])
    stops = {column.last for column in reel}
    assert len(reel) <= MOST_STOPS
    assert len(reel) > len(columns_of(moments, {}, MOST))
    assert stops >= {moments.of(step) for step in (*range(1, 30), 1 + 5 * 100)}
    assert moments.count in stops
