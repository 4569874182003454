"""The axis of the wide tape: where each column stands, the line and operator over it, the ground under backward."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby

from app.diagram.layout import Box, px
from app.diagram.shapes import Mark, Pen, Tone
from app.diagram.tape_moments import Column, column_at
from app.diagram.tape_sheet import Sheet, path
from app.diagram.tape_words import Axis, Words, ending
from app.diagram.text import Face, ellipsize, width

HEADER = 42.0
_NUMBERS, _OPERATORS = 14.0, 31.0  # baselines
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


class Head:
    """The columns of one wide drawing."""

    def __init__(self, words: Words, columns: Sequence[Column], sheet: Sheet, gutter: float, width_px: float) -> None:
        self.words, self.columns, self.sheet, self.gutter, self.width = words, columns, sheet, gutter, width_px
        self.trace = words.trace
        self.ended = self.trace.outcome.kind != "finished"
        self.bottom = HEADER
        begins = {stretch.first for lane in words.story.lanes for stretch in lane.stretches}
        self.overhang = _LATE if any(moment >= columns[-1].first for moment in begins) else _OVERHANG
        self.pitch, self.x, self.widths = self._place()
        self.end = self.x[-1] if self.ended else min(self.x[-1] + self._beyond(self.pitch), width_px - 2)
        self.axis = Axis(words, columns)
        self.grounds = list(self._grounds())
        sheet.sunk = [Box(left, 0, right - left, 10_000) for left, right in self.grounds]

    def _place(self) -> tuple[float, list[float], list[float]]:
        """The distance between columns, and of each its middle and its width."""
        folded = [column.folded for column in self.columns]
        folds, ends = sum(folded), (folded[0] + folded[-1]) / 2

        def spare(pitch: float, fold: float) -> float:
            """How many px are left over at this pitch; the margins depend on it too."""
            last = self.width - (_VOID if self.ended else self._beyond(pitch) + 2)
            span = (len(folded) - folds - 1 + ends) * pitch + (folds - ends) * fold
            return last - self.gutter - min(pitch / 2, _MARGIN) - span

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
        label = self.sheet.write(key, [(0, y, "start")], "ink", "strong", size=13, ref=ref, label=title, since=since)
        x = (label.width if label else 0) + 8
        for at, (name, tensor) in enumerate(names):
            room = self.gutter - 11 - x
            last = at == len(names) - 1
            rest = width(", ".join(name for name, _ in names[at:]), face="code")
            if not last and rest > room + 1 and room < width(name, face="code") + 6 * _CODE:
                name, last = f"{name}, …" if room >= width(name, face="code") + 3 * _CODE else name, True
            text = ellipsize(name if last else f"{name},", room + 1, face="code")
            self.sheet.write(text, [(x, y, "start")], "soft", "code", ref=tensor, label=name, since=since, gap=0)
            x += width(text, face="code") + _CODE
            if last:
                return

    def draw(self) -> None:
        """Write lines and operators, the most telling first where not all have room."""
        telling = {column_at(self.columns, moment) for moment in self._telling()}
        order = sorted(range(len(self.columns)), key=lambda at: (at not in telling, not self.columns[at].folded, at))
        if self.ended:
            self._ending()
        for at in order:
            self._number(at, self.columns[at])
        for index, group in groupby(range(len(self.columns)), key=lambda at: self.columns[at].backward):
            if index is not None:
                self._backward_title(list(group))
        for at in order:
            self._operator(at, self.columns[at])

    def _grounds(self) -> Iterator[tuple[float, float]]:
        for index, group in groupby(range(len(self.columns)), key=lambda at: self.columns[at].backward):
            members = list(group)
            if index is not None:
                left = self.x[members[0]] - self.widths[members[0]] / 2
                reach = self.widths[members[-1]] / 2
                if self.ended and members[-1] == len(self.columns) - 1:
                    reach = min(reach, _STOP)
                yield left, min(self.x[members[-1]] + reach, self.width)

    def under(self, height: int) -> Iterator[Mark]:
        """What lies under everything: the ground of backward, folds, and a hairline for each column."""
        pen = Pen()
        for left, right in self.grounds:
            pen.plate(Box(left, 0, right - left, height), "sunk")
        if pen.plates:
            yield pen.mark("grounds", label="backward")
        pen = Pen()
        hairlines = [
            f"M{px(x)} {px(HEADER)}V{height - 4}"
            for x, column in zip(self.x, self.columns, strict=True)
            if not column.folded
        ]
        pen.path("".join(hairlines), "rule")
        if self.ended:
            pen.path(path([(self.x[-1], HEADER), (self.x[-1], height - 4)]), "stop")
        yield pen.mark("rules")
        for at, (x, each, column) in enumerate(zip(self.x, self.widths, self.columns, strict=True)):
            if column.folded:
                left, right = x - each / 2 + 3, x + each / 2 - 3
                pen = Pen()
                pen.plate(Box(left, 0, right - left, height), "folded", radius=0)
                pen.path(f"M{px(left)} {px(HEADER)}V{height - 4}M{px(right)} {px(HEADER)}V{height - 4}", "fold")
                yield pen.mark("fold", since=column.first, label=self.words.fold(column, at))

    def _telling(self) -> Iterator[int]:
        for lane in self.words.story.lanes:
            yield lane.since
            yield from (save.moment for save in lane.saves)
            yield from (read.moment for save in lane.saves for read in save.reads)
            yield from (write.moment for write in lane.writes)
        yield self.words.moments.count

    def _number(self, at: int, column: Column) -> None:
        text, _ = self.axis.texts(column)
        self.sheet.write(
            text,
            [(self.x[at], _NUMBERS, "middle")],
            "soft" if column.folded else "ink",
            "text" if column.folded else "strong",
            size=12 if column.folded else 13,
            ref=self.axis.ref(column),
            since=column.first,
            label=self.words.column(column),
            gap=4.5,
        )

    def _backward_title(self, members: Sequence[int]) -> None:
        """The word over the nodes of one backward, or over as much of them as has room."""
        first, last = members[0], members[-1]
        left, right = self.x[first] - self.widths[first] / 2, self.x[last] + self.widths[last] / 2
        if right - left >= width("backward", face="strong"):
            middle = (left + right) / 2
            self.sheet.write(
                "backward", [(middle, _NUMBERS, "middle")], "ink", "strong", since=self.columns[first].first
            )

    def _operator(self, at: int, column: Column) -> None:
        _, text = self.axis.texts(column)
        tone: Tone = "alarm" if self.axis.is_harmful(at) else "faint"
        face: Face = "text" if column.folded else "code"
        title = self.words.column(column) + (f": {text}" if column.kind == "line" and text else "")
        for fitted in dict.fromkeys((text, ellipsize(text, max(self.widths[at] - 5, 0), face=face))):
            if len(fitted) < min(len(text), 4) or self.sheet.write(
                fitted,
                [(self.x[at], _OPERATORS, "middle")],
                tone,
                face,
                bold=tone == "alarm",
                ref=self.axis.ref(column),
                since=column.first,
                label=title,
                gap=4.5,
            ):
                return

    def _ending(self) -> None:
        """What stopped the run, over the empty ground after it."""
        outcome = self.trace.outcome
        text = ending(outcome)
        x = self.x[-1] + _STOP + 8
        moment = self.words.moments.count
        room = self.width - x
        self.sheet.write(
            ellipsize(text, room, face="strong"), [(x, _NUMBERS, "start")], "ink", "strong", since=moment, label=text
        )
        self.sheet.write("the run stops here", [(x, _OPERATORS, "start")], "faint", since=moment)
