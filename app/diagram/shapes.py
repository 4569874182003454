"""What a figure is made of: marks of texts, lines, plates, icons and strips of cells, all placed, in px.

`kind` is a class that static/css/figure.css gives a look; nothing here knows a colour. What changes with the moment
has tracks of the film: `text_track` for a text, `kind_track` for the classes that `kind` stands for.
"""

from collections.abc import Container, Iterable, Sequence
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from app.diagram.cells import Cell
from app.diagram.layout import Box, px
from app.diagram.lives import Shown
from app.diagram.text import Face, width

Length = int | float
Anchor = Literal["start", "middle", "end"]
Tone = Literal["ink", "soft", "faint", "alarm", "accent"]
IconKind = Literal[
    "pin", "released", "write", "unseen", "missed", "passed", "refused", "differs", "cut", "knot", "knot-wrong"
]

_TONES = {"ink": "ink", "soft": "", "faint": "faint", "alarm": "bad", "accent": "acc"}
_FACES = {"text": "", "strong": "strong", "code": "mono"}
_ANCHORS = {"start": "", "middle": "mid", "end": "end"}


class Label(Struct, frozen=True, kw_only=True):
    """One line of text on its baseline."""

    x: Length
    y: Length
    text: str
    tone: Tone = "soft"
    face: Face = "text"
    bold: bool = False  # of code; the strong face is bold anyway
    size: int = 12
    anchor: Anchor = "start"
    struck: bool = False
    text_track: int | None = None  # `text` is then the longest that it holds
    kind_track: int | None = None

    @property
    def classes(self) -> str:
        """The words of figure.css for how it looks."""
        return _classes(self.tone, self.face, self.anchor, self.bold, self.size, self.struck)

    @property
    def width(self) -> float:
        """How long it is."""
        return width(self.text, self.size, self.face)

    @property
    def box(self) -> Box:
        """What it covers, from the ascenders to the descenders."""
        wide = width(self.text, self.size, self.face)
        left = 0.0 if self.anchor == "start" else wide / 2 if self.anchor == "middle" else wide
        return Box(self.x - left, self.y - 0.76 * self.size, wide, self.size)


@lru_cache(maxsize=512)  # a figure says a few dozen of them, some hundred times
def _classes(tone: Tone, face: Face, anchor: Anchor, bold: bool, size: int, struck: bool) -> str:
    words = [_TONES[tone], _FACES[face], _ANCHORS[anchor]]
    words += ["bold" if bold else "", f"t{size}" if size != 12 else "", "was" if struck else ""]
    return " ".join(word for word in words if word)


class Line(Struct, frozen=True):
    """A path."""

    path: str
    kind: str
    kind_track: int | None = None
    path_track: int | None = None  # with it, coordinates count from (x, y)
    x: Length = 0
    y: Length = 0


class Plate(Struct, frozen=True, kw_only=True):
    """A rectangle."""

    x: Length
    y: Length
    width: Length
    height: Length
    radius: Length
    kind: str
    kind_track: int | None = None
    x_track: int | None = None
    width_track: int | None = None


class Icon(Struct, frozen=True):
    """One of the marks of the legend, around its centre."""

    kind: IconKind
    x: Length
    y: Length


class Square(Struct, frozen=True, kw_only=True):
    """One cell; its text, if it has one, stands in its middle, below what it held before."""

    x: Length
    y: Length
    width: Length
    height: Length
    level: int
    text: str = ""
    exact: str = ""  # every digit, where the text has not all
    was: str | None = None
    changed: bool = False
    wrong: bool = False
    size: int = 12
    text_track: int | None = None
    kind_track: int | None = None  # of the cell
    was_track: int | None = None
    exact_track: int | None = None
    text_x: Length = 0
    text_y: Length = 0
    was_y: Length = 0


class Mark(Struct, frozen=True, kw_only=True):
    """Shapes that show one thing together."""

    kind: str
    ref: str | None = None  # its id in the Trace
    label: str = ""  # what a screen reader says; with it, the mark can be focused
    label_track: int | None = None
    line: int | None = None  # the source line it leads to
    opens: str | None = None  # the folds to show open after pressing it, where it is a fold
    since: int | None = None  # the moment from which on it is there
    until: int | None = None  # the moment at which it is gone again
    visible_track: int | None = None  # of one that comes and goes
    plates: tuple[Plate, ...] = ()
    lines: tuple[Line, ...] = ()
    squares: tuple[Square, ...] = ()
    outlines: tuple[Plate, ...] = ()  # over the squares
    icons: tuple[Icon, ...] = ()
    labels: tuple[Label, ...] = ()


class Pen:
    """Collects the shapes of one mark."""

    def __init__(self) -> None:
        self.plates: list[Plate] = []
        self.lines: list[Line] = []
        self.squares: list[Square] = []
        self.outlines: list[Plate] = []
        self.icons: list[Icon] = []
        self.labels: list[Label] = []

    def text(
        self,
        x: float,
        y: float,
        text: str,
        tone: Tone = "soft",
        face: Face = "text",
        *,
        bold: bool = False,
        size: int = 12,
        anchor: Anchor = "start",
        struck: bool = False,
        text_track: int | None = None,
        kind_track: int | None = None,
    ) -> float:
        """Write `text`; gives back how wide it is."""
        label = Label(
            x=px(x),
            y=px(y),
            text=text,
            tone=tone,
            face=face,
            bold=bold,
            size=size,
            anchor=anchor,
            struck=struck,
            text_track=text_track,
            kind_track=kind_track,
        )
        if text:
            self.labels.append(label)
        return width(text, size, face)

    def plate(self, box: Box, kind: str, radius: float = 8, kind_track: int | None = None) -> None:
        """Draw a rectangle."""
        self.plates.append(
            Plate(
                x=px(box.x),
                y=px(box.y),
                width=px(box.width),
                height=px(box.height),
                radius=px(radius),
                kind=kind,
                kind_track=kind_track,
            )
        )

    def outline(self, box: Box, kind: str, radius: float = 3) -> None:
        """Draw a rectangle around cells."""
        self.plate(box, kind, radius)
        self.outlines.append(self.plates.pop())

    def path(self, path: str, kind: str, kind_track: int | None = None) -> None:
        """Draw a line."""
        self.lines.append(Line(path, kind, kind_track))

    def filmed_path(self, track: int, kind: str, x: float, y: float) -> None:
        """Draw a line whose path, from (x, y) on, is a track of the film."""
        self.lines.append(Line("", kind, path_track=track, x=px(x), y=px(y)))

    def icon(self, kind: IconKind, x: float, y: float) -> None:
        """Draw an icon around (x, y)."""
        self.icons.append(Icon(kind, px(x), px(y)))

    def cell(
        self, cell: Cell, box: Box, *, text: bool = True, changed: bool = False, wrong: bool = False, size: int = 12
    ) -> None:
        """Draw one cell."""
        middle = box.y + box.height / 2
        was = cell.was if text else None
        self.squares.append(
            Square(
                x=px(box.x),
                y=px(box.y),
                width=px(box.width),
                height=px(box.height),
                level=cell.level,
                text=cell.text if text else "",
                exact="" if text and cell.exact.removesuffix(".0") == cell.text else cell.exact,
                was=was,
                changed=changed,
                wrong=wrong,
                text_track=cell.text_track if text else None,
                kind_track=cell.kind_track,
                was_track=cell.was_track if text else None,
                exact_track=cell.exact_track,
                text_x=px(box.x + box.width / 2),
                size=size,
                text_y=px(middle + (14 if was else 4.5)),
                was_y=px(middle - 5),
            )
        )

    def row(
        self, cells: Sequence[Cell], x: float, y: float, cell: float, height: float, *, wrong: bool = False
    ) -> float:
        """Draw cells side by side; gives back how wide they are."""
        for at, one in enumerate(cells):
            self.cell(one, Box(x + at * cell, y, cell, height), wrong=wrong, changed=wrong)
        return len(cells) * cell

    def heat(self, cells: Sequence[Cell], x: float, y: float, side: float, columns: int, wrong: Container[int]) -> None:
        """Draw cells without numbers, in rows of `columns`: one path for all that are as strong."""
        strengths: dict[str, list[str]] = {}
        for at, cell in enumerate(cells):
            row, column = divmod(at, columns)
            corner = f"M{px(x + column * side)} {px(y + row * side)}h{px(side - 1)}v{px(side - 1)}h{px(1 - side)}z"
            strengths.setdefault("x" if cell.index in wrong else str(cell.level), []).append(corner)
        for strength, corners in sorted(strengths.items()):
            self.path("".join(corners), f"heat v{strength}")

    def mark(
        self,
        kind: str,
        *,
        ref: str | None = None,
        label: str = "",
        line: int | None = None,
        opens: str | None = None,
        since: int | None = None,
        shown: Shown | None = None,
        label_track: int | None = None,
    ) -> Mark:
        """All that was drawn, as one mark. Its label says what is written there, and then `label`."""
        if label:  # what is read out has to contain what is to be seen
            label = ". ".join((" ".join(one.text for one in self.labels), label)).removeprefix(". ")
        return Mark(
            kind=kind,
            ref=ref,
            label=label,
            line=line,
            opens=opens,
            since=shown.since if shown else since,
            until=shown.until if shown else None,
            visible_track=shown.track if shown else None,
            label_track=label_track,
            plates=tuple(self.plates),
            lines=tuple(self.lines),
            squares=tuple(self.squares),
            outlines=tuple(self.outlines),
            icons=tuple(self.icons),
            labels=tuple(self.labels),
        )


def cell_width(texts: Iterable[str], least: float = 24, padding: float = 12, size: int = 12) -> float:
    """How wide each cell of a row must be."""
    return max([least, *(width(text, size, "code") + padding for text in texts)])
