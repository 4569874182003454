"""What both shapes of the tape are drawn on: marks in order, and which places already carry a text or an icon."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.cells import HEAD, Cell, row_of
from app.diagram.layout import Box, px
from app.diagram.scene import Drawing
from app.diagram.shapes import Anchor, IconKind, Label, Mark, Pen, Tone, cell_width
from app.diagram.tape_lanes import Lane, Stretch
from app.diagram.text import Face, ellipsize, width
from app.trace.figures import number, shape_words
from app.trace.history import History
from app.trace.model import Values

ICON_RADIUS = 9
PIN_RADIUS = 5
MOST_CELLS = 5  # of one content


_OUTLINES = {
    True: "M{0} {1}m0-8l8 8l-8 8l-8-8z",  # of a write
    False: "M{0} {1}m-6 0a6 6 0 1 1 12 0a6 6 0 1 1-12 0z",
}

Clip = Literal["now", "next"]
Spot = tuple[float, float, Anchor]  # where a text may stand: x, baseline, and what of it is at x


class Cut(Struct, frozen=True, kw_only=True):
    """As much of some contents as there is room for."""

    cells: tuple[Cell, ...] = ()
    gap_after: int | None = None
    cell_px: float = 0.0
    words: str = ""  # in place of cells
    bins: tuple[int, ...] = ()  # and before them, a histogram

    @property
    def width(self) -> float:
        """All of it, the ellipsis included."""
        return len(self.cells) * self.cell_px + (GAP_PX if self.gap_after is not None else 0)


GAP_PX = 16.0
_BAR = 4  # of a histogram, with the gap to the next


class Contents:
    """Contents as cells; asked for the same again, as each drawing of one story does, it remembers."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._held: dict[tuple[str | None, int], Values | None] = {}
        self._known: dict[tuple[int, int], tuple[Values, Values | None, list[Cut], Iterator[Cut]]] = {}
        self._words: dict[tuple[int, int], tuple[Values, str]] = {}

    def of(self, lane: Lane, stretch: Stretch) -> Values | None:
        """What a lane held during one of its stretches; None where that was not kept."""
        key = (lane.subject, stretch.first)
        if key not in self._held:
            self._held[key] = self.history.values(lane.subject, stretch.first) if lane.subject else None
        return self._held[key]

    def words(self, values: Values | None, digits: int = 3) -> str:
        """A few values in words; empty where they are unknown."""
        if values is None or (values.flat is None and values.summary is None):
            return ""
        key = (id(values), digits)
        if key not in self._words:
            self._words[key] = (values, row_of(values, digits=digits).words)
        return self._words[key][1]

    def fit(self, values: Values | None, room: float, saved: Values | None = None) -> Cut:
        """As many cells of `values` as fit `room`; cells that differ from `saved` say so."""
        if values is None or (values.flat is None and values.summary is None):
            return Cut()
        key = (id(values), id(saved))
        if key not in self._known:
            self._known[key] = (values, saved, [], _cuts(values, saved))  # held: an id may be given anew
        _, _, cuts, others = self._known[key]
        for cut in cuts:
            if cut.width <= room:
                return cut
        for cut in others:  # mostly the first has room
            cuts.append(cut)
            if cut.width <= room:
                return cut
        most = int((room - GAP_PX) / cuts[-1].cell_px) if cuts[-1].cells else 0
        return replace(cuts[-1], cells=cuts[-1].cells[:most], gap_after=most) if most > 0 else Cut()


def _cuts(values: Values, saved: Values | None) -> Iterator[Cut]:
    """With three digits and with two, or words where there are too many elements to list."""
    found = row_of(values, saved=saved)
    flat = values.flat
    if found.form != "row" or flat is None:
        words = found.words if found.form == "summary" else shape_words(values.shape)
        yield Cut(words=words, bins=values.summary.bins if values.summary else ())
        return
    for digits, padding in ((3, 11), (2, 11), (2, 7)):
        cells = tuple(replace(one, text=number(flat[one.index], digits), was=None) for one in found.flat)
        gap = found.gap_after
        if len(cells) > MOST_CELLS or gap is not None:
            gap = HEAD
            cells = (*cells[:HEAD], cells[-1])
        yield Cut(
            cells=cells,
            gap_after=gap,
            cell_px=cell_width((one.text for one in cells), least=26 if padding > 7 else 22, padding=padding),
        )


class TapeMark(Mark, frozen=True, kw_only=True):
    """A mark of the tape. One that leads somewhere is a link."""

    moment: int | None = None  # that it leads to
    asks: str | None = None  # the rest of the address at which a fold is open
    look: int | None = None  # the track of its classes
    clip: Clip | None = None  # drawn only up to the playhead, or only beyond it


class TapeDrawing(Drawing, frozen=True, kw_only=True):
    """The tape for one width. `marks` has the playhead among the others, as the mark of that kind."""

    marks: tuple[TapeMark, ...]
    turned: bool = False  # time runs down
    playhead: int  # the track of where it stands
    reached: int  # the track of how far all is drawn as it came to be


class Sheet:
    """Collects marks; a text that would touch another is moved to the next spot that was offered, or left out."""

    def __init__(self, width_px: float) -> None:
        self.width = width_px
        self.marks: list[TapeMark] = []
        self.bands: list[TapeMark] = []  # below the playhead
        self.ghosts: list[str] = []  # outlines of all that is there at some moment
        self.icons: dict[IconKind, int] = {}  # each with the first moment at which it is there
        self.sunk: list[Box] = []  # where the ground is sunken
        self._taken: list[tuple[float, float, float, float]] = []  # left, top, right, bottom

    def add(
        self,
        pen: Pen,
        kind: str,
        *,
        ref: str | None = None,
        label: str = "",
        since: int | None = None,
        links: bool = False,
        clip: Clip | None = None,
    ) -> None:
        """Paint what `pen` drew over what is there; with `links`, pressing it leads to the moment `since`."""
        self.marks.append(
            mark_of(pen, kind, ref=ref, label=label, since=since, moment=since if links else None, clip=clip)
        )
        for text in pen.labels:
            self.keep_free(text.box)
        for icon in pen.icons:
            radius = PIN_RADIUS if icon.kind == "pin" else ICON_RADIUS
            self._taken.append((icon.x - radius, icon.y - radius, icon.x + radius, icon.y + radius))
            self.icons[icon.kind] = min(since or 0, self.icons.get(icon.kind, since or 0))
            if icon.kind != "differs":  # that there will be one is not to be given away
                self.ghosts.append(_OUTLINES[icon.kind in ("write", "unseen")].format(px(icon.x), px(icon.y)))

    def band(self, d: str, kind: str, ref: str, since: int, label: str = "") -> None:
        """Paint a band below the playhead, as far as that has come."""
        self.bands.append(mark_of(pen_of(kind, d), "stretch", ref=ref, since=since, label=label, clip="now"))
        self.ghosts.append(d)

    def beyond(self, box: Box, stretch: Stretch, ref: str) -> None:
        """Paint a band under the cells with which it begins, where they reach beyond the playhead."""
        pen = Pen()
        pen.plate(box, f"band {stretch.tone}", radius=0)
        self.bands.append(mark_of(pen, "beyond", ref=ref, since=stretch.first, clip="next"))

    def keep_free(self, box: Box) -> None:
        """Let no text be placed over `box`."""
        self._taken.append((box.x, box.y, box.x + box.width, box.y + box.height))

    def _is_free(self, left: float, top: float, right: float, bottom: float) -> bool:
        for a, b, c, d in self._taken:  # noqa: SIM110  # of all that a drawing asks, this is asked most
            if a < right and c > left and b < bottom and d > top:
                return False
        return True

    def ground(self, kind: str, box: Box) -> str:
        """The kind of a text that keeps lines off itself by a rim in the colour of its ground."""
        x, y = box.middle
        for one in self.sunk:
            if one.x < x < one.x + one.width and one.y < y < one.y + one.height:
                return "halo sunken"
        return kind

    def place(
        self,
        text: str,
        spots: Iterable[Spot],
        tone: Tone = "soft",
        face: Face = "text",
        *,
        size: int = 12,
        bold: bool = False,
        gap: float = 3.0,
    ) -> Label | None:
        """Keep the first spot that is free for `text`; None if there is none."""
        if not text:
            return None
        long, tall = width(text, size, face), 0.76 * size  # as Label.box has it
        for x, y, anchor in spots:
            left = x if anchor == "start" else x - long / 2 if anchor == "middle" else x - long
            right, top, bottom = left + long, y - tall, y - tall + size
            if left < 0 or right > self.width:
                continue
            if self._is_free(left - gap, top - gap, right + gap, bottom + gap):
                self._taken.append((left, top, right, bottom))
                return Label(x=px(x), y=px(y), text=text, tone=tone, face=face, bold=bold, size=size, anchor=anchor)
        return None

    def write(
        self,
        text: str,
        spots: Iterable[Spot],
        tone: Tone = "soft",
        face: Face = "text",
        *,
        kind: str = "words",
        size: int = 12,
        bold: bool = False,
        ref: str | None = None,
        since: int | None = None,
        label: str = "",
        gap: float = 3.0,
    ) -> Label | None:
        """Write `text` on the first spot that is free; None if there is none."""
        written = self.place(text, spots, tone, face, size=size, bold=bold, gap=gap)
        if written:
            kind = self.ground(kind, written.box) if kind == "halo" else kind
            self.marks.append(TapeMark(kind=kind, ref=ref, label=label, since=since, labels=(written,)))
        return written

    def ghost(self) -> TapeMark:
        """What is to come, in outlines."""
        return mark_of(pen_of("ghostly", "".join(self.ghosts)), "ghosts", clip="next")


def cells_of_cut(cut: Cut, box: Box, *, wrong: bool, room: float) -> tuple[Pen, Box]:
    """The cells of `cut` from the left of `box`, as high as it; or its words, within `room`. And what they cover."""
    pen, x = Pen(), box.x
    middle = box.y + box.height / 2 + 4
    for at, cell in enumerate(cut.cells):
        if at == cut.gap_after:
            pen.text(x + GAP_PX / 2, middle, "…", anchor="middle")
            x += GAP_PX
        pen.cell(cell, Box(x, box.y, cut.cell_px, box.height), wrong=cell.changed and wrong, changed=cell.changed)
        x += cut.cell_px
    if cut.cells and cut.gap_after == len(cut.cells):
        pen.text(x + GAP_PX / 2, middle, "…", anchor="middle")
        x += GAP_PX
    if cut.words:
        left = box.x + 8
        if (bars := _BAR * len(cut.bins)) and bars < room / 3:
            pen.path(_bars(cut.bins, left, box.y + box.height - 5, box.height - 10), "sparks")
            left += bars + 8
        pen.text(left, middle, ellipsize(cut.words, max(box.x + room - 4 - left, 16)))
    return pen, Box(box.x, box.y, x - box.x, box.height)


def _bars(bins: Sequence[int], x: float, bottom: float, height: float) -> str:
    """How many elements there are from the least to the greatest, as bars side by side."""
    most = max(bins)
    heights = [count / most * height if most else 0.0 for count in bins]
    return "".join(
        f"M{px(x + at * _BAR)} {px(bottom)}v{px(-max(tall, 1))}h{_BAR - 1}v{px(max(tall, 1))}z"
        for at, tall in enumerate(heights)
        if tall
    )


def write_mark(x: float, y: float, *, seen: bool, harmful: bool) -> tuple[Pen, str]:
    """A diamond, and the kind of its mark: alarm is kept for a write that made backward read something else."""
    pen = Pen()
    pen.icon("write" if seen else "unseen", x, y)
    return pen, "write" if seen else "write harmful" if harmful else "write harmless"


def path(points: Sequence[tuple[float, float]]) -> str:
    """Straight lines from point to point."""
    return "M" + "L".join([f"{px(x)} {px(y)}" for x, y in points])


def rounded(box: Box, *, left: bool = False, right: bool = False, top: bool = False, bottom: bool = False) -> str:
    """A rectangle whose corners are round at the sides that are named."""
    radius = min(5.0, box.width / 2, box.height / 2)
    near_x, near_y, far_x, far_y = box.x, box.y, box.x + box.width, box.y + box.height
    corners = (  # each with the way into it and out of it: up, right, down, left
        (near_x, near_y, 0, -1, 1, 0, left or top),
        (far_x, near_y, 1, 0, 0, 1, right or top),
        (far_x, far_y, 0, 1, -1, 0, right or bottom),
        (near_x, far_y, -1, 0, 0, -1, left or bottom),
    )
    sides = []
    for x, y, dx, dy, ex, ey, is_round in corners:
        if is_round and radius:
            start, end = f"{px(x - dx * radius)} {px(y - dy * radius)}", f"{px(x + ex * radius)} {px(y + ey * radius)}"
            sides.append(f"{start}A{px(radius)} {px(radius)} 0 0 1 {end}")
        else:
            sides.append(f"{px(x)} {px(y)}")
    return f"M{'L'.join(sides)}Z"


def mark_of(
    pen: Pen,
    kind: str,
    *,
    ref: str | None = None,
    label: str = "",
    since: int | None = None,
    moment: int | None = None,
    asks: str | None = None,
    look: int | None = None,
    clip: Clip | None = None,
) -> TapeMark:
    """All that `pen` drew, as one mark."""
    return TapeMark(
        kind=kind,
        ref=ref,
        label=label,
        since=since,
        moment=moment,
        asks=asks,
        look=look,
        clip=clip,
        plates=tuple(pen.plates),
        lines=tuple(pen.lines),
        squares=tuple(pen.squares),
        icons=tuple(pen.icons),
        labels=tuple(pen.labels),
    )


def spoken(label: str, written: Iterable[Label]) -> str:
    """What a link is called: what is read out has to contain what is to be seen, word for word."""
    seen = " ".join(one.text for one in written)
    return label if f" {seen} " in f" {label} " or not seen else f"{seen.rstrip('.')}. {label}"


def pen_of(kind: str, d: str) -> Pen:
    """A pen that has drawn one path."""
    pen = Pen()
    pen.path(d, kind)
    return pen
