"""Saves and reads on the wide tape: pins, the threads that lead to the reads, and what was found there."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from app.diagram.layout import Box
from app.diagram.shapes import Anchor, Label, Pen, Tone
from app.diagram.tape_counters import Counters
from app.diagram.tape_head import Head
from app.diagram.tape_lanes import Lane, Read, Save
from app.diagram.tape_sheet import ICON_RADIUS, Spot, path, pen_of
from app.diagram.tape_words import Words, verdict
from app.diagram.text import Face, width

_ROW = 24.0
_STEM = 6.0  # between the lowest thread and the band
_MOST_ROWS = {True: 3, False: 2}  # of a lane in question, or not
_MOST_LONG = 3  # reads of a lane whose verdicts are said at length
_UNREAD = 26.0  # the length of a thread that leads nowhere


class _Thread(Struct, frozen=True):
    """A save, where its pin stands, and where it leads."""

    save: Save
    x: float
    reads: tuple[tuple[float, Read], ...]
    row: int  # from the band upwards
    drawn: bool  # False where only the pin has room

    @property
    def end(self) -> float:
        return self.reads[-1][0] if self.reads else self.x + _UNREAD


class Threads:
    """Those of one lane."""

    def __init__(self, words: Words, head: Head, lane: Lane) -> None:
        self.words, self.head, self.lane, self.sheet = words, head, lane, head.sheet
        self.all = list(self._place())
        rows = max((thread.row + 1 for thread in self.all), default=0)
        self.height = rows * _ROW + (_STEM if rows else 0)

    def _place(self) -> Iterator[_Thread]:
        rows: list[list[tuple[float, float]]] = []
        pins: set[tuple[float, int]] = set()
        for save in sorted(self.lane.saves, key=lambda save: (save.fate == "kept", save.until or 0, save.moment)):
            x = self.head.at(save.moment)
            reads = tuple((self.head.at(read.moment), read) for read in save.reads)
            right = max([x + _UNREAD, *(at for at, _ in reads)])
            if not reads:  # its words stand on no thread, but need the room of one
                words = (
                    width("saved as", face="strong") + width("  not read") + width(", ".join(save.slots), face="code")
                )
                right = max(right, min(x + 16 + words, self.head.end))
            free = [at for at, taken in enumerate(rows) if all(right < a or b < x for a, b in taken)]
            row = free[0] if free else len(rows)
            drawn = row < _MOST_ROWS[self.lane.in_question]
            if not drawn:
                row = 0
            elif row == len(rows):
                rows.append([(x - 6, right + 6)])
            else:
                rows[row].append((x - 6, right + 6))
            if drawn or reads or (x, row) not in pins:
                yield _Thread(save, x, reads, row, drawn)
            pins.add((x, row))

    def draw(self, top: float) -> None:
        """Pins and threads over a band that begins at `top`."""
        for thread in self.all:
            y = self._level(thread, top)
            for x in (thread.x, *(at for at, _ in thread.reads if thread.drawn)):
                self.sheet.keep_free(Box(x - 1, y, 2, top - y))
        for thread in self.all:
            y = self._level(thread, top)
            label, since, node = self.words.save(thread.save), thread.save.moment, thread.save.node
            if thread.drawn:
                pen = Pen()
                for left, right in self._gaps(thread, self._told(thread, y)):
                    pen.path(path([(left, y), (right, y)]), "thread" if thread.reads else "thread loose")
                for at, _ in thread.reads:
                    pen.path(path([(at, y), (at, top)]), "stem")
                self.sheet.add(pen, "keeps", ref=node, since=since, label=label, clip="now")
                self.sheet.ghosts += [line.path for line in pen.lines]
            pen = pen_of("stem", path([(thread.x, y), (thread.x, top)]))
            pen.icon("pin", thread.x, y)
            self.sheet.add(pen, "save", ref=node, since=since, label=label, links=True)

    def _gaps(self, thread: _Thread, told: Sequence[Box]) -> Iterator[tuple[float, float]]:
        """The thread from its pin to its end, but for where a text stands on it."""
        x, end = thread.x + 8, min(thread.end, self.head.end)
        for box in told:
            if min(box.x - 3, end) > x:
                yield x, min(box.x - 3, end)
            x = max(x, box.x + box.width + 5)
        if end > x:
            yield x, end

    def _level(self, thread: _Thread, top: float) -> float:
        return top - _STEM - _ROW * thread.row - _ROW / 2 + 2

    def _told(self, thread: _Thread, y: float) -> list[Box]:
        """On the thread, as far as there is room: which slot it is, which node keeps it, and where it is read."""
        save, told = thread.save, list[Label | None]()
        slots = ", ".join(save.slots)
        right = thread.end if thread.reads else self.head.end
        x, room = thread.x + 10, right - thread.x - 14
        start = width("saved as", face="strong") + 4
        if start + width(slots, face="code") + 6 > room:
            start = 0.0
        if start + width(slots, face="code") + 6 <= room:
            words = self._say_on(y, x, "saved as", save, face="strong") if start else None
            start = start if words else 0.0
            slot = self._say_on(y, x + start, slots, save, face="code")
            told += [words, slot]
            taken = start + (width(slots, face="code") if slot else 0)
            room -= taken + 14
            x += taken + 8
        if not thread.reads:
            told.append(self._say_on(y, x, "not read", save, tone="faint") if self.words.trace.backwards else None)
            return [label.box for label in told if label]
        read = None
        if room > width("read", face="strong") + 10:
            last = thread.reads[-1][1].moment
            read = self._say_on(y, right - 8, "read", save, anchor="end", face="strong", since=last)
            room -= width("read", face="strong") + 12
        for keeps in (f"{save.node_name} keeps it", save.node_name):
            if room > width(keeps) + 20:
                told.append(self._say_on(y, x + room / 2, keeps, save, tone="faint", anchor="middle"))
                break
        return [label.box for label in (*told, read) if label]

    def _say_on(
        self,
        y: float,
        x: float,
        text: str,
        save: Save,
        *,
        tone: Tone = "ink",
        face: Face = "text",
        anchor: Anchor = "start",
        since: int | None = None,
    ) -> Label | None:
        bold = face == "code"
        since = save.moment if since is None else since
        spots = [(x, y + 4, anchor)]
        return self.sheet.write(
            text,
            spots,
            tone,
            face,
            kind="halo",
            bold=bold,
            ref=save.node,
            since=since,
            label=self.words.save(save),
            gap=2,
        )

    def verdicts(self, middle: float, bottom: float, counters: Counters) -> None:
        """At each read: on the band what became of the contents, on the counter what the version check said."""
        done: set[tuple[float, str | None]] = set()
        for thread in sorted(self.all, key=lambda thread: thread.save.fate == "kept"):
            for x, read in thread.reads:
                if read.differs:
                    self._differs(thread, x, middle, read)
        for thread in sorted(self.all, key=lambda thread: thread.save.fate == "kept"):
            for x, read in thread.reads:
                if (x, thread.save.counter) not in done:
                    done.add((x, thread.save.counter))
                    self._verdict(thread, x, read, middle, bottom, counters)

    def _differs(self, thread: _Thread, x: float, middle: float, read: Read) -> None:
        label = self.words.read(thread.save, read)
        pen = Pen()
        pen.icon("differs", x, middle)
        self.sheet.add(pen, "read", ref=thread.save.node, since=read.moment, label=label, links=True)
        spots: list[Spot] = [
            (x + 15, middle + 4, "start"),
            (x - 15, middle + 4, "end"),
        ]
        for words in ("not what was saved", "changed"):
            if self.sheet.write(
                words, spots, "alarm", "strong", kind="in-band", since=read.moment, ref=thread.save.node
            ):
                return

    def _verdict(self, thread: _Thread, x: float, read: Read, middle: float, bottom: float, counters: Counters) -> None:
        save = thread.save
        label = self.words.read(save, read)
        level = counters.level(save.counter, read.moment)
        refused = read.verdict in ("refused", "freed")
        if read.verdict == "unchecked":
            return
        y = level if level is not None and read.verdict != "freed" else middle
        pen = Pen()
        if y > bottom:
            pen.path(path([(x, bottom), (x, y - ICON_RADIUS)]), "thin dot")
        pen.icon("refused" if refused else "passed", x, y)
        ref = save.counter if level is not None else save.node
        self.sheet.add(pen, "check", ref=ref, since=read.moment, label=label, links=True)
        self._say(
            x,
            y,
            verdict(save, read, long=refused or (self.lane.in_question and len(self.all) <= _MOST_LONG)),
            read,
            save,
            refused=refused,
        )

    def _say(self, x: float, y: float, words: str, read: Read, save: Save, *, refused: bool) -> None:
        head, _, tail = words.partition(": ")
        right = self.head.width - x - 14
        if refused and max(width(head, face="strong"), width(tail, face="strong")) <= right < width(
            words, face="strong"
        ):
            pen = Pen()
            pen.text(x + 14, y - 3, head, "ink", "strong")
            pen.text(x + 14, y + 12, tail, "ink", "strong")
            self.sheet.add(pen, "halo", ref=save.counter, since=read.moment)
            return
        dy = 4 if refused else -8
        spots: list[Spot] = [
            (x + 14, y + dy, "start"),
            (x - 13, y - 8, "end"),
            (x + 13, y + 17, "start"),
            (x - 13, y + 17, "end"),
        ]
        for text in dict.fromkeys((words, words.partition(",")[0])):
            if self.sheet.write(text, spots, "ink", "strong", kind="halo", ref=save.counter, since=read.moment):
                return
