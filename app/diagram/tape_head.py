"""The head of the wide tape: an axis on which each column is a link to its moment, its line and its operator, and
over which columns a backward, a grad mode or a call of a function goes.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from msgspec import Struct

from app.diagram.layout import Box, px
from app.diagram.shapes import Label, Pen, Tone
from app.diagram.tape_axis import Axis
from app.diagram.tape_moments import Column, column_at
from app.diagram.tape_sheet import Sheet, Spot, TapeMark, mark_of, path, pen_of, spoken
from app.diagram.tape_spans import Span
from app.diagram.tape_words import Words, ending
from app.diagram.text import Face, ellipsize, width

AXIS = 9.0
_NUMBERS, _OPERATORS = 32.0, 49.0  # baselines
_HEADER = 58.0  # all of it, without the rows of spans
_SPAN = 17.0  # a row of them
_MOST_SPANS = 3
_DOT, _SMALL_DOT, _FOLDED = 8.0, 6.0, (22.0, 8.0)  # on the axis: of a line, of a node, of a fold
_WIDEST = 140.0  # a column
_FOLD = 1.7  # how much wider a fold is than a column, and at least:
_FOLD_LEAST = 58.0
_NARROWEST = 13.0  # a column; folds give way before it does
_MARGIN = 30.0  # from the labels to the first column
_OVERHANG = 22.0  # of bands beyond the last column
_LATE = 98.0  # the same, where a content begins in the last column
_VOID = 136.0  # after the column at which the run was stopped
_STOP = 30.0  # how far the ground of a backward that was refused reaches beyond its last node
_CODE = 7.2  # a character of code


class _Brace(Struct, frozen=True):
    """A span, the row that it stands in, and where its word begins."""

    span: Span
    row: int
    start: float


class Head:
    """The columns of one wide drawing."""

    def __init__(self, words: Words, axis: Axis, sheet: Sheet, gutter: float, width_px: float) -> None:
        self.words, self.axis, self.sheet, self.gutter, self.width = words, axis, sheet, gutter, width_px
        columns = self.columns = axis.columns
        self.trace = words.trace
        self.ended = self.trace.outcome.kind != "finished"
        begins = {stretch.first for lane in words.story.lanes for stretch in lane.stretches}
        self.overhang = _LATE if any(moment >= columns[-1].first for moment in begins) else _OVERHANG
        self.pitch, self.x, self.widths = self._place()
        self.end = self.x[-1] if self.ended else min(self.x[-1] + self._beyond(self.pitch), width_px - 2)
        self.grounds = [self._ground(span) for span in axis.backwards]
        self.braces = list(self._rows_of_spans())
        self.bottom = _HEADER + _SPAN * max((brace.row + 1 for brace in self.braces), default=0)
        self.written: dict[int, list[Label]] = {}  # by column
        sheet.sunk = [Box(left, 0, right - left, 10_000) for left, right in self.grounds]

    def _place(self) -> tuple[float, list[float], list[float]]:
        """The distance between columns, and of each its middle and its width."""
        folded = [column.folded for column in self.columns]
        folds, ends = sum(folded), (folded[0] + folded[-1]) / 2
        pitches, wider = len(folded) - folds - 1 + ends, folds - ends

        def spare(pitch: float, fold: float) -> float:
            """How many px are left over at this pitch; the margins depend on it too."""
            last = self.width - (_VOID if self.ended else self._beyond(pitch) + 2)
            return last - self.gutter - min(pitch / 2, _MARGIN) - (pitches * pitch + wider * fold)

        least = _FOLD_LEAST
        while least > _NARROWEST and spare(_NARROWEST, least) < 0:
            least -= 4
        low, high = 0.0, _WIDEST
        for _ in range(16):
            pitch = (low + high) / 2
            low, high = (pitch, high) if spare(pitch, max(pitch * _FOLD, least)) >= 0 else (low, pitch)
        pitch = low
        widths = [max(pitch * _FOLD, least) if fold else pitch for fold in folded]
        edges = list(accumulate(widths, initial=0.0))
        first = self.gutter + min(pitch / 2, _MARGIN) - widths[0] / 2
        return pitch, [first + edge + each / 2 for edge, each in zip(edges, widths, strict=False)], widths

    def _beyond(self, pitch: float) -> float:
        return self.overhang if self.overhang == _LATE else min(pitch / 2, self.overhang)

    def at(self, moment: int) -> float:
        """Where a moment stands: the middle of its column."""
        return self.x[column_at(self.columns, moment)]

    def is_open(self, moment: int) -> bool:
        """Whether a moment has a column of its own."""
        return not self.columns[column_at(self.columns, moment)].folded

    def label(self, key: str, ref: str, names: Sequence[tuple[str, str]], y: float, since: int, title: str) -> None:
        """What a row is, left of it: its id, and as many names as have room."""
        label = self.sheet.write(
            key, [(0, y, "start")], "ink", "strong", size=13, ref=ref, label=title, since=since, kind="name"
        )
        x = (label.width if label else 0) + 8
        for at, (name, tensor) in enumerate(names):
            room = self.gutter - 11 - x
            last = at == len(names) - 1
            rest = width(", ".join(name for name, _ in names[at:]), face="code")
            if not last and rest > room + 1 and room < width(name, face="code") + 6 * _CODE:
                name, last = f"{name}, …" if room >= width(name, face="code") + 3 * _CODE else name, True
            text = ellipsize(name if last else f"{name},", room + 1, face="code")
            spots: list[Spot] = [(x, y, "start")]
            made = max(self.trace.tensors[tensor].moment, since) if tensor in self.trace.tensors else since
            self.sheet.write(text, spots, "soft", "code", ref=tensor, label=name, since=made, gap=0, kind="name")
            x += width(text, face="code") + _CODE
            if last:
                return

    def draw(self) -> None:
        """Write lines and operators, the most telling first where not all have room."""
        order = self.axis.telling_first
        if self.ended:
            self._ending()
        for at in order:
            self._number(at, self.columns[at])
        for span in self.axis.backwards:
            self._backward_title(span)
        for at in order:
            self._operator(at, self.columns[at])
        for brace in self.braces:
            self._brace(brace)

    def under(self, height: int) -> Iterator[TapeMark]:
        """What lies under everything: the ground of backward, folds, the axis, and each column as a link."""
        pen = Pen()
        for left, right in self.grounds:
            pen.plate(Box(left, 0, right - left, height), "sunk")
        if pen.plates:
            yield mark_of(pen, "grounds", label="backward")
        pen = Pen()
        hairlines = [
            f"M{px(x)} {px(self.bottom)}V{height - 4}"
            for x, column in zip(self.x, self.columns, strict=True)
            if not column.folded
        ]
        pen.path("".join(hairlines), "rule")
        if len(self.x) > 1:
            pen.path(path([(self.x[0], AXIS), (self.x[-1], AXIS)]), "axis")
        yield mark_of(pen, "rules")
        sides = [
            f"M{px(side)} {px(self.bottom)}V{height - 4}"
            for x, each, column in zip(self.x, self.widths, self.columns, strict=True)
            if column.folded
            for side in (x - each / 2 + 3, x + each / 2 - 3)
        ]
        sides += [d for one in self.braces if one.span.kind == "mode" for d in self._sides(one, height - 4)]
        if sides:
            yield mark_of(pen_of("fold", "".join(sides)), "rules")
        if self.ended:
            stop = pen_of("stop", path([(self.x[-1], self.bottom), (self.x[-1], height - 4)]))
            yield mark_of(stop, "stop", since=self.words.moments.count)
        for at, column in enumerate(self.columns):
            yield from self._column(at, column, height)

    def _column(self, at: int, column: Column, height: int) -> Iterator[TapeMark]:
        """A link to the moment of a column; the words of a fold lead to the page with it open."""
        x, each = self.x[at], self.widths[at]
        wide, tall = _FOLDED if column.folded else (_SMALL_DOT,) * 2 if column.node else (_DOT,) * 2
        entry, written = self.axis.entries[at], self.written.get(at, [])
        pen = Pen()
        left, right = max(x - each / 2, 0), min(x + each / 2, self.width)
        pen.plate(Box(left, 0, right - left, height), "hit", radius=6)
        wide = min(wide, each - 3)
        pen.plate(Box(x - wide / 2, AXIS - tall / 2, wide, tall), "tick", radius=tall / 2)
        if not column.folded:
            pen.labels += written
        label = spoken(entry.label, pen.labels)
        yield mark_of(pen, "column", ref=entry.ref, label=label, moment=column.last, look=entry.look)
        if column.folded and written:
            pen = Pen()
            pen.plate(Box(x - each / 2 + 1, AXIS + 9, each - 2, _HEADER - AXIS - 10), "hit", radius=6)
            pen.labels += written
            opening = spoken(entry.opening, written)
            yield mark_of(pen, "column", label=opening, asks=entry.asks, look=entry.look)

    def playhead(self, height: int) -> TapeMark:
        """Around 0: a dot on the axis, a line down to the end."""
        pen = pen_of("playhead", f"M0 {px(AXIS + 7)}V{px(_NUMBERS - 12)}M0 {px(self.bottom)}V{height - 4}")
        pen.path(f"M-6.5 {px(AXIS)}a6.5 6.5 0 1 1 13 0a6.5 6.5 0 1 1-13 0z", "playhead-dot")
        return mark_of(pen, "playhead")

    def tracks(self) -> tuple[int, int]:
        """Those of the playhead."""
        edges = [(x - each / 2, x, x + each / 2) for x, each in zip(self.x, self.widths, strict=True)]
        return self.axis.clock.playhead(edges, self.width + 20)

    def _number(self, at: int, column: Column) -> None:
        written = self.sheet.place(
            self.axis.entries[at].number,
            [(self.x[at], _NUMBERS, "middle")],
            "soft" if column.folded else "ink",
            "text" if column.folded else "strong",
            size=12 if column.folded else 13,
            gap=4.5,
        )
        if written:
            self.written.setdefault(at, []).append(written)

    def _operator(self, at: int, column: Column) -> None:
        text = self.axis.entries[at].ran
        tone: Tone = "alarm" if self.axis.entries[at].harmful else "faint"
        face: Face = "text" if column.folded else "code"
        for fitted in dict.fromkeys((text, ellipsize(text, max(self.widths[at] - 5, 0), face=face))):
            if len(fitted) < min(len(text), 4):
                return
            spots: list[Spot] = [(self.x[at], _OPERATORS, "middle")]
            if written := self.sheet.place(fitted, spots, tone, face, bold=tone == "alarm", gap=4.5):
                self.written.setdefault(at, []).append(written)
                return

    # what goes over several columns

    def _extent(self, span: Span) -> tuple[float, float]:
        left, right = self.x[span.first] - self.widths[span.first] / 2, self.x[span.last] + self.widths[span.last] / 2
        return max(left, 0), min(right, self.width)

    def _ground(self, span: Span) -> tuple[float, float]:
        left, right = self._extent(span)
        if self.ended and span.last == len(self.columns) - 1:
            right = min(right, self.x[span.last] + _STOP)
        return left, right

    def _backward_title(self, span: Span) -> None:
        """The word over the nodes of one backward, or over as much of them as has room."""
        left, right = self._extent(span)
        since = self.columns[span.first].first
        if right - left >= width(span.text, face="strong"):
            spots: list[Spot] = [((left + right) / 2, _NUMBERS, "middle"), (left + 3, _NUMBERS, "start")]
            self.sheet.write(span.text, spots, "ink", "strong", since=since, kind="name")

    def _rows_of_spans(self) -> Iterator[_Brace]:
        """Each grad mode and call with the row that it stands in; what has no room for its word is left out."""
        rows: list[float] = []  # how far each is taken
        for span in sorted(self.axis.spans, key=lambda span: (span.first, -span.last)):
            left, right = self._extent(span)
            needed = width(span.text) + 12
            start = min(left, max(right, self.width) - needed)  # its word may begin before it at the right edge
            free = next((row for row, taken in enumerate(rows) if taken <= start), len(rows))
            if free < _MOST_SPANS:
                rows[free:] = [max(right, start + needed) - 4, *rows[free + 1 :]]
                yield _Brace(span, free, start)

    def _brace(self, brace: _Brace) -> None:
        """A bracket over the columns, with a word at its start."""
        left, right = self._extent(brace.span)
        top = _HEADER + _SPAN * brace.row
        since, text = self.columns[brace.span.first].first, brace.span.text
        spots: list[Spot] = [(brace.start + 6, top + 9, "start")]
        if not self.sheet.write(text, spots, since=since, kind="name", gap=1):
            return
        if brace.start < left:
            return
        begin = brace.start + 10 + width(text)
        pen = pen_of("brace", path([(left + 2, top + 12), (left + 2, top + 5), (left + 4, top + 5)]))
        if begin < right - 4:
            pen.path(path([(begin, top + 5), (right - 2, top + 5), (right - 2, top + 12)]), "brace")
        self.sheet.add(pen, "name", since=since, label=text)

    def _sides(self, brace: _Brace, bottom: float) -> Iterator[str]:
        left, right = self._extent(brace.span)
        for x in (left + 2, right - 2):
            yield f"M{px(x)} {px(_HEADER + _SPAN * brace.row + 14)}V{px(bottom)}"

    def _ending(self) -> None:
        """What stopped the run, over the empty ground after it."""
        text = ending(self.trace.outcome)
        x = self.x[-1] + _STOP + 8
        moment = self.words.moments.count
        room = self.width - x
        self.sheet.write(
            ellipsize(text, room, face="strong"), [(x, _NUMBERS, "start")], "ink", "strong", since=moment, label=text
        )
        self.sheet.write("the run stops here", [(x, _OPERATORS, "start")], "faint", since=moment)
