"""What each line of the snippet did, for the gutter and the line's end: pure functions of the Trace."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Set
from typing import Literal

from msgspec import Struct

from app.diagram.film import Film
from app.explain.diagnosis import Severity
from app.explain.facts import hidden, writes_since
from app.trace.figures import numbers, shape_words
from app.trace.history import History
from app.trace.model import Storage, Tensor, Trace, Values, Write

# "unseen": a write that autograd missed, and that changed what backward read; "missed": one that changed nothing for it
Mark = Literal["saved", "write", "missed", "unseen", "raised", "stopped"]
_RANK: dict[Mark, int] = {"saved": 0, "write": 1, "missed": 1, "unseen": 2, "raised": 3, "stopped": 3}
_BY_NO_OPERATOR = "("  # how the op of such a write begins: it has no name
LISTED_LINES = 400  # in a longer snippet only the lines that did something worth a mark are listed
SHOWN_VALUES = 4
NOW = "now"


class Line(Struct, frozen=True, kw_only=True):
    """One line of the source: its text, and what the run showed there.

    `lights` are the ids of what it made, wrote or saved; `column` is where a SyntaxError points, from 1. `since` is the
    moment at which it first ran, `settled` the one at which it ran last: what it says is not there before.
    """

    number: int
    text: str
    mark: Mark | None = None
    words: str | None = None  # what the mark says
    values: str | None = None  # of the tensor that the line made or wrote, when it had run
    column: int | None = None
    lights: tuple[str, ...] = ()
    since: int | None = None
    settled: int | None = None
    found: Severity | None = None  # of the gravest diagnosis that holds this line guilty
    finding: int | None = None  # which one, from 1
    now: int | None = None  # track: "now" while the slider stands on it; None where it never does

    @property
    def icon(self) -> str | None:
        """The mark in the gutter: what went wrong there rather than what is usual."""
        return self.found if self.found and self.mark in (None, "saved", "write") else self.mark


def lines_of(
    history: History, film: Film, source: str, drawn: Set[str], guilty: Mapping[int, tuple[int, Severity]]
) -> tuple[Line, ...]:
    """Every line of `source`, or those with a mark if it is long. They light what is `drawn`.

    `guilty` are the lines that a diagnosis accuses: which one, from 1, and how grave.
    """
    trace = history.trace
    marks = _marks(trace)
    values = dict(_values(trace))
    lights = _lights(trace)
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for step in trace.steps:
        first.setdefault(step.line, step.moment)
        last[step.line] = step.moment
    standing = _standing(history, film)
    error = trace.outcome.error
    column = error.column if error else None
    texts = source.removesuffix("\n").split("\n")  # as Python and the editor count them: a form feed ends no line
    every = len(texts) <= LISTED_LINES
    return tuple(
        Line(
            number=number,
            text=text,
            mark=marks[number][0] if number in marks else None,
            words=marks[number][1] if number in marks else None,
            values=values.get(number),
            column=column if error and error.line == number else None,
            lights=tuple(key for key in lights.get(number, ()) if key in drawn),
            since=first.get(number),
            settled=last.get(number),
            found=guilty[number][1] if number in guilty else None,
            finding=guilty[number][0] if number in guilty else None,
            now=standing.get(number),
        )
        for number, text in enumerate(texts, start=1)
        if every or number in marks or number in guilty
    )


def _standing(history: History, film: Film) -> dict[int, int]:
    """For each line that the slider stands on at some stop: the track of the word that says so."""
    if not history.trace.steps:
        return {}
    lines = [history.moments.line_of(moment) for moment in film.stops]
    return {
        line: film.track((moment, NOW if line == one else "") for moment, one in zip(film.stops, lines, strict=True))
        for line in sorted(set(lines))
    }


def _relied_on(trace: Trace) -> dict[str, set[str | None]]:
    """For each storage, the counters that its tensors in the graph rely on."""
    found: dict[str, set[str | None]] = defaultdict(set)
    for tensor in trace.tensors.values():
        if tensor.storage and tensor.requires_grad:
            found[tensor.storage].add(tensor.counter)
    return found


def _unseen(write: Write, relied_on: Mapping[str, Set[str | None]]) -> bool:
    """Whether autograd missed `write`: it moved no counter that a tensor in the graph over this memory relies on."""
    if write.counter is None:
        return True
    counters = relied_on.get(write.storage)
    return counters is not None and write.counter not in counters


def _marks(trace: Trace) -> dict[int, tuple[Mark, str | None]]:
    marks: dict[int, tuple[Mark, str | None]] = {}

    def put(line: int | None, mark: Mark, words: str | None) -> None:
        if line is not None and (line not in marks or _RANK[mark] > _RANK[marks[line][0]]):
            marks[line] = (mark, words)

    for node in trace.nodes.values():
        for saved in node.saved:
            put(trace.line(saved.saved_at), "saved", None)
    harmful = {
        write for read in hidden(trace) for write in writes_since(trace, read) if write.counter != read.tensor.counter
    }
    relied_on = _relied_on(trace)
    for write in trace.writes:
        if write.changed and not _fills(trace, write):
            put(write.line, *_mark_of(write, harmful, relied_on))
    error = trace.outcome.error
    if trace.outcome.kind == "stopped":
        put(trace.outcome.line, "stopped", "stopped here")
    elif error is not None:
        put(error.line, "raised", error.type)
    return marks


def _mark_of(write: Write, harmful: Set[Write], relied_on: Mapping[str, Set[str | None]]) -> tuple[Mark, str | None]:
    words = "write not seen by autograd"
    if write in harmful:
        return "unseen", words
    if not _unseen(write, relied_on) or (write.counter is None and not write.op.startswith(_BY_NO_OPERATOR)):
        return "write", None  # batch_norm keeps statistics without counting: nothing to point at
    return "missed", words


def _values(trace: Trace) -> Iterator[tuple[int, str]]:
    """For each line, the values of what it made or wrote; only where the Trace knows them for that moment.

    A tensor carries its contents as last seen: they are those of an earlier line only where nothing wrote its
    memory since. What a node saved on the line is known whatever came later. A line that made or wrote
    several shows none.
    """
    made = Counter(tensor.step for tensor in trace.tensors.values() if tensor.names)
    last_write = {write.storage: write.step for write in trace.writes}
    written = Counter(step for step, _ in {(write.step, write.storage) for write in trace.writes})
    saved = {
        (kept.saved_at, kept.tensor): kept.values for node in trace.nodes.values() for kept in node.saved if kept.values
    }
    for key, tensor in trace.tensors.items():
        if tensor.step is None or not tensor.names or made[tensor.step] > 1:
            continue
        values = saved.get((tensor.step, key))
        if values is None and last_write.get(tensor.storage or "", -1) <= tensor.step:
            values = tensor.values
        if values is not None:
            yield trace.line(tensor.step), short(values)
    for write in trace.writes:
        if last_write[write.storage] != write.step or written[write.step] > 1 or _fills(trace, write):
            continue
        through: Tensor | Storage | None = trace.tensors.get(write.through or "") or trace.storages.get(write.storage)
        if through is not None and through.values is not None:
            yield write.line, short(through.values)


def _fills(trace: Trace, write: Write) -> bool:
    """Whether the memory was made on the same line: what was written is a result, not a write over anything."""
    return trace.storages[write.storage].step == write.step


def short(values: Values) -> str:
    """A few values, or the shape of many."""
    if values.flat is not None and len(values.flat) <= SHOWN_VALUES:
        return " ".join(numbers(values.flat))
    return shape_words(values.shape)


def _lights(trace: Trace) -> dict[int, dict[str, None]]:
    lights: dict[int, dict[str, None]] = defaultdict(dict)  # a dict for its order
    for things in (trace.tensors, trace.storages, trace.nodes):
        for key, thing in things.items():
            if thing.step is not None:
                lights[trace.line(thing.step)][key] = None
    for node_id, node in trace.nodes.items():
        for saved in node.saved:
            lights[trace.line(saved.saved_at)].update(dict.fromkeys(filter(None, (saved.tensor, node_id))))
    for write in trace.writes:
        lights[write.line].update(dict.fromkeys(filter(None, (write.through, write.storage, write.counter))))
    return lights
