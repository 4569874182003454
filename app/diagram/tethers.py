"""Tethers: from a saved slot of a node to the bracket over the very cells that it keeps."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from app.diagram.cards import Landing
from app.diagram.graph import Band
from app.diagram.layout import Box, Point, rounded, straightened
from app.diagram.lives import Shown
from app.diagram.memory import MemoryBand
from app.diagram.shapes import IconKind, Mark, Pen
from app.diagram.slots import SlotRow
from app.diagram.text import ellipsize, width

CALM = 4  # tethers without trouble, up to which all are drawn unasked
ASKED = 60  # and how many more can be asked for, by pointing
SPACING_PX = 7.0
LEAST_X_PX = 66.0  # the title of the band stands left of it

Side = Literal["below", "right", "gutter"]  # where memory is, seen from the graph


class Thread(Struct, frozen=True):
    """One slot and the bracket that it leads to."""

    node: str
    row: SlotRow
    start: Point
    rect: Box
    landing: Landing
    quiet: bool  # drawn only when asked for


def threads(band: Band, memory: MemoryBand) -> list[Thread]:
    """The slots whose cells are drawn: those with trouble first."""
    found = [
        Thread(key, row, drawn.slots[row.index], drawn.rect, memory.landings[key, row.index], quiet=False)
        for key, drawn in band.drawn.items()
        for row in band.bodies[key].slots
        if (key, row.index) in memory.landings and row.index in drawn.slots
    ]
    found.sort(key=lambda thread: thread.row.trouble is None)
    calm = sum(thread.row.trouble is None for thread in found)
    return [
        Thread(one.node, one.row, one.start, one.rect, one.landing, quiet=one.row.trouble is None and calm > CALM)
        for one in found
    ][: CALM + ASKED]


def troubled(band: Band) -> int:
    """How many tethers will be drawn unasked, at most."""
    rows = [row for body in band.bodies.values() for row in body.slots]
    trouble = sum(row.trouble is not None for row in rows)
    return trouble + (len(rows) - trouble if len(rows) - trouble <= CALM else 0)


class Loom:
    """Draws tethers for one figure."""

    def __init__(self, band: Band, memory: MemoryBand, side: Side, level: float, edge: float) -> None:
        self.band, self.memory, self.side = band, memory, side
        self.level = level  # the y at which tethers going down turn to the side, the lowest of them
        self.edge = edge  # the x at which tethers to the right, or in the gutter, run down
        self._taken = 0
        self._worded: set[str] = set()
        self._tied: set[str] = set()

    def marks(self) -> Iterator[Mark]:
        """The tethers, each with what it says; last, the words of brackets that none comes to."""
        for thread in threads(self.band, self.memory):
            way = self._way(thread)
            if way is None:
                continue
            since = thread.row.tether_since
            wrong = thread.row.fate == "wrong"
            pen = Pen()
            kind = "alarm-line" if wrong else "stroke" if thread.row.trouble else "thin dot"
            pen.path(rounded(way), f"{kind} tether", thread.row.tether_track)
            if not thread.quiet:
                self._tied.add(thread.landing.storage)
                turned = thread.row.trouble_since if wrong else None
                if not wrong or turned is not None:
                    yield _knot("knot", way[-1], thread.node, since, turned)
                if wrong:
                    yield _knot("knot-wrong", way[-1], thread.node, turned if turned is not None else since, None)
                if self.side == "below":
                    self._words(pen, thread.landing, max(way[-1][0] + 9, thread.landing.free_from))
            yield pen.mark("tether quiet" if thread.quiet else "tether", ref=thread.node, since=since)
        for landing in dict.fromkeys(self.memory.landings.values()):
            pen = Pen()
            self._words(pen, landing, max(landing.free_from, landing.left - 3), alone=landing.storage not in self._tied)
            if pen.labels:
                yield pen.mark("saved-words", since=landing.since)

    def _words(self, pen: Pen, landing: Landing, x: float, *, alone: bool = False) -> None:
        key = f"{landing.storage} {landing.left} {landing.words}"
        end = min(landing.words_end, self.edge - 8) if self.side == "gutter" else landing.words_end
        if not landing.words or key in self._worded or end - x < width("saved …"):
            return
        self._worded.add(key)
        whole = landing.words + landing.source
        words = whole if alone and width(whole) <= end - x else landing.words
        pen.text(x, landing.y - 10, ellipsize(words, end - x), "soft")

    def _way(self, thread: Thread) -> tuple[Point, ...] | None:
        landing = thread.landing
        if self.side == "below":
            return self._down(thread)
        x = self.edge if thread.quiet else self.edge + (-1 if self.side == "gutter" else 1) * SPACING_PX * self._taken
        y = thread.start[1] - 8
        end = landing.left - 3 if self.side == "right" else landing.right + 3
        way = straightened([(thread.rect.x + thread.rect.width, y), (x, y), (x, landing.y), (end, landing.y)])
        if self._meets(way, self._obstacles(thread)):
            return None
        self._taken += not thread.quiet
        return way

    def _down(self, thread: Thread) -> tuple[Point, ...] | None:
        landing, rect = thread.landing, thread.rect
        foot = rect.y + rect.height
        low = min(max(landing.left, landing.free_from), landing.right)
        goal = min(max(thread.start[0], low), landing.right)
        first, last = max(rect.x + 12, LEAST_X_PX), rect.x + rect.width - 12
        x = goal if first <= goal <= last else max(thread.start[0], LEAST_X_PX)
        level = self.level - SPACING_PX * (0 if thread.quiet else self._taken)
        obstacles = list(self._obstacles(thread))
        way = straightened([(x, foot), (x, level), (goal, level), (goal, landing.y)])
        if self._meets(way, obstacles):
            if not thread.row.trouble:
                return None  # a detour is worth it only for what went wrong
            y = thread.start[1] - 8
            right = thread.rect.x + thread.rect.width
            for _ in range(4):
                blocking = [box for box in obstacles if box.x - 6 < right + 8 < box.x + box.width + 6 and box.y > y]
                right = max([right, *(box.x + box.width for box in blocking)])
            out = right + 8
            way = straightened(
                [(thread.rect.x + thread.rect.width, y), (out, y), (out, level), (goal, level), (goal, landing.y)]
            )
            if self._meets(way, obstacles):
                return None
        self._taken += goal != x and not thread.quiet
        return way

    def _obstacles(self, thread: Thread) -> Iterator[Box]:
        for key, drawn in self.band.drawn.items():
            if key != thread.node:
                yield drawn.rect
            if drawn.pill and key != thread.node:
                yield drawn.pill
        for storage, box in self.memory.boxes.items():
            if storage != thread.landing.storage:
                yield box

    @staticmethod
    def _meets(way: Iterable[Point], obstacles: Iterable[Box]) -> bool:
        corners = list(way)
        sides = [Box(min(ax, bx), min(ay, by), abs(ax - bx), abs(ay - by)) for (ax, ay), (bx, by) in pairwise(corners)]
        return any(side.meets(box, 2) for box in obstacles for side in sides)


def _knot(kind: IconKind, at: Point, node: str, since: int | None, until: int | None) -> Mark:
    pen = Pen()
    pen.icon(kind, *at)
    return pen.mark("knot", ref=node, shown=Shown(since, until))


def owners(parts: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The part that each node stands in."""
    return {node: key for key, nodes in parts.items() for node in nodes}
