"""What the marks of the tape mean in this run: tips on marks, rows of the table, the story in two sentences."""

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from app.diagram.tape_lanes import CounterLine, Lane, Overwrite, Read, Save, Story, Stretch
from app.diagram.tape_moments import Column
from app.diagram.tape_sheet import Contents
from app.trace.flow import ACCUMULATE
from app.trace.model import Outcome
from app.trace.moments import Moments

MOST_ROWS = 200
_ACCUMULATED = "Accum."
NO_OPERATOR = "(not an operator)"
_STOPPED = {
    "time": "Out of time",
    "memory": "Out of memory",
    "output": "Too much output",
    "size": "Too large",
    "crash": "Crashed",
}
_ITEMS = {"__setitem__": "[…] =", "__getitem__": "[…]", "__delitem__": "del […]"}


class Row(Struct, frozen=True, kw_only=True):
    """One fact of the tape, for who reads it as a table."""

    moment: int
    when: str
    ref: str  # of the line
    what: str
    storage: str = ""  # "S1"; empty where it is of several
    storage_ref: str = ""
    names: str = ""
    contents: str = ""


def storage_name(key: str) -> str:
    """How a storage is called on the page."""
    return f"S{key[1:]}"


def short_node(name: str) -> str:
    """A node's name as a column has room for it."""
    return _ACCUMULATED if name == ACCUMULATE else re.sub(r"Backward\d*$", "", name) or name


def short_op(op: str) -> str:
    """An operator's name as a column has room for it."""
    if op == ACCUMULATE:
        return _ACCUMULATED
    return _ITEMS.get(op, op.strip("_") if op.startswith("__") else op)


class Words:
    """Sentences about the parts of a story."""

    def __init__(self, moments: Moments, story: Story, contents: Contents) -> None:
        self.moments, self.story, self.contents = moments, story, contents
        self.trace = moments.trace

    def line(self, moment: int) -> int:
        """The line that a moment ran."""
        return self.trace.line(self.moments.step_of(moment))

    def place(self, moment: int) -> str:
        """Where in the run: `line 6`, or `line 6, backward through SigmoidBackward0`."""
        line = f"line {self.line(moment)}"
        inside = self.moments.backward_of(moment)
        if inside is None:
            return line
        backward, at = inside
        node = self.trace.nodes[self.trace.backwards[backward].fired[at].node]
        return f"{line}, backward through {node.name}"

    def column(self, column: Column) -> str:
        """What a column stands for."""
        if column.kind == "passes" and column.lines:
            return f"{self.span(column)}: {column.passes:,} passes of the loop, folded"
        if column.kind == "nodes":
            return f"backward on line {self.line(column.first)}: {column.count:,} nodes, folded"
        if column.kind == "lines":
            return f"{self.span(column)}: {column.count:,} moments, folded"
        return self.place(column.first)

    def fold(self, column: Column, at: int) -> str:
        """What the fold at that place holds, on the lanes that are drawn."""
        inside = [fold for lane in self.story.lanes for fold in lane.folds if fold.column == at]
        counts = (
            (sum(fold.saves for fold in inside), "save"),
            (sum(fold.reads for fold in inside), "read"),
            (sum(fold.writes for fold in inside), "write"),
        )
        told = ", ".join(f"{count:,} {kind if count == 1 else kind + 's'}" for count, kind in counts if count)
        what = self.column(column)
        return f"{what[0].upper()}{what[1:]}{': ' + told + ' on these lanes' if told else ''}."

    @staticmethod
    def span(column: Column) -> str:
        """The lines of a fold."""
        first, last = column.lines or (0, 0)
        return f"line {first}" if first == last else f"lines {first}–{last}"

    def save(self, save: Save) -> str:
        """A node kept a tensor."""
        name = self.trace.tensors[save.tensor].label
        version = "" if save.version is None else f" at version {save.version}"
        return f"{save.node_name} saved {name} as {_listed(save.slots)}{version}"

    def write(self, lane: Lane, write: Overwrite) -> str:
        """Memory was written over."""
        told = f"{self.by(write)} wrote {storage_name(lane.storage)}"
        counter = write.write.counter
        moved = f"{counter} goes to {write.write.version}" if counter and write.write.version is not None else ""
        if write.seen:
            return f"{told}; {moved}" if moved else told
        checked = [line.id for line in lane.counters if line.checked]
        stays = f"{_listed(checked)} did not move" if checked else ""
        return f"{told}, not seen by autograd" + "".join(f"; {part}" for part in (stays, moved) if part)

    @staticmethod
    def by(write: Overwrite) -> str:
        """What wrote, and through which name."""
        op, name = write.write.op, write.write.name
        if op == NO_OPERATOR:
            return name or "something that is no operator"
        return f"{short_op(op)} through {name}" if name else short_op(op)

    def read(self, save: Save, read: Read) -> str:
        """Backward came to read what a node had saved."""
        told = f"{save.node_name} reads {_listed(save.slots)}: {verdict(save, read, long=True)}"
        return f"{told}; the contents are not what was saved" if read.differs else told

    def counter(self, lane: Lane, counter: CounterLine) -> str:
        """What a counter counts for, and who looks at it."""
        names = _listed([name for name, _ in counter.names])
        return (
            f"{counter.id} counts the writes of {names}{'; ' + checks(lane, counter) if checks(lane, counter) else ''}"
        )

    def rows(self, columns: Sequence[Column]) -> Iterator[Row]:
        """Every fact of the lanes that are drawn, lane by lane; and what is in folds."""
        for at, column in enumerate(columns):
            if column.folded:
                ref = f"L{self.line(column.first)}"
                yield Row(moment=column.first, when=self.span(column), ref=ref, what=self.fold(column, at))
        for lane in self.story.lanes:
            yield self._row(lane, lane.since, "first seen", lane.stretches[0])
            by_first = {stretch.first: stretch for stretch in lane.stretches[1:]}
            for save in lane.saves:
                yield self._row(lane, save.moment, self.save(save))
                for read in save.reads:
                    yield self._row(lane, read.moment, self.read(save, read))
            for write in lane.writes:
                yield self._row(lane, write.moment, self.write(lane, write), by_first.get(write.moment))

    def _row(self, lane: Lane, moment: int, what: str, stretch: Stretch | None = None) -> Row:
        return Row(
            moment=moment,
            when=self.place(moment),
            ref=f"L{self.line(moment)}",
            storage=storage_name(lane.storage),
            storage_ref=lane.storage,
            names=", ".join(name for name, _ in lane.names),
            what=what,
            contents=self.contents.words(self.contents.of(lane, stretch), 4) if stretch else "",
        )

    def story_told(self) -> str:
        """The run in two sentences."""
        if self.story.lanes and self.story.lanes[0].in_question:
            return self._trouble(self.story.lanes[0])
        lanes = self.story.lanes
        over = f"{len(lanes)} {'storage' if len(lanes) == 1 else 'storages'} over {self.moments.count:,} moments"
        saved = sum(len(lane.saves) for lane in lanes)
        if not saved:
            return f"{over}. None of them was saved for backward."
        kept = "each was read as it had been saved" if self.trace.backwards else "no backward ran"
        return f"{over}. {saved:,} {'tensor was' if saved == 1 else 'tensors were'} saved for backward; {kept}."

    def _trouble(self, lane: Lane) -> str:
        save = min(lane.saves, key=lambda save: _ORDER.index(save.fate))
        end = save.until or self.moments.count
        writes = [write for write in lane.writes if save.moment <= write.moment <= end]
        writes = [write for write in writes if write.missed] or writes
        held = self.contents.words(save.values)
        told = f"On line {self.line(save.moment)} {self.save(save)} in {storage_name(lane.storage)}"
        told += f", which held {held}" if held else ""
        if writes:
            write = writes[0]
            told += f"; on line {self.line(write.moment)} {self.by(write)} wrote over it"
            counter = save.counter or "its counter"
            told += f", and {counter}, which autograd checks, " + (
                f"went to {write.write.version}" if write.write.counter == save.counter else "did not move"
            )
        return f"{told}. {self._outcome(lane, save)}"

    def _outcome(self, lane: Lane, save: Save) -> str:
        if save.fate == "changed":
            return "The contents are not what was saved; no backward has read them."
        if save.fate == "stale":
            return "A backward through it would be refused; none came to it."
        read = save.reads[-1]
        told = f"On line {self.line(read.moment)} backward found {verdict(save, read, long=True)}"
        if save.fate == "refused":
            return f"{told}, and the run stopped there." if self.trace.outcome.kind == "raised" else f"{told}."
        stretch = next((one for one in lane.stretches if one.first <= read.moment <= one.last), None)
        got = self.contents.words(self.contents.of(lane, stretch)) if stretch else ""
        return f"{told}, and used {got + ': ' if got else ''}contents that are not what was saved."


_ORDER = ("differs", "refused", "changed", "stale", "kept")


def verdict(save: Save, read: Read, *, long: bool = False) -> str:
    """What the version check came to."""
    match read.verdict:
        case "passed":
            return f"{save.version} = {read.found}" + (", passes" if long else "")
        case "refused":
            return f"expected {save.version}, is {read.found}" + (": refused" if long else "")
        case "freed":
            return "already freed" + (": refused" if long else "")
        case _:
            return "not checked"


def ending(outcome: Outcome) -> str:
    """What stopped a run, in a word or two."""
    if outcome.kind == "stopped" or outcome.error is None:
        return _STOPPED.get(outcome.reason or "", "Stopped")
    return outcome.error.type


def checks(lane: Lane, counter: CounterLine) -> str:
    """Who looks at a counter, where that matters."""
    if counter.checked:
        return "autograd checks this"
    return "nobody checks this" if lane.in_question else ""


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
