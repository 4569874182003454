"""The tape with time running to the right: a lane for each storage, its saves above it, its counters below."""

from app.diagram.layout import Box
from app.diagram.scene import Kind
from app.diagram.tape_axis import Axis
from app.diagram.tape_counters import Counters
from app.diagram.tape_head import Head
from app.diagram.tape_lanes import Folded, Lane, Stretch
from app.diagram.tape_sheet import ICON_RADIUS, Cut, Sheet, TapeDrawing, cells_of_cut, path, pen_of, rounded, write_mark
from app.diagram.tape_threads import Threads
from app.diagram.tape_words import Words, checks, storage_name
from app.diagram.text import width

_GUTTER = (84.0, 156.0)  # at least, at most
_LANE_GAP = {True: 14.0, False: 12.0}  # before a lane with marks, before a quiet one
_BAND = {True: 32.0, False: 24.0}  # in question, or not
_FOOT = 10.0


def draw_wide(words: Words, axis: Axis, gutter: float, width_px: int, kind: Kind) -> tuple[TapeDrawing, Sheet]:
    """The whole run at this width; the height follows from the lanes."""
    sheet = Sheet(width_px)
    head = Head(words, axis, sheet, gutter, width_px)
    head.draw()
    y = head.bottom
    for lane in words.story.lanes:
        y = _Lane(words, head, lane).draw(y + _LANE_GAP[bool(lane.rank)])
    height = round(y + _FOOT)
    marks = (*head.under(height), sheet.ghost(), *sheet.bands, head.playhead(height), *sheet.marks)
    playhead, reached = head.tracks()
    drawing = TapeDrawing(kind=kind, width=width_px, height=height, marks=marks, playhead=playhead, reached=reached)
    return drawing, sheet


def gutter_width(words: Words) -> float:
    """How much room the names of the lanes take, left of them."""
    least, most = _GUTTER
    for lane in words.story.lanes:
        rows = [(storage_name(lane.storage), lane.names), *((line.id, line.names) for line in lane.counters)]
        for key, names in rows:
            named = width(", ".join(name for name, _ in names), face="code")
            least = max(least, width(key, 13, "strong") + 8 + named + 12)
        for line in lane.counters:
            least = max(least, width(checks(lane, line)) + 12)
    return min(least, most)


class _Lane:
    """One lane while it is drawn."""

    def __init__(self, words: Words, head: Head, lane: Lane) -> None:
        self.words, self.head, self.lane, self.sheet = words, head, lane, head.sheet
        self.height = _BAND[lane.in_question]

    def draw(self, y: float) -> float:
        """Draw it from `y` downwards; gives back where it ends."""
        lane = self.lane
        threads = Threads(self.words, self.head, lane)
        top = y + threads.height
        bottom, middle = top + self.height, top + self.height / 2
        end = self._end()
        counters = Counters(self.words, self.head, lane, bottom, end)
        name = storage_name(lane.storage)
        self.head.label(name, lane.storage, lane.names, middle + 4.5, lane.since, self._title())
        self._stretches(top, end)
        counters.drops(bottom)
        counters.draw()
        self._writes(middle)
        threads.draw(top)
        threads.verdicts(middle, bottom, counters)
        counters.remarks()
        return counters.bottom

    def _title(self) -> str:
        names = ", ".join(name for name, _ in self.lane.names)
        name = storage_name(self.lane.storage)
        return f"{name}, the memory of {names}" if names else name

    def _end(self) -> float:
        until = self.lane.until
        if until is None:
            return self.head.end
        return min(self.head.at(until) + min(self.head.pitch / 2, 22), self.head.end)

    def _stretches(self, top: float, end: float) -> None:
        lane = self.lane
        starts = [self.head.at(stretch.first) for stretch in lane.stretches]
        marked = [
            self.head.at(read.moment)
            for save in lane.saves
            for read in save.reads
            if read.differs or read.verdict == "freed"
        ]
        drawn = [
            (stretch, left, right)
            for stretch, left, right in zip(lane.stretches, starts, [*starts[1:], end], strict=True)
            if right - left >= 1
        ]
        for at, (stretch, left, right) in enumerate(drawn):
            last = at == len(drawn) - 1
            closed = last and lane.until is None and not self.head.ended
            shape = rounded(Box(left, top, right - left, self.height), left=not at, right=closed)
            values = self.words.contents.of(lane, stretch)
            title = self.words.contents.words(values, 6)
            self.sheet.band(shape, f"band {stretch.tone}", lane.storage, stretch.first, title)
            after = 13.0 if stretch.written else 0.0
            limit = min([right - (3.0 if last else 10.0), *(x - ICON_RADIUS - 2 for x in marked if left < x <= right)])
            cut = self.words.contents.fit(values, limit - left - after, lane.saved_under(stretch))
            self._contents(cut, stretch, left, left + after, limit, top)
            if stretch.tone != "plain":
                rim = pen_of(f"rim {stretch.tone}", shape)
                self.sheet.add(rim, "stretch", ref=lane.storage, since=stretch.first, clip="now")

    def _contents(self, cut: Cut, stretch: Stretch, left: float, x: float, right: float, top: float) -> None:
        box = Box(x, top, right - x, self.height)
        pen, covered = cells_of_cut(cut, box, wrong=stretch.tone == "wrong", room=right - x)
        if not pen.squares and not pen.labels:
            return
        end = min(max([covered.x + covered.width, *(text.box.x + text.width + 8 for text in pen.labels)]), right)
        self.sheet.beyond(Box(left, top, end - left, self.height), stretch, self.lane.storage)
        self.sheet.keep_free(covered)
        self.sheet.add(pen, "cells", ref=self.lane.storage, since=stretch.first)
        if stretch.tone != "plain":
            bottom = top + self.height
            rims = path([(left, top), (end, top)]) + path([(left, bottom), (end, bottom)])
            rim = pen_of(f"rim {stretch.tone}", rims)
            self.sheet.add(rim, "beyond", ref=self.lane.storage, since=stretch.first, clip="next")

    def _writes(self, middle: float) -> None:
        """A diamond for each write in an open column, one with a count for those in a fold."""
        for write in self.lane.writes:
            x = self.head.at(write.moment)
            pen, kind = write_mark(x, middle, seen=write.seen, harmful=write.harmful)
            label = self.words.write(self.lane, write)
            self.sheet.add(pen, kind, ref=f"L{write.write.line}", since=write.moment, label=label, links=True)
        for fold in self.lane.folds:
            if fold.writes:
                self._folded(fold, middle)

    def _folded(self, fold: Folded, middle: float) -> None:
        x = self.head.x[fold.column]
        pen, kind = write_mark(x, middle, seen=fold.seen, harmful=fold.harmful)
        label = f"{fold.writes:,} writes of {storage_name(self.lane.storage)}, folded"
        self.sheet.add(pen, kind, since=fold.since, label=label)
        if fold.writes > 1:
            spot = (x, middle + self.height / 2 + 12)
            self.sheet.write(f"×{fold.writes:,}", [(*spot, "middle")], since=fold.since, kind="halo")
