"""One storage, drawn: a strip of cells, each tensor a bracket under the cells that it sees, counters beside."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.cells import HEAD, TAIL
from app.diagram.contents import SPARK_PX, shortened
from app.diagram.counting import Counting
from app.diagram.facts import runs
from app.diagram.keeping import Keeping
from app.diagram.layout import Box, Point, px, rounded
from app.diagram.lives import Shown
from app.diagram.shapes import Mark, Pen, cell_width
from app.diagram.shelves import Shelf
from app.diagram.text import Face, ellipsize, width, wrap
from app.diagram.window import Window

HEADER_PX, KEEPING_PX, NUMBERS_PX = 20.0, 10.0, 15.0
CELL_PX, CELL_WAS_PX = 34.0, 46.0
WINDOW_PX, WINDOW_WORDS_PX = 37.0, 54.0
NOTE_PX = 20.0
BRACKET_PX = 6.0
COUNTER_HEIGHT_PX = 28.0
WIRE_PX, BUS_PX = 26.0, 12.0
GAP_CELL_PX = 26.0  # where cells are left out
SQUARE_LARGEST_PX, SQUARE_SMALLEST_PX, SQUARES_PX = 14.0, 5.0, 168.0


class Landing(Struct, frozen=True):
    """The bracket over contents that nodes keep: a tether ends on it."""

    left: float
    right: float
    y: float
    free_from: float  # x from which on nothing is written above it
    words: str  # to write there, right of the tether
    source: str  # and how they go on where there is none
    words_end: float  # how far they may go
    storage: str
    since: int | None = None


class Card:
    """One storage, measured for a width; `draw` puts it somewhere."""

    def __init__(self, shelf: Shelf, most_px: float, *, beside: bool) -> None:
        self._measure(shelf, most_px, beside=beside)
        if self.beside and shelf.counters and self.width >= most_px - 1:
            self._measure(shelf, most_px, beside=False)

    def _measure(self, shelf: Shelf, most_px: float, *, beside: bool) -> None:
        self._hold(shelf)
        self.beside = beside  # counters have their words to the right, not below
        contents = shelf.contents
        self.cell = 0.0
        self.size = 13
        self.cell_height = CELL_PX
        if contents.form == "strip":
            texts = [text for cell in contents.cells for text in (cell.text, cell.was or "")]
            room = self._strip_room(most_px)
            self.cell = cell_width(texts, 40, 16, 13)
            if self._strip_width() > room and len(contents.cells) > HEAD + TAIL and not shelf.numbered:
                contents = shortened(contents)
                self._hold(replace(shelf, contents=contents))
            if self._strip_width() > room:
                self.size = 12
                self.cell = cell_width(texts, 20, 6, 12)
            if self._strip_width() > room:
                self.cell -= (self._strip_width() - room) / len(contents.cells)
            self.strip = self._strip_width()
            self.cell_height = CELL_WAS_PX if any(cell.was for cell in contents.cells) else CELL_PX
        elif contents.form == "squares":
            side = SQUARES_PX / contents.columns
            self.cell = max(min(side, SQUARE_LARGEST_PX), SQUARE_SMALLEST_PX)
            self.strip = self.cell * contents.columns
            aside = 16.0 * len(self._aside()) + 4 + (SPARK_PX[1] + 4 if contents.sparks is not None else 0.0)
            self.cell_height = max(self.cell * (len(contents.cells) // contents.columns), aside)
        else:
            self.words = [text for text, _ in contents.told] or wrap(contents.words, self._strip_room(most_px) - 24)
            spark = SPARK_PX[0] + 24 if contents.sparks is not None else 0.0
            self.strip = max(width(line) for line in self.words) + 24 + spark
            self.cell_height = max(CELL_PX, 16.0 * len(self.words) + 14)
        labels = [self._label_width(window) for window in shelf.windows]
        notes = [16 + width(note.text, 12, "strong") for note in shelf.notes] if not self.counters_beside else []
        aside = self._squares_words_width()
        self.region = min(max([self.strip + aside, *labels, *notes, 90.0]), self._strip_room(most_px))
        self.side = 0.0
        if self.counters_beside:
            words = max(_words_width(one) for one in shelf.counters) if beside else 0
            self.side = WIRE_PX + self._plate_width() + (10 + min(words, 230.0) if beside else 0)
        self.width = max(
            self.region + self.side, *([16 + width(note.text, 12, "strong") for note in shelf.notes] or [0.0])
        )
        self.width = min(self.width, most_px)
        self.height = (
            HEADER_PX
            + KEEPING_PX * len(shelf.kept)
            + NUMBERS_PX * shelf.numbered
            + self.cell_height
            + sum(self._window_height(window) for window in shelf.windows)
            + NOTE_PX * len(shelf.notes)
            + (4 if shelf.notes else 0)
        )

    @property
    def counters_beside(self) -> bool:
        """Whether counters stand to the right."""
        return bool(self.shelf.counters)

    def _window_height(self, window: Window) -> float:
        """With a second line where the counter has its words under the window."""
        first = next(one for one in self.shelf.windows if one.counter == window.counter)
        worded = not self.beside and bool(self.shelf.counters) and window is first and window.counter is not None
        return WINDOW_WORDS_PX if worded else WINDOW_PX

    def _hold(self, shelf: Shelf) -> None:
        self.shelf, shown = shelf, shelf.contents.shown
        self._place_of = {cell: at for at, cell in enumerate(shown)}  # among the cells shown
        # after which of them some are left out
        self._gap = next((at for at, (one, two) in enumerate(pairwise(shown)) if two != one + 1), None)

    def _strip_width(self) -> float:
        return self.cell * len(self.shelf.contents.cells) + (GAP_CELL_PX if self._gap is not None else 0.0)

    def _strip_room(self, most_px: float) -> float:
        if not self.shelf.counters:
            return most_px
        return most_px - WIRE_PX - self._plate_width() - (120 if self.beside else 0)

    def _plate_width(self) -> float:
        return max(66.0, *(36 + width(one.ref) + width(one.version, 14, "code") for one in self.shelf.counters))

    def _squares_words_width(self) -> float:
        contents = self.shelf.contents
        if contents.form != "squares":
            return 0.0
        spark = [SPARK_PX[0]] if contents.sparks is not None else []
        return 14 + max([width(line) for line, _ in self._aside()] + spark, default=0.0)

    def _aside(self) -> list[tuple[str, int | None]]:
        """What stands beside squares, line by line, with its track."""
        contents = self.shelf.contents
        return list(contents.told) or [(line, None) for line in contents.words.split(" · ")]

    def _geometry(self, window: Window) -> str:
        return window.geometry_at(self.shelf.version)

    def _label_width(self, window: Window) -> float:
        name = min(width(window.name, 13 if window.named else 12, "code"), 150.0)
        return name + 8 + width(self._geometry(window))

    def draw(self, x: float, y: float) -> tuple[list[Mark], dict[tuple[str, int], Landing]]:
        """Draw it with its left top corner there."""
        shelf = self.shelf
        pen = Pen()
        name = shelf.storage.upper()
        header = pen.text(x, y + 13, name, "ink", "strong", size=13, text_track=shelf.name_track)
        gone = Pen()
        if not shelf.alive:
            header += 8 + gone.text(x + header + 8, y + 13, "gone since", "faint")
        top = y + HEADER_PX
        landings: dict[tuple[str, int], Landing] = {}
        top += KEEPING_PX * len(shelf.kept)
        if shelf.numbered:
            for cell in shelf.contents.shown:
                left, right = self._span_of(cell, cell)
                pen.text(x + (left + right) / 2, top + 11, str(cell), "faint", "code", anchor="middle")
            top += NUMBERS_PX
        self._cells(pen, x, top)
        marks = [
            pen.mark("storage", ref=shelf.storage, label=shelf.heard, since=shelf.since, label_track=shelf.heard_track)
        ]
        if gone.labels:  # when it went is not known, only that it had gone when the run ended
            marks.append(gone.mark("gone", ref=shelf.storage, since=shelf.ends))
        marks += self._grids(x, top)
        marks += self._spoilt(x, top)
        for at, keeping in enumerate(shelf.kept):
            bar = y + HEADER_PX + KEEPING_PX * (len(shelf.kept) - at) - 7
            marks.append(self._keeping(keeping, x, bar, header, landings))
        top += self.cell_height + 4
        wires: dict[str, list[Point]] = {}
        for window in shelf.windows:
            marks.append(self._window(window, x, top, wires))
            top += self._window_height(window)
        marks += self._counters(x, wires)
        if shelf.notes:
            marks += self._notes(x, top + 4)
        return marks, landings

    def _cells(self, pen: Pen, x: float, y: float) -> None:
        contents = self.shelf.contents
        if contents.form == "words":
            box = Box(x, y, self.strip, self.cell_height)
            pen.plate(box, "box soft" if not contents.wrong else "box wrong", 4)
            tracks = [track for _, track in contents.told] or [None] * len(self.words)
            for at, (line, track) in enumerate(zip(self.words, tracks, strict=True)):
                baseline = y + self.cell_height / 2 + 4 + 16 * (at - (len(self.words) - 1) / 2)
                pen.text(x + 12, baseline, line, text_track=track)
            if contents.sparks is not None:
                left = x + self.strip - SPARK_PX[0] - 12
                pen.filmed_path(contents.sparks, "sparks", left, y + (self.cell_height - SPARK_PX[1]) / 2)
            return
        if contents.form == "squares" and contents.grids:
            high = self.cell * (len(contents.cells) // contents.columns)
            pen.plate(Box(x, y, self.strip, high), "box soft", 2)
        elif contents.form == "squares":
            pen.heat(contents.cells, x, y, self.cell, contents.columns, contents.wrong)
        for cell in contents.cells if contents.form == "strip" else ():
            wrong, changed = cell.index in contents.wrong, cell.index in contents.changed
            left, right = self._span_of(cell.index, cell.index)
            spot = Box(x + left, y, right - left, self.cell_height)
            text = max(width(cell.text, self.size, "code"), width(cell.was or "", 12, "code")) <= spot.width - 2
            pen.cell(cell, spot, text=text, changed=changed, wrong=wrong, size=self.size)
        if contents.form == "squares":
            for at, (line, track) in enumerate(self._aside()):
                pen.text(x + self.strip + 14, y + 11 + 16 * at, line, "soft", text_track=track)
            if contents.sparks is not None:
                pen.filmed_path(contents.sparks, "sparks", x + self.strip + 14, y + 16 * len(self._aside()) + 2)
        if contents.form == "strip":
            gap = self._gap
            if gap is not None:
                middle = x + self.cell * (gap + 1) + GAP_CELL_PX / 2
                pen.text(middle, y + self.cell_height / 2 + 4, "…", "soft", "strong", anchor="middle")

    def _spoilt(self, x: float, y: float) -> Iterator[Mark]:
        """A rim around cells that backward used though they are not what was saved."""
        contents, pen = self.shelf.contents, Pen()
        for first, last in runs([cell for cell in contents.shown if cell in contents.wrong]):
            left, right = self._span_of(first, last)
            pen.outline(Box(x + left, y, right - left, self.cell_height), "alarm-line")
        if contents.form == "strip" and pen.outlines:
            yield pen.mark("spoilt", ref=self.shelf.storage, since=contents.wrong_since)

    def _grids(self, x: float, y: float) -> Iterator[Mark]:
        """Squares that show some moments each."""
        contents = self.shelf.contents
        for since, until, cells in contents.grids:
            pen = Pen()
            pen.heat(cells, x, y, self.cell, contents.columns, contents.wrong if until is None else ())
            yield pen.mark("grid", ref=self.shelf.storage, shown=Shown(since, until))

    def _span_of(self, first: int, last: int) -> tuple[float, float]:
        """From where to where cells `first` to `last` of the storage are drawn, from the left of the card."""
        contents = self.shelf.contents
        if contents.form == "squares":
            return 0.0, self.strip
        if contents.form == "words":
            share = self.strip / max(self.shelf.count, 1)
            left = min(first * share, self.strip - 6)
            return left, max((last + 1) * share, left + 6)
        return self._edge_of(first, 0), self._edge_of(last, 1)

    def _edge_of(self, cell: int, side: int) -> float:
        shown, gap = self.shelf.contents.shown, self._gap
        at = self._place_of.get(cell)
        if at is not None:
            return self.cell * (at + side) + (GAP_CELL_PX if gap is not None and at > gap else 0.0)
        if gap is None:
            return 0.0 if cell < shown[0] else self.strip
        hidden = shown[gap + 1] - shown[gap] - 1  # spread over the gap
        return self.cell * (gap + 1) + GAP_CELL_PX * (cell - shown[gap] - 1 + side) / hidden

    def _stretches(self, cells: Sequence[int], span: tuple[int, int] | None) -> list[tuple[float, float]]:
        """Where neighbouring cells are drawn as one, those that touch joined."""
        if self.shelf.contents.form == "words" or not cells:
            found = [self._span_of(*span)] if span else []
        else:
            found = [self._span_of(first, last) for first, last in runs(cells)]
        joined: list[tuple[float, float]] = []
        for left, right in found:
            if joined and left - joined[-1][1] < 0.5:
                joined[-1] = (joined[-1][0], max(joined[-1][1], right))
            else:
                joined.append((left, right))
        return joined

    def _bracket(
        self,
        pen: Pen,
        stretches: Iterable[tuple[float, float]],
        x: float,
        y: float,
        depth: float,
        kind: str,
        kind_track: int | None = None,
    ) -> Point | None:
        """Draw a bracket, open towards `y - depth`; gives back its right end."""
        parts = [(x + left + 1.5, x + right - 1.5) for left, right in stretches]
        if not parts:
            return None
        for left, right in parts:
            way = [(left, y - depth), (left, y), (right, y), (right, y - depth)]
            pen.path(rounded(way, 2), f"{kind} bracket", kind_track)
        for (_, end), (start, _) in pairwise(parts):
            pen.path(f"M{px(end)} {px(y)}H{px(start)}", "thin dot")
        return parts[-1][1], y

    def _keeping(
        self, keeping: Keeping, x: float, bar: float, header: float, landings: dict[tuple[str, int], Landing]
    ) -> Mark:
        pen = Pen()
        stretches = self._stretches(keeping.cells, keeping.span) or [(0.0, self.strip)]
        kind = "alarm-line" if keeping.worst == "wrong" else "stroke"
        self._bracket(pen, stretches, x, bar, -BRACKET_PX, kind, keeping.kind_track)
        left, right = x + stretches[0][0], x + stretches[-1][1]
        for one in keeping.by:
            landings[one] = Landing(
                left + 3,
                right - 3,
                bar,
                x + header + 10,
                keeping.words,
                keeping.source,
                x + self.width,
                self.shelf.storage,
                keeping.since,
            )
        return pen.mark("keeping", ref=keeping.by[0][0], since=keeping.since)

    def _window(self, window: Window, x: float, y: float, wires: dict[str, list[Point]]) -> Mark:
        pen = Pen()
        end = self._bracket(
            pen,
            self._stretches(window.cells, window.span),
            x,
            y + BRACKET_PX,
            BRACKET_PX,
            "thin" if window.array else "stroke",
        )
        size = 13 if window.named else 12
        name = ellipsize(window.name, 150, size, "code")
        used = pen.text(x, y + 23, name, "ink" if window.named else "soft", "code", bold=window.named, size=size)
        room = max(self.region, self.width if not self.shelf.counters else 0) - used - 8
        geometry = self._geometry(window)
        track = self.shelf.geometry_tracks.get(window.name) if width(geometry) <= room else None
        pen.text(x + used + 8, y + 23, ellipsize(geometry, room), "faint", text_track=track)
        if end and window.counter and self.shelf.counters:
            wires.setdefault(window.counter, []).append(end)
        elif end and self.shelf.counters and window.array:
            pen.path(f"M{px(end[0] + 4)} {px(end[1])}H{px(x + self.region + WIRE_PX - 6)}", "thin dot")
            pen.text(x + self.region + WIRE_PX, y + BRACKET_PX + 4, "no counter", "faint")
        return pen.mark("window", ref=window.ref, since=window.since)

    def _counters(self, x: float, wires: dict[str, list[Point]]) -> list[Mark]:
        marks = []
        for one in self.shelf.counters:
            ends = wires.get(one.ref)
            if not ends:
                continue
            pen = Pen()
            plate_x, y = x + self.region + WIRE_PX, ends[0][1]
            bus = plate_x - BUS_PX
            kind = "stroke" if one.checked else "thin"
            for end_x, end_y in ends:
                way = (
                    [(end_x + 4, end_y), (bus, end_y), (bus, y), (plate_x, y)]
                    if end_y != y
                    else [(end_x + 4, y), (plate_x, y)]
                )
                pen.path(rounded(way, 5), f"{kind} wire")
            plate = Box(plate_x, y - COUNTER_HEIGHT_PX / 2, self._plate_width(), COUNTER_HEIGHT_PX)
            kind = f"counter{' checked' if one.checked else ''}"
            pen.plate(plate, kind, COUNTER_HEIGHT_PX / 2, kind_track=one.kind_track)
            pen.text(plate.x + 13, y + 4, one.ref, "soft", text_track=one.ref_track)
            pen.text(
                plate.x + plate.width - 13,
                y + 5,
                one.version,
                "ink",
                "code",
                bold=True,
                size=14,
                anchor="end",
                text_track=one.version_track,
            )
            self._counter_words(pen, one, x, plate, y)
            marks.append(pen.mark("counting", ref=one.ref, since=one.since))
        return marks

    def _counter_words(self, pen: Pen, one: Counting, x: float, plate: Box, y: float) -> None:
        if self.beside:
            left = plate.x + plate.width + 10
            room = x + self.width - left + 2
            start = "counter of "
            used = pen.text(left, y - 3, start, "ink", "strong")
            pen.text(left + used, y - 3, ellipsize(one.of, room - used, 12, "code"), "ink", "code", bold=True)
            track = one.says_track if width(one.says) <= room else None
            pen.text(left, y + 13, ellipsize(one.says, room), "faint", text_track=track)
        else:
            used = pen.text(x, y + 33, f"{one.ref}: ", "ink", "strong")
            track = one.says_track if width(one.says) <= self.width - used else None
            pen.text(x + used, y + 33, ellipsize(one.says, self.width - used), "faint", text_track=track)

    def _notes(self, x: float, y: float) -> Iterator[Mark]:
        for note in self.shelf.notes:
            pen = Pen()
            if note.icon:
                pen.icon(note.icon, x + 6, y + 9)
            room = self.width - (18 if note.icon else 0)
            face: Face = "strong" if note.tone == "alarm" else "text"
            pen.text(
                x + (18 if note.icon else 0),
                y + 13,
                ellipsize(note.text, room, 12, face),
                note.tone,
                face,
                text_track=note.text_track,
                kind_track=note.kind_track,
            )
            since = self.shelf.since if note.since is None else note.since
            yield pen.mark("writes", ref=self.shelf.storage, since=since)
            y += NOTE_PX


def _words_width(one: Counting) -> float:
    return max(width("counter of ", 12, "strong") + width(one.of, 12, "code"), width(one.says)) + 2
