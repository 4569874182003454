"""The latest runs are kept, within bounds; a press of Run always runs."""

from app.diagram.pictures import draw
from app.explain.diagnosis import Diagnosis
from app.trace.model import Reference, Trace
from app.trace.wire import encode
from app.web.recent import Recent
from app.web.run import Run, Sandboxed, run_of
from app.web.runs import Runs
from app.web.shown import Shown, show
from tests.web.samples import data_trace
from tests.web.test_traces import Counting

NOTHING: frozenset[str] = frozenset()
OPEN = frozenset(["m3"])


def shown(**fields: object) -> Shown:
    trace = data_trace(**fields)
    no_diagnoses: tuple[Diagnosis, ...] = ()
    return show(Run(trace=trace, diagnoses=no_diagnoses), draw(trace), "x = 1")


def test_the_oldest_goes_first() -> None:
    recent = Recent(most_runs=2)
    for source in ("a", "b"):
        recent.add(source, NOTHING, shown())
    assert recent.get("a", NOTHING) is not None  # used again: now "b" is the oldest
    recent.add("c", NOTHING, shown())
    assert [recent.run_of(source) is not None for source in "abc"] == [True, False, True]


def test_together_they_are_no_larger_than_the_bound() -> None:
    one = shown(stdout="x" * 1_000)
    size = len(encode(one.run.trace))
    recent = Recent(most_bytes=2 * size)
    for source in ("a", "b", "c"):
        recent.add(source, NOTHING, one)
    assert [recent.run_of(source) is not None for source in "abc"] == [False, True, True]
    recent.add("large", NOTHING, shown(stdout="x" * 3 * size))
    assert recent.run_of("large") is None
    assert recent.run_of("c") is not None


def test_a_new_run_takes_the_place_of_the_one_before() -> None:
    recent = Recent()
    before, after = shown(), shown()
    recent.add("a", NOTHING, before)
    recent.add("a", OPEN, before)
    recent.renew("a", NOTHING, after)
    assert recent.get("a", NOTHING) is after
    assert recent.get("a", OPEN) is None


def test_a_run_that_was_drawn_elsewhere_is_kept_as_it_came() -> None:
    recent = Recent()
    came = Sandboxed(trace=data_trace())
    recent.add("a", OPEN, shown())
    recent.note("a", came, 100)
    assert recent.get("a", OPEN) is None
    assert recent.get("a", NOTHING) is None
    assert recent.run_of("a") == run_of(came, "a")
    drawn = shown()
    recent.add("a", NOTHING, drawn)
    assert recent.get("a", NOTHING) is drawn


class Answering(Counting):
    """A sandbox that takes everything."""

    async def reference(self, source: str) -> Reference:  # noqa: ARG002  # the sandbox's own signature
        trace: Trace = data_trace()
        return Reference(outcome=trace.outcome, grads={})


async def test_asking_for_another_moment_does_not_run_again() -> None:
    sandbox = Answering()
    runs = Runs(sandbox)
    first = await runs.pressed("x = 1")
    assert await runs.asked("x = 1") is first
    opened = await runs.asked("x = 1", OPEN)
    assert opened.run is first.run
    assert await runs.asked("x = 1", OPEN) is opened
    assert sandbox.traced == 1
    assert await runs.pressed("x = 1") is not first
    assert sandbox.traced == 2
    await runs.asked("y = 2")
    assert sandbox.traced == 3


async def test_a_run_that_was_drawn_for_one_room_is_drawn_again_for_who_asks_later() -> None:
    sandbox = Answering()
    runs = Runs(sandbox)
    narrow = await runs.pressed("x = 1", room="narrow")
    assert narrow.pictures.room == "narrow"
    assert len(narrow.pictures.scene.drawings) == 1
    again = await runs.asked("x = 1")
    assert again.pictures.room is None
    assert again.run is narrow.run  # explained once
    assert await runs.ran("x = 1") is narrow.run
    assert sandbox.traced == 1


async def test_a_page_that_was_made_elsewhere_is_not_run_again() -> None:
    sandbox = Answering()
    runs = Runs(sandbox)
    came = await runs.sandboxed("x = 1")
    runs.keep(came, "x = 1", 100)
    assert (await runs.ran("x = 1")).trace is came.trace
    drawn = await runs.asked("x = 1")
    assert drawn.run.trace is came.trace
    assert (await runs.asked("x = 1", OPEN)).run.trace is came.trace
    assert await runs.asked("x = 1") is drawn
    assert sandbox.traced == 1
