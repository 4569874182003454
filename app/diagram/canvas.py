"""The graph band while it is drawn: boxes, edges with their gradients, cuts, and operators from tensor to tensor."""

from collections.abc import Mapping, MutableMapping, Sequence
from itertools import pairwise

from msgspec import Struct

from app.diagram.bodies import MOST_RUNNING, Body, cut_word
from app.diagram.boxes import Drawn, Look, draw
from app.diagram.chips import Chip, chip_of, draw_chip
from app.diagram.facts import Facts
from app.diagram.layout import Box, Link, Placement, Point, Size, px, rounded
from app.diagram.parts import Folded, Join
from app.diagram.shapes import Mark, Pen
from app.diagram.text import ellipsize, width

MOST_PASSED = 24  # gradients of one edge that are in the picture, the last ones
CUT_MEANS = "no gradient passes"
SHELF_PX = 80.0


class Edge(Struct, frozen=True):
    """A join as it will be drawn."""

    join: Join
    chip: Chip | None
    word: str | None  # of a cut
    went: bool
    wrong: bool
    kind_track: int | None = None
    passed: tuple[tuple[int, int | None, Chip], ...] = ()  # the gradients that went along it, each with its moments

    def link(self) -> Link:
        """What the layout has to know."""
        label = None
        if self.word:
            label = (width(self.word, 12, "code") + 16, 24.0)
        elif self.chip:
            label = (self.chip.width + 14, self.chip.height)
        return Link(self.join.source, self.join.target, label)


def edge_of(facts: Facts, join: Join, *, in_row: bool, numbers: bool) -> Edge:
    if join.cut:
        return Edge(join, None, cut_word(join.cut), went=False, wrong=False)
    node, at = next(((node, at) for node, at in join.edges if facts.went(node, at)), join.edges[0])
    went = facts.went(node, at)
    wrong = went and node in facts.wrong_after
    passed: list[tuple[int, int | None, Chip]] = []
    for moment, until, values in list(facts.passed(node, at))[-MOST_PASSED:] if went else ():
        chip = chip_of(values, in_row=in_row, numbers=numbers)
        if chip and (chip.form != "words" or numbers):  # a small box says the shape already
            passed.append((moment, until, chip))
    return Edge(
        join,
        max((chip for *_, chip in passed), key=lambda chip: chip.width, default=None),
        None,
        went=went,
        wrong=wrong,
        kind_track=_kinds(facts, join, wrong=wrong) if facts.ran_backward else None,
        passed=tuple(passed),
    )


def _kinds(facts: Facts, join: Join, *, wrong: bool) -> int | None:
    """The classes of an edge: thin until backward goes along it."""
    settled = "edge alarm-line" if wrong else "edge stroke"
    kinds = {0: "edge thin"}
    for node, at in join.edges:
        for moment, until, _ in list(facts.passed(node, at))[-MOST_RUNNING:]:
            kinds[moment] = f"{settled} now"
            kinds.setdefault(moment + 1, settled)
            if until is not None:
                kinds[until] = "edge thin"
    return facts.film.changes(sorted(kinds.items()))


def entries_of(facts: Facts, texts: Mapping[str, Body]) -> dict[str, Chip]:
    """What backward started with, by the part that it started from."""
    roots = {facts.trace.tensors[key].node for backward in facts.trace.backwards for key in backward.roots}
    chips = {key: chip_of(facts.received(key)) for key in texts if key in roots and key in facts.firings}
    return {key: chip for key, chip in chips.items() if chip}


class _Taken:
    """What is covered already, kept by height: a figure of a hundred boxes asks thousands of times."""

    def __init__(self) -> None:
        self._shelves: dict[int, list[Box]] = {}

    def add(self, box: Box) -> None:
        for shelf in self._reached(box):
            self._shelves.setdefault(shelf, []).append(box)

    def is_free(self, box: Box) -> bool:
        """Whether nothing covers any of `box`."""
        return not any(box.meets(other) for shelf in self._reached(box) for other in self._shelves.get(shelf, ()))

    @staticmethod
    def _reached(box: Box) -> range:
        return range(int(box.y // SHELF_PX), int((box.y + box.height) // SHELF_PX) + 1)


class Canvas:
    """The band while it is drawn."""

    def __init__(self, facts: Facts, texts: Mapping[str, Body], placement: Placement, dx: float, dy: float) -> None:
        self.facts, self.texts, self.placement, self.dx, self.dy = facts, texts, placement, dx, dy
        self.below: list[Mark] = []
        self.drawn: dict[str, Drawn] = {}
        self.chips: list[Mark] = []
        self.taken = _Taken()
        self.unshown = 0

    def boxes(
        self,
        look: Look,
        sizes: Mapping[str, Size],
        opened: frozenset[str],
        known: MutableMapping[tuple[str, Look, Box], Drawn],
    ) -> None:
        """Draw the boxes, which were measured so. What is `known` from another width stays as it is."""
        for key, body in self.texts.items():
            header = self.placement.boxes[key].moved(self.dx, self.dy)
            drawn = known.get((key, look, header))
            if drawn is None:
                opens = ",".join(sorted(opened | {key})) if body.part.opens else None
                drawn = draw(self.facts.film, body, look, header, sizes[key].below, opens)
                known[key, look, header] = drawn
            self.drawn[key] = drawn
        for drawn in self.drawn.values():
            self.taken.add(drawn.rect)
            if drawn.pill:
                self.taken.add(drawn.pill)

    def frames(self, folded: Folded, opened: frozenset[str]) -> None:
        """Draw the frames of opened module calls."""
        for group in folded.groups:
            box = self.placement.groups.get(group.id)
            if box is None:
                continue
            box = box.moved(self.dx, self.dy)
            pen = Pen()
            pen.plate(box, "frame", 10)
            used = pen.text(
                box.x + 12, box.y + 17, ellipsize(group.title, box.width - 24, 12, "code"), "ink", "code", bold=True
            )
            if used + width(group.words) + 34 < box.width:
                used += 8 + pen.text(box.x + 20 + used, box.y + 17, group.words, "faint")
            self.taken.add(Box(box.x + 12, box.y + 5, used, 16))
            closes = ",".join(sorted(opened - {group.id}))
            self.below.append(pen.mark("frame", ref=group.id, label="shown open", opens=closes))

    def edge(self, edge: Edge, points: Sequence[Point], look: Look) -> None:
        """Draw one edge, and remember where its gradient goes."""
        way = [(x + self.dx, y + self.dy) for x, y in points]
        pen = Pen()
        if edge.word:
            self._cut(pen, edge, way, look)
        else:
            kind = "alarm-line" if edge.wrong else "stroke" if edge.went or not self.facts.ran_backward else "thin"
            pen.path(rounded(way) + _head(way), f"edge {kind}", edge.kind_track)
        mark = pen.mark("cut" if edge.word else "edge", ref=None, since=self._since(edge))
        self.below.append(mark)

    def _since(self, edge: Edge) -> int | None:
        return edge.join.cut.moment if edge.join.cut else self.texts[edge.join.source].since

    def _cut(self, pen: Pen, edge: Edge, way: list[Point], look: Look) -> None:
        word = edge.word or ""
        wide = width(word, 12, "code") + 24
        if look == "list":
            target = self.drawn[edge.join.target].rect
            whole = wide + 6 + width(CUT_MEANS)
            left = target.x + 24
            while left < target.x + target.width and not self.taken.is_free(Box(left, target.y - 38, whole, 20)):
                left += 12
            spot = (left + wide / 2, target.y - 28)
        else:
            spot = self._spot(way, wide, 20) or _middle(way)
        pen.path(rounded(way), "thin dash")
        pen.plate(Box(spot[0] - wide / 2, spot[1] - 10, wide, 20), "ground", 4)
        pen.icon("cut", spot[0] - wide / 2 + 8, spot[1])
        pen.text(spot[0] - wide / 2 + 18, spot[1] + 4, word, "ink", "code", bold=True)
        if look == "list":
            pen.text(spot[0] + wide / 2 + 6, spot[1] + 4, CUT_MEANS, "faint")
        self.taken.add(Box(spot[0] - wide / 2, spot[1] - 10, whole if look == "list" else wide, 20))

    def gradient(self, edge: Edge, points: Sequence[Point], look: Look) -> None:
        """Draw the gradient of one edge where it covers nothing."""
        if edge.chip is None:
            return
        way = [(x + self.dx, y + self.dy) for x, y in points]
        words = ""
        if look == "list":
            skips = len(way) > 2
            words = f"gradient from {self.texts[edge.join.source].title}" if skips else "gradient"
            spot = self._spot_in_list(edge, way, edge.chip.width + 12 + width(words))
            if spot is None and skips:
                words = "gradient"
                spot = self._spot_in_list(edge, way, edge.chip.width + 12 + width(words))
        else:
            spot = self._spot(way, edge.chip.width + 6, edge.chip.height + 4)
        if spot is None:
            self.unshown += 1
            return
        wide = edge.chip.width + (12 + width(words) if words else 0)
        spans: dict[object, tuple[Chip, list[tuple[int, int | None]]]] = {}
        for nth, (moment, until, chip) in enumerate(edge.passed):
            following = edge.passed[nth + 1][0] if nth + 1 < len(edge.passed) else None
            ends = [end for end in (until, following) if end is not None]
            alike = (chip.form, chip.values.shape if chip.form == "words" else chip.values.flat)
            spans.setdefault(alike, (chip, []))[1].append((moment, min(ends, default=None)))
        for chip, shown in spans.values():
            pen = Pen()
            draw_chip(pen, chip, *spot, wrong=edge.wrong)
            if words:
                pen.text(spot[0] + edge.chip.width / 2 + 10, spot[1] + 4, words, "faint")
            self.chips.append(pen.mark("gradient", shown=self.facts.lives.shown(shown)))
        self.taken.add(Box(spot[0] - edge.chip.width / 2, spot[1] - edge.chip.height / 2, wide, edge.chip.height))

    def _spot_in_list(self, edge: Edge, way: Sequence[Point], wide: float) -> Point | None:
        """The centre of a gradient in a column: beside its edge, or over the box that an edge in a lane leads to."""
        chip_width, high = (edge.chip.width, edge.chip.height + 4) if edge.chip else (0.0, 0.0)
        target = self.drawn[edge.join.target].rect
        skips = len(way) > 2
        y = target.y - 28 if skips else (way[0][1] + way[1][1]) / 2
        x = target.x + 44 if skips else way[0][0] + 10
        while x + wide <= target.x + target.width:
            if self.taken.is_free(Box(x, y - high / 2, wide, high)):
                return x + chip_width / 2, y
            x += 12
        return None

    def _spot(self, way: Sequence[Point], wide: float, high: float) -> Point | None:
        """The centre of the first place along `way` where something that large covers nothing."""
        sides = sorted(pairwise(way), key=lambda side: -_length(side))
        for share in (0.5, 0.35, 0.65, 0.25, 0.75):
            for start, end in sides:
                upright = abs(start[0] - end[0]) < 1
                if _length((start, end)) < (high if upright else wide) + 4:
                    continue
                x, y = start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share
                x = max(x, wide / 2)
                box = Box(x - wide / 2, y - high / 2, wide, high)
                if y >= self.dy + high / 2 and self.taken.is_free(box):
                    return x, y
        return None

    def entries(self, entries: Mapping[str, Chip]) -> None:
        """Draw what backward started with: an edge from nowhere."""
        for key, chip in entries.items():
            box = self.placement.boxes[key].moved(self.dx, self.dy)
            x, y = box.x + box.width, box.middle[1]
            way = [(x + chip.width + 28, y), (x, y)]
            spot = Box(x + 20, y - chip.height / 2, chip.width, chip.height)
            if not self.taken.is_free(spot):
                continue
            pen = Pen()
            pen.path(rounded(way) + _head(way), "edge stroke")
            draw_chip(pen, chip, x + 20 + chip.width / 2, y, wrong=False)
            self.chips.append(pen.mark("gradient", since=self.facts.firings[key].fired.moment))
            self.taken.add(spot)

    def forward(self, edges: Sequence[Edge]) -> None:
        """Draw the operators, from tensor to tensor, where two stand side by side."""
        pills = {key: drawn.pill for key, drawn in self.drawn.items() if drawn.pill}
        for edge in edges:
            left, right = pills.get(edge.join.target), pills.get(edge.join.source)
            body = self.texts[edge.join.source]
            if edge.word or left is None or right is None or abs(left.y - right.y) > 1 or body.bit is None:
                continue
            start, end, y = left.x + left.width + 4, right.x - 4, left.middle[1]
            between = Box(start, y - 1, end - start, 2)
            op = body.bit.op
            if end - start < 24 or not self.taken.is_free(between) or op is None:
                continue
            pen = Pen()
            pen.path(rounded([(start, y), (end, y)]) + _head([(start, y), (end, y)]), "thin forward")
            word = ellipsize(op, end - start - 12, 12, "code")
            if word != "…":
                pen.text((start + end) / 2, y - 7, word, "soft", "code", anchor="middle")
            self.below.append(pen.mark("forward", since=body.since))


def _head(way: Sequence[Point]) -> str:
    """An open arrowhead at the end of `way`."""
    if len(way) < 2:
        return ""
    (ax, ay), (x, y) = way[-2], way[-1]
    if abs(ax - x) > abs(ay - y):
        back = 5 if ax > x else -5
        return f"M{px(x + back)} {px(y - 4)}L{px(x)} {px(y)}L{px(x + back)} {px(y + 4)}"
    back = 5 if ay > y else -5
    return f"M{px(x - 4)} {px(y + back)}L{px(x)} {px(y)}L{px(x + 4)} {px(y + back)}"


def _length(side: tuple[Point, Point]) -> float:
    return abs(side[0][0] - side[1][0]) + abs(side[0][1] - side[1][1])


def _middle(way: Sequence[Point]) -> Point:
    start, end = max(pairwise(way), key=_length)
    return (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
