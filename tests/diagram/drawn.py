"""What must hold for every drawing."""

import re
from collections.abc import Iterator
from itertools import pairwise

from msgspec.structs import replace

from app.diagram.facts import Facts
from app.diagram.film import Film, Still
from app.diagram.layout import Box
from app.diagram.pictures import NONE_OPEN, Folds, draw
from app.diagram.scene import Drawing, Scene
from app.diagram.shapes import Label, Mark, Square
from app.diagram.tape import Tape
from app.trace.history import History
from app.trace.model import Trace

_films: dict[int, tuple[Scene | Tape, Film]] = {}  # of the pictures drawn here, by id


def scene_of(trace: Trace, opened: Folds = NONE_OPEN) -> Scene:
    """Graph and memory of `trace`."""
    pictures = draw(trace, opened)
    _films[id(pictures.scene)] = pictures.scene, pictures.film
    return pictures.scene


def tape_of(trace: Trace) -> Tape:
    """The tape of `trace`."""
    pictures = draw(trace)
    _films[id(pictures.tape)] = pictures.tape, pictures.film
    return pictures.tape


def facts_of(trace: Trace) -> Facts:
    """What the pictures say about `trace`."""
    history = History(trace)
    return Facts(history, Film([history.moments.count]))


def film_of(picture: Scene | Tape) -> Film:
    """The film of a picture that was drawn here."""
    return _films[id(picture)][1]


def at(drawing: Drawing, still: Still, *, longest: bool = False) -> Drawing:
    """`drawing` as it is seen at one moment: without what is not there, and with the texts and looks of then.

    Or with the `longest` texts, for which it was laid out.
    """
    there = [
        mark
        for mark in drawing.marks
        if (mark.since is None or mark.since <= still.moment)
        and (mark.until is None or mark.until > still.moment)
        and (mark.visible_track is None or still.now[mark.visible_track] == "visible")
    ]
    return replace(drawing, marks=tuple(there if longest else (_at(mark, still.now) for mark in there)))


def _at(mark: Mark, now: list[str]) -> Mark:
    def kind(track: int | None, otherwise: str) -> str:
        return otherwise if track is None else now[track]

    return replace(
        mark,
        label=kind(mark.label_track, mark.label),
        labels=tuple(
            replace(one, text=kind(one.text_track, one.text), text_track=None)
            for one in mark.labels
            if kind(one.text_track, one.text)
        ),
        lines=tuple(replace(one, kind=kind(one.kind_track, one.kind), kind_track=None) for one in mark.lines),
        plates=tuple(replace(one, kind=kind(one.kind_track, one.kind), kind_track=None) for one in mark.plates),
        squares=tuple(
            replace(
                one,
                text=kind(one.text_track, one.text),
                was=kind(one.was_track, one.was or "") or None,
                wrong="vx" in kind(one.kind_track, "vx" if one.wrong else ""),
            )
            for one in mark.squares
        ),
    )


SLACK_PX = 1.0  # lengths are rounded to a tenth, and widths of text are a little generous


def texts(drawing: Drawing) -> Iterator[tuple[str, Box, int]]:
    """Every text with what it covers and its size, numbers in cells included."""
    for mark in drawing.marks:
        for label in mark.labels:
            yield label.text, label.box, label.size
        for square in mark.squares:
            yield from _texts_of(square)


def _texts_of(square: Square) -> Iterator[tuple[str, Box, int]]:
    for text, y in ((square.text, square.text_y), (square.was, square.was_y)):
        if text:
            label = Label(x=square.text_x, y=y, text=text, face="code", size=square.size, anchor="middle")
            yield text, label.box, label.size


def overlapping_texts(drawing: Drawing) -> list[tuple[str, str]]:
    """Pairs of texts of which one covers a part of the other."""
    found = sorted(texts(drawing), key=lambda item: item[1].y)
    pairs = []
    for at, (text, box, _) in enumerate(found):
        for other, beside, _ in found[at + 1 :]:
            if beside.y > box.y + box.height:
                break
            if box.meets(beside, -SLACK_PX):
                pairs.append((text, other))
    return pairs


def boxes(drawing: Drawing, kind: str) -> list[Box]:
    """The plates of that kind."""
    return [
        Box(plate.x, plate.y, plate.width, plate.height)
        for mark in drawing.marks
        for plate in mark.plates
        if kind in plate.kind.split()
    ]


def overlapping(found: list[Box]) -> list[tuple[Box, Box]]:
    """Pairs of boxes that cover each other in part."""
    return [(one, other) for at, one in enumerate(found) for other in found[at + 1 :] if one.meets(other, -0.2)]


def outside(drawing: Drawing) -> list[str]:
    """Texts and plates that reach out of the drawing."""
    frame = Box(-SLACK_PX, -SLACK_PX, drawing.width + 2 * SLACK_PX, drawing.height + 2 * SLACK_PX)
    found = [text for text, box, _ in texts(drawing) if not _within(box, frame)]
    for mark in drawing.marks:
        for plate in mark.plates:
            if not _within(Box(plate.x, plate.y, plate.width, plate.height), frame):
                found.append(f"{mark.kind} {mark.ref} {plate.kind}")
    return found


def _within(box: Box, frame: Box) -> bool:
    return (
        box.x >= frame.x
        and box.y >= frame.y
        and box.x + box.width <= frame.x + frame.width
        and box.y + box.height <= frame.y + frame.height
    )


def lines_through_boxes(drawing: Drawing) -> list[str]:
    """Edges and tethers that run through a box which they neither leave nor reach."""
    found = boxes(drawing, "node") + boxes(drawing, "tensor")
    crossing = []
    for mark in drawing.marks:
        if mark.kind not in ("edge", "tether"):
            continue
        corners = _corners(mark.lines[0].path)
        ends = [Box(x - 1, y - 1, 2, 2) for x, y in (corners[0], corners[-1])]
        inner = [
            Box(box.x + 3, box.y + 3, box.width - 6, box.height - 6)
            for box in found
            if not any(box.meets(end) for end in ends)
        ]
        for (ax, ay), (bx, by) in pairwise(corners):
            side = Box(min(ax, bx), min(ay, by), abs(ax - bx), abs(ay - by))
            if any(side.meets(box) for box in inner):
                crossing.append(f"{mark.kind} {corners}")
    return crossing


def _corners(path: str) -> list[tuple[float, float]]:
    """The points of the first stretch of a path, rounded corners as corners."""
    stretch = re.sub(r"Q[-0-9.]+ [-0-9.]+ ", "L", path.split("M")[1])
    numbers = [float(number) for number in re.findall(r"-?[0-9.]+", stretch)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))
