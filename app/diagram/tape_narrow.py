"""The tape with time running down: the storage in question and its counters, a row for each column of the wide one."""

from collections.abc import Iterator

from app.diagram.layout import Box, px
from app.diagram.shapes import Label, Pen, Tone
from app.diagram.tape_axis import Axis
from app.diagram.tape_lanes import CounterLine, Overwrite, Read, Save, Stretch
from app.diagram.tape_rows import WORDS_PX, Rows
from app.diagram.tape_sheet import (
    Cut,
    Sheet,
    Spot,
    TapeDrawing,
    TapeMark,
    cells_of_cut,
    mark_of,
    path,
    pen_of,
    rounded,
    spoken,
    write_mark,
)
from app.diagram.tape_words import Words, ending, storage_name, verdict
from app.diagram.text import Face, ellipsize, width, wrap

_SLIM = 340  # below this width
_LABELS = {False: 88.0, True: 74.0}  # left of the band: usually, and in a slim drawing
_BAND = {False: (100.0, 124.0), True: (84.0, 110.0)}  # how wide, at least and at most
_THREAD, _NEXT_THREAD = 15.0, 9.0  # right of the band
_MOST_THREADS = 2
_MOST_COUNTERS = 2
_STEP, _MOST = 14.0, 18.0  # how far one step of a counter goes, and all of them
_CELL = 26.0


def draw_narrow(words: Words, axis: Axis, width_px: int) -> tuple[TapeDrawing, Sheet]:
    """The first lane over the whole run; the height follows from the rows."""
    narrow = _Narrow(words, axis, width_px)
    return narrow.figure(), narrow.sheet


class _Narrow:
    def __init__(self, words: Words, axis: Axis, width_px: int) -> None:
        self.words, self.axis, self.columns, self.width = words, axis, axis.columns, width_px
        self.lane = words.story.lanes[0]
        self.sheet = Sheet(width_px)
        self.ended = words.trace.outcome.kind != "finished"
        self.rows = Rows(axis, self.lane, width_px)
        self.sheet.sunk = self.rows.sunk
        self.end = self.rows.middles[-1] if self.ended else self.rows.bottom - 2
        until = self.lane.until
        below = 14 + WORDS_PX * any(read.differs for save in self.lane.saves for read in save.reads)
        self.lane_end = self.end if until is None else min(self.rows.at(until) + below, self.end)
        self.height = round(self.rows.bottom + (24 if self.ended else 4))
        slim = width_px < _SLIM
        least, most = _BAND[slim]
        needed = max(
            (words.contents.fit(words.contents.of(self.lane, one), most).width for one in self.lane.stretches),
            default=0,
        )
        self.left, self.band = _LABELS[slim], min(max(needed + 2, least), most)
        self.right = self.left + self.band
        self.saves = sorted(self.lane.saves, key=lambda save: (save.fate == "kept", save.moment))
        threads = min(len(self.saves), _MOST_THREADS)
        first = self.right + _THREAD + max(threads - 1, 0) * _NEXT_THREAD + (22 if threads else 4)
        self.counters = [
            (line, first + at * (width_px - 34 - first) / max(len(self.lane.counters[:_MOST_COUNTERS]) - 1, 1))
            for at, line in enumerate(self.lane.counters[:_MOST_COUNTERS])
        ]

    def figure(self) -> TapeDrawing:
        self._header()
        under = list(self._under())
        self._titles()
        self._stretches()
        for write in self.lane.writes:
            self._drop(write)
        for line, x in self.counters:
            self._counter(line, x)
        self._writes()
        for at, save in enumerate(self.saves):
            self._save(save, at)
        done: set[tuple[float, str | None]] = set()
        for save in self.saves:
            for read in save.reads:
                self._read(save, read, done)
        self._ending()
        marks = (*under, self.sheet.ghost(), *self.sheet.bands, self._playhead(), *self.sheet.marks)
        edges = [(top, y, bottom) for (top, bottom), y in zip(self.rows.edges, self.rows.middles, strict=True)]
        playhead, reached = self.axis.clock.playhead(edges, self.height + 20)
        return TapeDrawing(
            kind="narrow",
            width=self.width,
            height=self.height,
            marks=marks,
            turned=True,
            playhead=playhead,
            reached=reached,
        )

    def _under(self) -> Iterator[TapeMark]:
        pen = Pen()
        for box in self.sheet.sunk:
            pen.plate(box, "sunk", radius=0)
        pen.path("".join(f"M{px(self.left)} {px(y)}H{self.width}" for y in self.rows.middles), "rule")
        yield mark_of(pen, "rules")
        if self.ended:
            stop = pen_of("stop", path([(self.left, self.rows.middles[-1]), (self.width, self.rows.middles[-1])]))
            yield mark_of(stop, "stop", since=self.words.moments.count)
        for at, (column, written) in enumerate(zip(self.columns, self._axis(), strict=True)):
            top, bottom = self.rows.edges[at]
            pen = Pen()
            pen.plate(Box(0, top, self.left - 6 if column.folded else self.width, bottom - top), "hit", radius=6)
            pen.labels += written
            entry = self.axis.entries[at]
            if column.folded:
                opening = spoken(entry.opening, written)
                yield mark_of(pen, "column", label=opening, asks=entry.asks, look=entry.look)
                pen = Pen()
                pen.plate(Box(self.left - 6, top, self.width - self.left + 6, bottom - top), "hit", radius=6)
            label = spoken(entry.label, pen.labels)
            yield mark_of(pen, "column", ref=entry.ref, label=label, moment=column.last, look=entry.look)

    def _playhead(self) -> TapeMark:
        """Around 0: a line through the row."""
        x = self.left - 5
        pen = pen_of("playhead", f"M{px(x)} 0H{self.width}")
        pen.path(f"M{px(x - 3.5)} 0a3.5 3.5 0 1 1 7 0a3.5 3.5 0 1 1-7 0z", "playhead-dot")
        return mark_of(pen, "playhead")

    def _header(self) -> None:
        lane = self.lane
        name = storage_name(lane.storage)
        spot: list[Spot] = [(self.left, 14, "start")]
        self.sheet.write(name, spot, "ink", "strong", size=13, ref=lane.storage, since=lane.since, kind="name")
        listed = ellipsize(", ".join(name for name, _ in lane.names), self.band, face="code")
        spot = [(self.left, 31, "start")]
        self.sheet.write(listed, spot, face="code", ref=lane.storage, since=lane.since, gap=1, kind="name")
        for at, (line, x) in enumerate(self.counters):
            following = self.counters[at + 1][1] if at + 1 < len(self.counters) else self.width + 10
            spot = [(x - 8, 14, "start")]
            self.sheet.write(line.id, spot, "ink", "strong", size=13, ref=line.id, since=line.since, kind="name")
            listed = ellipsize(", ".join(name for name, _ in line.names), following - x - 8, face="code")
            spot = [(x - 8, 31, "start")]
            self.sheet.write(listed, spot, face="code", ref=line.id, since=line.since, gap=1, kind="name")

    def _titles(self) -> None:
        """What goes over several rows, above the first of them; calls and grad modes with a bracket to the last."""
        for y, span in self.rows.titles:
            since = self.columns[span.first].first
            strong = span.kind == "backward"
            room = self.left - 2
            face: Face = "strong" if strong else "text"
            text = span.text if width(span.text, face=face) <= room else span.text.removesuffix("_mode")
            self.sheet.write(
                ellipsize(text, room, face=face),
                [(0, y, "start")],
                "ink" if strong else "soft",
                face,
                since=since,
                label=span.text,
                kind="name",
                gap=1,
            )
            if not strong:
                around = sum(one.first <= span.first and span.last <= one.last for one in self.axis.spans)
                x = self.left - 10 + 3 * min(around, 3)
                _, bottom = self.rows.edges[span.last]
                pen = pen_of("brace", path([(x - 4, y + 4), (x, y + 4), (x, bottom - 2), (x - 4, bottom - 2)]))
                self.sheet.add(pen, "name", since=since, label=span.text)

    def _axis(self) -> Iterator[list[Label]]:
        """What each row says of itself."""
        for at, (column, y) in enumerate(zip(self.columns, self.rows.middles, strict=True)):
            number, below = self.axis.entries[at].number, self.axis.entries[at].ran
            x = 0.0
            found: list[Label | None] = []
            face: Face
            if number:
                text = ellipsize(number, self.left - 8, face="strong")
                found.append(
                    self.sheet.place(
                        text,
                        [(0, y + 4.5, "start")],
                        "soft" if column.folded else "ink",
                        "text" if column.folded else "strong",
                        size=12 if column.folded else 13,
                    )
                )
                x = max(20.0, width(text, 13, "strong") + 6)
            elif column.node:
                x = 8.0
            tone: Tone = "alarm" if self.axis.entries[at].harmful else "faint"
            face = "text" if column.folded else "code"
            text = ellipsize(below, self.left - 10 - x, face=face)
            if len(text) < min(len(below), 3):
                text = ""
            spots: list[Spot] = [(x, y + 4.5, "start")]
            found.append(self.sheet.place(text, spots, tone, face, bold=tone == "alarm", gap=1))
            yield [label for label in found if label]

    def _stretches(self) -> None:
        lane = self.lane
        starts = [self.rows.at(stretch.first) for stretch in lane.stretches]
        drawn = [
            (stretch, top, bottom)
            for stretch, top, bottom in zip(lane.stretches, starts, [*starts[1:], self.lane_end], strict=True)
            if bottom - top >= 1
        ]
        for at, (stretch, top, bottom) in enumerate(drawn):
            closed = at == len(drawn) - 1 and lane.until is None and not self.ended
            shape = rounded(Box(self.left, top, self.band, bottom - top), top=not at, bottom=closed)
            self.sheet.band(shape, f"band {stretch.tone}", lane.storage, stretch.first)
            after = 12.0 if stretch.written else 0.0
            if bottom - top - after >= _CELL:
                cut = self.words.contents.fit(
                    self.words.contents.of(lane, stretch), self.band, lane.saved_under(stretch)
                )
                self._contents(cut, stretch, top, top + after)
            if stretch.tone != "plain":
                rim = pen_of(f"rim {stretch.tone}", shape)
                self.sheet.add(rim, "stretch", ref=lane.storage, since=stretch.first, clip="now")

    def _contents(self, cut: Cut, stretch: Stretch, top: float, y: float) -> None:
        box = Box(self.left + (self.band - cut.width) / 2 if cut.cells else self.left, y, self.band, _CELL)
        pen, covered = cells_of_cut(cut, box, wrong=stretch.tone == "wrong", room=self.band)
        if not pen.squares and not pen.labels:
            return
        self.sheet.beyond(Box(self.left, top, self.band, y + _CELL - top), stretch, self.lane.storage)
        self.sheet.keep_free(covered)
        self.sheet.add(pen, "cells", ref=self.lane.storage, since=stretch.first)
        if stretch.tone != "plain":
            sides = [path([(x, top), (x, y + _CELL)]) for x in (self.left, self.right)]
            rim = pen_of(f"rim {stretch.tone}", "".join(sides))
            self.sheet.add(rim, "beyond", ref=self.lane.storage, since=stretch.first, clip="next")

    def _level(self, counter: str | None, moment: int) -> float | None:
        for line, x in self.counters:
            if line.id == counter:
                span = max((version for _, version in line.steps), default=line.start) - line.start
                unit = min(_STEP, _MOST / span) if span > 0 else 0.0
                version = next((version for at, version in reversed(line.steps) if at <= moment), line.start)
                return x + (version - line.start) * unit
        return None

    def _counter(self, line: CounterLine, x: float) -> None:
        title = self.words.counter(self.lane, line)
        points = [(x, self.rows.at(line.since))]
        for moment, _ in line.steps:
            level = self._level(line.id, moment)
            if level is not None and level != points[-1][0]:
                points += [(points[-1][0], self.rows.at(moment)), (level, self.rows.at(moment))]
        points.append((points[-1][0], self.lane_end))
        kind = "count checked" if line.checked else "count"
        pen = pen_of(kind, path(points))
        pen.path(f"M{px(x - 4)} {px(points[0][1])}a4 4 0 1 1 8 0a4 4 0 1 1 -8 0Z", f"{kind} start")
        self.sheet.add(pen, "steps", ref=line.id, since=line.since, label=title, clip="now")
        self.sheet.ghosts.append(path(points))
        tone: Tone = "ink" if line.checked else "soft"
        shown: set[tuple[float, int]] = set()
        for moment, version in ((line.since, line.start), *line.steps):
            level, y = self._level(line.id, moment), self.rows.at(moment)
            if level is None or not self.rows.is_open(moment) or (y, version) in shown:
                continue
            shown.add((y, version))
            spots: list[Spot] = [(level + 7, y + 16, "start"), (level - 7, y + 16, "end")]
            self.sheet.write(
                str(version),
                spots,
                tone,
                "code",
                size=13,
                bold=line.checked,
                kind="halo",
                ref=line.id,
                since=moment,
                gap=1,
            )

    def _drop(self, write: Overwrite) -> None:
        level = self._level(write.write.counter, write.moment)
        if level is None and write.missed and self.counters:
            level = self.counters[0][1] - 8
        if level is None:
            return
        pen = pen_of(
            "drop harmful" if write.harmful else "drop",
            path([(self.right, self.rows.at(write.moment)), (level, self.rows.at(write.moment))]),
        )
        self.sheet.add(pen, "moves", ref=f"L{write.write.line}", since=write.moment)

    def _writes(self) -> None:
        middle = self.left + self.band / 2
        for write in self.lane.writes:
            y = self.rows.at(write.moment)
            pen, kind = write_mark(middle, y, seen=write.seen, harmful=write.harmful)
            label = self.words.write(self.lane, write)
            self.sheet.add(pen, kind, ref=f"L{write.write.line}", since=write.moment, label=label, links=True)
            line = next((line for line, _ in self.counters if line.checked), None)
            if write.missed and line is not None:
                level = self._level(line.id, write.moment) or 0.0
                spots: list[Spot] = [(level + 8, y + 16, "start"), (level + 8, y - 7, "start")]
                self.sheet.write(
                    "no step",
                    spots,
                    "alarm" if write.harmful else "ink",
                    "strong",
                    kind="halo",
                    ref=line.id,
                    since=write.moment,
                    gap=1,
                )
        for fold in self.lane.folds:
            if not fold.writes:
                continue
            pen, kind = write_mark(middle, self.rows.middles[fold.column], seen=fold.seen, harmful=fold.harmful)
            if fold.writes > 1:
                pen.text(middle + 13, self.rows.middles[fold.column] + 4, f"×{fold.writes:,}")
            self.sheet.add(pen, kind, since=fold.since)

    def _save(self, save: Save, at: int) -> None:
        x = self.right + _THREAD + min(at, _MOST_THREADS - 1) * _NEXT_THREAD
        y = self.rows.at(save.moment)
        label = self.words.save(save)
        reads = save.reads
        if at < _MOST_THREADS:
            end = self.rows.at(reads[-1].moment) if reads else min(y + 22, self.end)
            pen = pen_of("thread" if reads else "thread loose", path([(x, y), (x, end)]))
            for read in reads:
                pen.path(path([(x, self.rows.at(read.moment)), (self.right, self.rows.at(read.moment))]), "stem")
            self.sheet.add(pen, "keeps", ref=save.node, since=save.moment, label=label, clip="now")
            self.sheet.ghosts += [line.path for line in pen.lines]
        pen = pen_of("stem", path([(self.right, y), (x, y)]))
        pen.icon("pin", x, y)
        self.sheet.add(pen, "save", ref=save.node, since=save.moment, label=label, links=True)
        spots: list[Spot] = [(x + 4, y - 9, "middle"), (x + 8, y - 9, "end")]
        self.sheet.write("saved", spots, "ink", "strong", kind="halo", ref=save.node, since=save.moment, gap=1)

    def _read(self, save: Save, read: Read, done: set[tuple[float, str | None]]) -> None:
        y, label = self.rows.at(read.moment), self.words.read(save, read)
        middle = self.left + self.band / 2
        if read.differs:
            pen = Pen()
            pen.icon("differs", middle, y)
            self.sheet.add(pen, "read", ref=save.node, since=read.moment, label=label, links=True)
            for at, line in enumerate(wrap("not what was saved", self.band - 6, face="strong")):
                spot: list[Spot] = [(middle, y + 23 + 14 * at, "middle")]
                self.sheet.write(line, spot, "alarm", "strong", since=read.moment, ref=save.node, gap=0)
        if read.verdict == "unchecked" or (y, save.counter) in done:
            return
        done.add((y, save.counter))
        level = self._level(save.counter, read.moment)
        refused = read.verdict in ("refused", "freed")
        x = level if level is not None and read.verdict != "freed" else middle
        pen = Pen()
        pen.icon("refused" if refused else "passed", x, y)
        self.sheet.add(pen, "check", ref=save.counter or save.node, since=read.moment, label=label, links=True)
        for at, text in enumerate(verdict(save, read, long=True).split(": " if refused else ", ")):
            above = y + (-9 + 26 * at if refused else -5 + 14 * at)  # on both sides of the line that ends the run
            spots: list[Spot] = [
                (self.right + 6 if read.verdict == "freed" else x + 13, above, "start"),
                (self.width, above, "end"),
            ]
            for fitted in (
                text,
                text.replace(f"expected {save.version}, is {read.found}", f"{read.found}, not {save.version}"),
            ):
                if self.sheet.write(
                    fitted, spots, "ink", "strong", kind="halo", ref=save.counter, since=read.moment, gap=1
                ):
                    break

    def _ending(self) -> None:
        if not self.ended:
            return
        text = f"{ending(self.words.trace.outcome)}: the run stops here"
        fitted = ellipsize(text, self.width, face="strong")
        spots: list[Spot] = [(self.left, self.rows.bottom + 16, "start")]
        self.sheet.write(fitted, spots, "ink", "strong", since=self.words.moments.count, gap=0)
