"""The axis of the tape, for all widths: what stands at each column, and what goes over several of them."""

from collections.abc import Iterator, Sequence
from functools import cached_property

from msgspec import Struct

from app.diagram.tape_clock import Clock
from app.diagram.tape_moments import Column, column_at
from app.diagram.tape_spans import backwards_of, spans_of
from app.diagram.tape_words import NO_OPERATOR, Words, short_node, short_op

_CALLS = frozenset(["backward", "grad", ".grad", ".grad="])  # columns of their own, or say nothing of the line


class Entry(Struct, frozen=True, kw_only=True):
    """One column in words."""

    number: str  # where it is in the source
    ran: str  # the operator or node that says most of it
    label: str  # what it is, and what ran there
    look: int  # the track of its classes
    ref: str | None = None  # the id of what it stands for; None for a fold
    harmful: bool = False  # a write lost there, unseen, what a node had saved
    opening: str = ""  # for a fold, what opening it shows
    asks: str = ""  # and the rest of the address that does


class Axis:
    """The columns of the drawings that have the same ones."""

    def __init__(self, words: Words, columns: Sequence[Column], clock: Clock) -> None:
        self.words, self.columns, self.trace, self.clock = words, columns, words.trace, clock
        self.spans, self.backwards = spans_of(words.moments, columns), backwards_of(words.trace, columns)
        operators = self._operators()
        harmful = {write.moment for lane in words.story.lanes for write in lane.writes if write.harmful}
        unseen = {column_at(columns, moment) for moment in harmful}
        self.entries = [
            self._entry(column, operators.get(column.first, ""), look, harmful=at in unseen)
            for at, (column, look) in enumerate(zip(columns, self.clock.looks, strict=True))
        ]

    @cached_property
    def telling_first(self) -> list[int]:
        """The columns by how much they tell: where not all have room, the first of them have it."""
        telling = {column_at(self.columns, moment) for moment in self._telling()}
        return sorted(range(len(self.columns)), key=lambda at: (at not in telling, not self.columns[at].folded, at))

    def _telling(self) -> Iterator[int]:
        for lane in self.words.story.lanes:
            yield lane.since
            yield from (save.moment for save in lane.saves)
            yield from (read.moment for save in lane.saves for read in save.reads)
            yield from (write.moment for write in lane.writes)
        yield self.words.moments.count

    def _operators(self) -> dict[int, str]:
        """The last operator of each line, or what wrote there; by moment."""
        wanted = {column.first for column in self.columns if column.kind == "line"}
        found = {
            operation.moment: operation.op
            for operation in self.trace.operations
            if operation.moment in wanted and operation.op not in _CALLS
        }
        for lane in self.words.story.lanes:
            for write in lane.writes:
                if write.moment in wanted:
                    op = write.write.op
                    found[write.moment] = write.write.name or "" if op == NO_OPERATOR else op
        return found

    def _entry(self, column: Column, operator: str, look: int, *, harmful: bool) -> Entry:
        number, ran = self._texts(column, operator)
        told = self.words.column(column)
        label = f"{told[0].upper()}{told[1:]}"
        if column.folded:
            middle = (column.first + column.last) // 2
            return Entry(
                number=number,
                ran=ran,
                label=label,
                look=look,
                opening=f"Open {told.removesuffix(', folded')}",
                asks=f"open=m{middle}&moment={middle}",
            )
        return Entry(
            number=number,
            ran=ran,
            label=f"{label} {ran}" if column.kind == "line" and ran else label,
            look=look,
            ref=column.node or f"L{self.trace.line(column.step)}",
            harmful=harmful,
        )

    def _texts(self, column: Column, operator: str) -> tuple[str, str]:
        match column.kind:
            case "line":
                return str(self.trace.line(column.step)), short_op(operator)
            case "node":
                return "", short_node(self.trace.nodes[column.node or ""].name)
            case "nodes":
                return "", f"{column.count:,} nodes"
            case "passes":
                return f"×{column.passes:,}", self._lines(column)
            case _:
                steps = self.words.moments.step_of(column.last) - column.step + 1
                what = "lines" if steps == column.count else "moments"
                return f"{column.count:,} {what}", self._lines(column)

    @staticmethod
    def _lines(column: Column) -> str:
        first, last = column.lines or (0, 0)
        return f"{first}–{last}" if last > first else f"line {first}"
