"""What the page says of a run: marks and values of lines, variables, and how it ended."""

import msgspec
import pytest

from app.diagram.film import Film
from app.trace.history import History
from app.trace.model import Error, Outcome, Trace, Write
from app.web.lines import LISTED_LINES, Line
from app.web.lines import lines_of as lines_at
from app.web.outcome import Limits, announcement, ending, remarks, size
from tests.web.samples import data_trace

LIMITS = Limits(time_s=5.0, memory_bytes=2**30, output_bytes=2**16, source_bytes=20_000)
SOURCE = "\n".join(
    [
        "import torch",
        "a = torch.tensor([1., 2., 3.], requires_grad=True)",
        "out = a.sigmoid()",
        "c = out.data",
        "c.zero_()",
        "out.sum().backward()",
        "print(a.grad)",
    ]
)


def lines_of(trace: Trace, source: str) -> tuple[Line, ...]:
    history = History(trace)
    film = Film(range(1, history.moments.count + 1))
    drawn = frozenset(trace.tensors | trace.storages | trace.counters)
    return lines_at(history, film, source, drawn, {})


def test_marks_and_values_of_lines() -> None:
    lines = lines_of(data_trace(), SOURCE)
    assert [(line.mark, line.values) for line in lines] == [
        (None, None),
        (None, "1 2 3"),
        ("saved", "0.7311 0.8808 0.9526"),  # as it was then: what is there now is not what line 3 made
        (None, None),  # line 4 made `c` over what line 5 overwrote: not known
        ("unseen", "0 0 0"),
        (None, None),
        (None, None),
    ]
    assert lines[4].words == "write not seen by autograd"
    assert set(lines[4].lights) == {"t2", "s1", "v2"}


def test_a_write_that_moves_the_shared_counter_is_seen() -> None:
    trace = data_trace()
    shared = msgspec.structs.replace(trace.tensors["t2"], counter="v1")
    write = msgspec.structs.replace(trace.writes[0], counter="v1")
    trace = msgspec.structs.replace(trace, tensors={**trace.tensors, "t2": shared}, writes=(write,))
    assert lines_of(trace, SOURCE)[4].mark == "write"


@pytest.mark.parametrize(
    ("storage", "op", "mark"),
    [
        ("s1", "(not an operator)", "unseen"),  # SigmoidBackward0 had saved what was there
        ("s0", "(not an operator)", "missed"),  # nothing had
        ("s0", "batch_norm", "write"),  # running statistics: as always
    ],
)
def test_a_write_that_moves_no_counter_is_unseen_where_it_matters(storage: str, op: str, mark: str) -> None:
    write = Write(step=4, line=5, op=op, storage=storage, counter=None, through=None)
    assert lines_of(data_trace(writes=(write,)), SOURCE)[4].mark == mark


def test_the_line_that_raised_is_marked_over_all_else() -> None:
    outcome = Outcome(kind="raised", error=Error(type="RuntimeError", message="m", line=5))
    line = lines_of(data_trace(outcome=outcome), SOURCE)[4]
    assert (line.mark, line.words) == ("raised", "RuntimeError")


def test_of_a_long_snippet_only_lines_with_a_mark_are_listed() -> None:
    source = SOURCE + "\n" * LISTED_LINES
    assert [line.number for line in lines_of(data_trace(), source)] == [3, 5]


@pytest.mark.parametrize(
    ("outcome", "headline"),
    [
        (Outcome(kind="finished"), "Finished"),
        (Outcome(kind="raised", error=Error(type="ValueError", message="m", line=3)), "ValueError at line 3"),
        (Outcome(kind="raised", error=Error(type="KeyError", message="m", line=None)), "KeyError"),
        (Outcome(kind="stopped", reason="time", line=4), "Stopped after 5 s on line 4."),
        (
            Outcome(kind="stopped", reason="memory", line=4),
            "Stopped on line 4: it asked for more than 1 GiB of memory.",
        ),
        (Outcome(kind="stopped", reason="output", line=4), "Stopped on line 4: it printed more than 64 KiB."),
        (Outcome(kind="stopped", reason="size"), "Stopped: the record of this run grew too large to draw."),
        (Outcome(kind="stopped", reason="crash", line=2), "Line 2 ended the whole process, without an exception."),
        (Outcome(kind="stopped", reason="crash"), "The snippet ended the whole process, without an exception."),
    ],
)
def test_how_a_run_ended(outcome: Outcome, headline: str) -> None:
    end = ending(data_trace(outcome=outcome), LIMITS)
    assert end.headline == headline
    assert (end.advice is not None) is (outcome.kind == "stopped")


def test_a_syntax_error_says_that_nothing_ran() -> None:
    error = Error(type="SyntaxError", message="'(' was never closed", line=1, column=5)
    end = ending(data_trace(outcome=Outcome(kind="raised", error=error), steps=()), LIMITS)
    assert end.headline == "SyntaxError at line 1, column 5. Nothing ran."
    assert end.error == "SyntaxError: '(' was never closed"


def test_remarks_on_what_is_missing() -> None:
    trace = data_trace()
    plain = {key: msgspec.structs.replace(each, requires_grad=False) for key, each in trace.tensors.items()}
    assert remarks(trace) == ()
    assert remarks(data_trace(backwards=())) == ("No backward ran.",)
    assert remarks(data_trace(tensors=plain, backwards=())) == ()  # the figure says that nothing was recorded


def test_announcement_without_a_finding() -> None:
    assert announcement(ending(data_trace(), LIMITS), ()) == "Finished. Nothing unusual was seen."


@pytest.mark.parametrize(
    ("count", "words"),
    [(2**30, "1 GiB"), (2**16, "64 KiB"), (20_000, "20 kB"), (1_234, "1,234 bytes"), (3 * 10**6, "3 MB")],
)
def test_sizes_in_words(count: int, words: str) -> None:
    assert size(count) == words
