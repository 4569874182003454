"""The graph band: boxes placed, edges routed, gradients on them."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.bits import bit_of
from app.diagram.bodies import Body, bodies
from app.diagram.boxes import Drawn, Look, measure
from app.diagram.canvas import Canvas, Edge, edge_of, entries_of
from app.diagram.facts import Facts
from app.diagram.lanes import lanes_needed, lanes_width, place_in_lanes
from app.diagram.layout import Box, Placement, Size, place
from app.diagram.parts import Folded
from app.diagram.pills import PILL_PX, draw_pill, pill_width
from app.diagram.shapes import Mark, Pen
from app.diagram.text import width, wrap
from app.trace.flow import Cut

TALL, FLAT_ACROSS = 8, 26  # parts, up to which that look is tried
ACROSS_HIGHEST_PX = 560.0
COLUMN_PX = 400.0  # how wide a column of boxes is where memory stands beside it
WIDEST_GAP_PX = 130.0
LOOSE = 8  # tensors in no graph that are drawn
LOOSE_PX = 300.0  # how wide the tensors in no graph may stand under a narrow one
NODE_GAP_PX: dict[Look, float] = {"tall": 26.0, "flat": 18.0, "list": 0.0}  # between boxes side by side

Way = Literal["across", "down", "list"]


class Band(Struct, frozen=True, kw_only=True):
    """The graph, drawn. Edges come first: boxes cover them."""

    way: Way
    width: float
    bottom: float
    marks: tuple[Mark, ...]
    drawn: dict[str, Drawn]
    bodies: dict[str, Body]
    unshown: int = 0  # gradients that found no room


class Sketch:
    """The graph of one run, to be drawn for several widths: what they share is worked out once."""

    def __init__(self, facts: Facts, folded: Folded, cuts: Sequence[Cut], opened: frozenset[str]) -> None:
        self.facts, self.folded, self.opened = facts, folded, opened
        self.texts = bodies(facts, folded, cuts)
        self._entries = entries_of(facts, self.texts)
        self._entry_width = max((chip.width + 30 for chip in self._entries.values()), default=0.0)
        self._groups = {group.id: group.members for group in folded.groups}
        self._edges: dict[Look, list[Edge]] = {}
        self._sizes: dict[Look, dict[str, Size]] = {}
        self._placed: dict[tuple[Look, str, float | None], Placement] = {}
        self._boxes: dict[tuple[str, Look, Box], Drawn] = {}

    def band(self, width_px: float, top: float) -> Band:
        """The graph in at most `width_px`, from `top` down, drawn the way that suits its shape."""
        if width_px <= 500:
            return self._list(width_px, top)
        if len(self.texts) <= TALL and not self._groups and (found := self._across("tall", width_px)):
            return self._drawn(found, self._sizes_of("tall"), "across", "tall", width_px, top)
        if len(self.texts) <= FLAT_ACROSS and (found := self._across("flat", width_px)):
            return self._drawn(found, self._sizes_of("flat"), "across", "flat", width_px, top)
        found = self._place("flat", "down")
        if found.width <= width_px:
            return self._drawn(found, self._sizes_of("flat"), "down", "flat", width_px, top)
        return self._list(COLUMN_PX, top)

    def _list(self, width_px: float, top: float) -> Band:
        order, links = list(self.texts), [edge.link() for edge in self.edges("list")]
        column = width_px - lanes_width(lanes_needed(order, links)) - 1
        sizes = {key: measure(body, "list", column) for key, body in self.texts.items()}
        return self._drawn(place_in_lanes(order, sizes, links), sizes, "list", "list", width_px, top)

    def edges(self, look: Look) -> list[Edge]:
        """The joins as they are drawn in that look: a small box has no room for numbers beside it."""
        if look not in self._edges:
            row, numbers = look == "list", look != "flat"
            self._edges[look] = [edge_of(self.facts, join, in_row=row, numbers=numbers) for join in self.folded.joins]
        return self._edges[look]

    def _sizes_of(self, look: Look) -> dict[str, Size]:
        if look not in self._sizes:
            self._sizes[look] = {key: measure(body, look) for key, body in self.texts.items()}
        return self._sizes[look]

    def _across(self, look: Look, width_px: float) -> Placement | None:
        """From right to left, the gaps between the columns as wide as there is room for; None where it does not fit."""
        chips = [edge.chip.width for edge in self.edges(look) if edge.chip]
        clear = 30 if look == "tall" else 16
        least = max([28.0, *(wide + clear for wide in chips)])
        room = width_px - (self._entry_width if look == "tall" else 0.0)
        if self._longest(look, least) > room:
            return None
        found = self._place(look, "left", least)
        if found.width > room or found.height > ACROSS_HIGHEST_PX:
            return None
        columns = len({round(box.middle[0]) for box in found.boxes.values()})
        if columns > 1 and look == "tall":
            wider = min(least + (room - found.width) / (columns - 1), max(WIDEST_GAP_PX, least))
            stretched = self._place(look, "left", wider)
            found = stretched if stretched.width <= room + 1 else found
        return found

    def _longest(self, look: Look, gap: float) -> float:
        """How wide the longest way through the graph is at least."""
        sizes = self._sizes_of(look)
        ends = {key: size.width for key, size in sizes.items()}
        place_of = {key: at for at, key in enumerate(self.texts)}
        for join in sorted(
            self.folded.joins, key=lambda join: place_of[join.source]
        ):  # sources in the order of backward
            ends[join.target] = max(ends[join.target], ends[join.source] + gap + sizes[join.target].width)
        return max(ends.values(), default=0.0)

    def _place(self, look: Look, way: Literal["left", "down"], layer_gap: float | None = None) -> Placement:
        key = (look, way, layer_gap)
        if key not in self._placed:
            sizes = self._sizes_of(look)
            links = [edge.link() for edge in self.edges(look)]
            if way == "left":  # the gap between the columns is there for the gradients already
                links = [
                    replace(link, label=link.label if edge.word else None)
                    for link, edge in zip(links, self.edges(look), strict=True)
                ]
            gap = NODE_GAP_PX[look]
            self._placed[key] = place(sizes, links, self._groups, way=way, layer_gap=layer_gap, node_gap=gap)
        return self._placed[key]

    def _drawn(
        self, placement: Placement, sizes: Mapping[str, Size], way: Way, look: Look, width_px: float, y: float
    ) -> Band:
        facts, texts = self.facts, self.texts
        top, marks = _above(self.folded, self.opened, width_px, y)
        canvas = Canvas(facts, texts, placement, 1.0 if look != "list" else 0.5, top)
        canvas.frames(self.folded, self.opened)
        canvas.boxes(look, sizes, self.opened, self._boxes)
        edges = self.edges(look)
        for edge, points in zip(edges, placement.ways, strict=True):
            canvas.edge(edge, points, look)
        if look == "tall":
            canvas.entries(self._entries)
        for edge, points in zip(edges, placement.ways, strict=True):
            canvas.gradient(edge, points, look)
        if look == "tall":
            canvas.forward(edges)
        wide = placement.width + 2 + (self._entry_width if look == "tall" else 0.0)
        room = width_px if way == "across" or not texts else min(max(wide, LOOSE_PX), width_px)
        loose, bottom = _below(facts, room, top + placement.height, empty=not texts)
        boxes = [mark for drawn in canvas.drawn.values() for mark in drawn.marks]
        return Band(
            way=way,
            width=max(wide, room) if loose and texts and way != "across" else wide,
            bottom=bottom,
            marks=(*marks, *canvas.below, *boxes, *canvas.chips, *loose),
            drawn=canvas.drawn,
            bodies=texts,
            unshown=canvas.unshown,
        )


def _above(folded: Folded, opened: frozenset[str], width_px: float, y: float) -> tuple[float, list[Mark]]:
    """The folds that stand for whole graphs, in words over the rest."""
    marks = []
    for part in folded.apart:
        pen = Pen()
        lines = wrap(part.words, width_px - 24 - 74)
        box = Box(0.5, y + 0.5, width_px - 1, 16 * len(lines) + 14)
        pen.plate(box, "node fold", 8)
        pen.text(12, y + 20, part.title, "ink", "strong", size=13)
        start = 24 + width(part.title, 13, "strong")
        for at, line in enumerate(lines):
            pen.text(start, y + 20 + 16 * at, line)
        opens = ",".join(sorted(opened | {part.id})) if part.opens else None
        marks.append(pen.mark("fold", ref=part.id, label=f"{part.detail}, folded", opens=opens))
        y += box.height + 16
    return y, marks


def _below(facts: Facts, width_px: float, y: float, *, empty: bool) -> tuple[list[Mark], float]:
    """The leaves that want a gradient and are in no graph, as pills in a row; or that nothing was recorded."""
    trace = facts.trace
    loose = [
        key
        for key, tensor in trace.tensors.items()
        if tensor.requires_grad and tensor.is_leaf and tensor.node is None and tensor.alive and tensor.name
    ]
    marks = []
    if empty:
        pen = Pen()
        says = (
            "No operator has used a tensor that requires grad: nothing is recorded yet."
            if loose
            else "Nothing here is recorded: no tensor requires grad."
        )
        for at, line in enumerate(wrap(says, width_px - 2, 13)):
            pen.text(0, y + 14 + 18 * at, line, "soft", size=13)
            y += 18 if at else 0
        y += 24
        marks.append(pen.mark("words"))
    if not loose:
        return marks, y
    y += 20 if not empty else 4
    pen = Pen()
    x = pen.text(0, y + 22, "In no graph:", "soft") + 10
    marks.append(pen.mark("words"))
    for at, key in enumerate(loose):
        bit = bit_of(facts, key)
        wide, high = pill_width(bit), PILL_PX
        if x + wide > width_px:
            x, y = 0.5, y + high + 8
        if at == LOOSE:
            pen = Pen()
            pen.text(x, y + 22, f"and {len(loose) - at} more", "faint")
            marks.append(pen.mark("words"))
            break
        marks.append(draw_pill(bit, Box(x, y, min(wide, width_px - 1), high), trace.tensors[key].moment))
        x += wide + 10
    return marks, y + 44
