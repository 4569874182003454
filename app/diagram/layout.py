"""Where the boxes of a graph go, and how its edges run between them: the only user of graphlay.

Backward runs from right to left (`left`) or from top to bottom (`down`); all lengths are px, y downwards.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

import graphlay
from msgspec import Struct

Way = Literal["left", "down"]
Point = tuple[float, float]

LAYER_GAP_PX = {"left": 56.0, "down": 30.0}
NODE_GAP_PX = 22.0
GROUP_PADDING_PX = 14.0
GROUP_HEADER_PX = 20.0
ALONE_PX = 600.0  # how wide rows of boxes without an edge may get
CLEAR_PX = 10.0  # from what hangs out of a box to an edge that passes it
LABEL_MARGIN_PX = 5.0
RADIUS_PX = 6.0
NEARLY_PX = 1.5  # graphlay ends an edge that much beside its line, where a small box has many


class Size(Struct, frozen=True):
    """A box: edges meet the middle of its sides. The margins are room that hangs out of it."""

    width: float
    height: float
    above: float = 0.0
    below: float = 0.0
    left: float = 0.0
    right: float = 0.0


class Link(Struct, frozen=True):
    """An edge, in the direction of backward, and the room that a text on it wants."""

    source: str
    target: str
    label: tuple[float, float] | None = None


class Box(Struct, frozen=True):
    """A rectangle: its left and top, and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> Point:
        """The centre."""
        return self.x + self.width / 2, self.y + self.height / 2

    def meets(self, other: "Box", gap: float = 0.0) -> bool:
        """Whether they overlap, or come nearer than `gap`."""
        return (
            self.x < other.x + other.width + gap
            and other.x < self.x + self.width + gap
            and self.y < other.y + other.height + gap
            and other.y < self.y + self.height + gap
        )

    def moved(self, dx: float, dy: float) -> "Box":
        """The same, elsewhere."""
        return Box(self.x + dx, self.y + dy, self.width, self.height)


class Placement(Struct, frozen=True):
    """Boxes by id, and a way for each link, corner by corner, in the order of the links. Shared: only to be read."""

    boxes: Mapping[str, Box]
    ways: tuple[tuple[Point, ...], ...]
    groups: Mapping[str, Box]
    width: float
    height: float


def place(
    nodes: Mapping[str, Size],
    links: Sequence[Link],
    groups: Mapping[str, Sequence[str]],
    *,
    way: Way = "left",
    layer_gap: float | None = None,
    node_gap: float = NODE_GAP_PX,
) -> Placement:
    """Lay out `nodes`; the members of each group stand together in a box of their own.

    The same input gives the same output. Raises KeyError for a link or group that names no node.
    """
    if not nodes:
        return Placement(boxes={}, ways=(), groups={}, width=0, height=0)
    if not groups and (row := _one_row(nodes, links)):
        return _in_a_row(row, nodes, links, way, layer_gap or LAYER_GAP_PX[way])
    members = tuple((key, tuple(inside)) for key, inside in groups.items())
    return _placed(tuple(nodes.items()), tuple(links), members, way, layer_gap, node_gap)


@lru_cache(maxsize=64)  # a class runs variations of one snippet, and their graphs are alike
def _placed(
    sizes: tuple[tuple[str, Size], ...],
    links: tuple[Link, ...],
    members: tuple[tuple[str, tuple[str, ...]], ...],
    way: Way,
    layer_gap: float | None,
    node_gap: float,
) -> Placement:
    nodes, groups = dict(sizes), dict(members)
    grouped = {member for inside in groups.values() for member in inside}
    joined = {end for link in links for end in (link.source, link.target)} | grouped
    alone = [key for key in nodes if key not in joined]
    connected = {key: nodes[key] for key in nodes if key in joined}
    boxes, frames, ways = _laid_out(connected, links, groups, way, layer_gap, node_gap, reach=0.0)
    if _crowded(boxes, nodes, CLEAR_PX / 2):
        # of the margins of two neighbours graphlay keeps only the larger: one side has to allow for both
        reach = node_gap + max(size.above if way == "left" else size.left for size in connected.values())
        boxes, frames, ways = _laid_out(connected, links, groups, way, layer_gap, node_gap, reach=reach)
    boxes |= _beneath(boxes, alone, nodes, node_gap, mirrored=way == "left")
    return _settled(nodes, {key: boxes[key] for key in nodes}, frames, ways, mirrored=way == "left")


def _laid_out(
    nodes: Mapping[str, Size],
    links: Sequence[Link],
    groups: Mapping[str, Sequence[str]],
    way: Way,
    layer_gap: float | None,
    node_gap: float,
    *,
    reach: float,
) -> tuple[dict[str, Box], dict[str, Box], list[list[Point]]]:
    """What graphlay makes of it: boxes, frames of the groups, ways of the links."""
    if not nodes:
        return {}, {}, []
    indices = {key: index for index, key in enumerate(nodes)}
    parents = {member: len(nodes) + at for at, key in enumerate(groups) for member in groups[key]}
    asked = {
        "nodes": [_asked_node(size, way, parents.get(key), reach) for key, size in nodes.items()]
        + [{"size": {"width": 10.0, "height": 10.0}} for _ in groups],
        "edges": [_asked_edge(link, indices) for link in links],
    }
    drawn = graphlay.layout(asked, options=_options(way, layer_gap or LAYER_GAP_PX[way], node_gap))
    found = [_box(node) for node in drawn.nodes]
    ways = [[(point["x"], point["y"]) for point in edge["points"]] for edge in drawn.edges]
    return dict(zip(nodes, found, strict=False)), dict(zip(groups, found[len(nodes) :], strict=True)), ways


def _crowded(boxes: Mapping[str, Box], nodes: Mapping[str, Size], gap: float) -> bool:
    """Whether what hangs out of a box comes nearer than `gap` to another."""
    outer = [
        Box(box.x, box.y - nodes[key].above, box.width, box.height + nodes[key].above + nodes[key].below)
        for key, box in boxes.items()
    ]
    outer.sort(key=lambda box: box.y)
    for at, box in enumerate(outer):
        for other in outer[at + 1 :]:
            if other.y > box.y + box.height + gap:
                break
            if box.meets(other, gap):
                return True
    return False


def _beneath(
    placed: Mapping[str, Box], alone: Sequence[str], nodes: Mapping[str, Size], gap: float, *, mirrored: bool
) -> dict[str, Box]:
    """Rows of those that no link leads to, under the rest: graphlay would not mind their margins."""
    left = min((box.x - nodes[key].left - nodes[key].right for key, box in placed.items()), default=0.0)
    right = max((box.x + box.width + nodes[key].left + nodes[key].right for key, box in placed.items()), default=0.0)
    y = max((box.y + box.height + nodes[key].below + gap for key, box in placed.items()), default=0.0)
    x, high = left, 0.0
    boxes = {}
    for key in alone:
        size = nodes[key]
        wide = size.width + size.left + size.right
        if x > left and x + wide > max(right, left + ALONE_PX):
            x, y, high = left, y + high + gap, 0.0
        boxes[key] = Box(x + (size.right if mirrored else size.left), y + size.above, size.width, size.height)
        x += wide + gap
        high = max(high, size.above + size.height + size.below)
    return boxes


def rounded(points: Sequence[Point], radius: float = RADIUS_PX) -> str:
    """The path through `points`, its corners rounded where both sides are long enough."""
    if not points:
        return ""
    if len(points) == 2:  # as most are
        (ax, ay), (bx, by) = points
        return f"M{px(ax)} {px(ay)}L{px(bx)} {px(by)}"
    parts = [f"M{px(points[0][0])} {px(points[0][1])}"]
    for (ax, ay), (x, y), (bx, by) in zip(points, points[1:], points[2:], strict=False):
        come, go = abs(ax - x) + abs(ay - y), abs(x - bx) + abs(y - by)
        bend = min(radius, come / 2, go / 2)
        back, on = bend / come if come else 0.0, bend / go if go else 0.0  # shares of both sides
        start = f"{px(x + (ax - x) * back)} {px(y + (ay - y) * back)}"
        parts.append(f"L{start}Q{px(x)} {px(y)} {px(x + (bx - x) * on)} {px(y + (by - y) * on)}")
    if len(points) > 1:
        parts.append(f"L{px(points[-1][0])} {px(points[-1][1])}")
    return "".join(parts)


@lru_cache(maxsize=16_384)  # a drawing asks for the same few hundred lengths again and again
def px(length: float) -> float | int:
    """A length as it is written: to a tenth, and whole where it is whole."""
    tenth = round(length, 1)
    return int(tenth) if tenth == int(tenth) else tenth


def straightened(points: Sequence[Point]) -> tuple[Point, ...]:
    """The same way without corners that turn nowhere, and upright or level where it is so nearly."""
    kept: list[Point] = []
    for x, y in points:
        if kept:
            x = kept[-1][0] if abs(x - kept[-1][0]) < NEARLY_PX else x
            y = kept[-1][1] if abs(y - kept[-1][1]) < NEARLY_PX else y
            if (x, y) == kept[-1]:
                continue
        if len(kept) > 1 and _aligned(kept[-2], kept[-1], (x, y)):
            kept.pop()
        kept.append((x, y))
    return tuple(kept)


def _one_row(nodes: Mapping[str, Size], links: Sequence[Link]) -> list[str] | None:
    """The nodes in order where each leads to the next and to nothing else; None where they do not."""
    following = {link.source: link.target for link in links}
    start = nodes.keys() - set(following.values())
    if len(links) != len(nodes) - 1 or len(following) != len(links) or len(start) != 1:
        return None
    row = list(start)
    while (after := following.get(row[-1])) is not None and len(row) < len(nodes):
        row.append(after)
    return row if len(row) == len(nodes) else None


def _in_a_row(row: Sequence[str], nodes: Mapping[str, Size], links: Sequence[Link], way: Way, gap: float) -> Placement:
    """One after another, in one straight line; a text on an edge has room there."""
    rooms = {
        link.source: max(gap, _along(link.label, way) + 2 * LABEL_MARGIN_PX if link.label else 0.0) for link in links
    }
    boxes: dict[str, Box] = {}
    at = 0.0
    for key in row:
        size = nodes[key]
        if way == "left":
            at += size.right
            boxes[key] = Box(-at - size.width, -size.height / 2, size.width, size.height)
            at += size.width + size.left + rooms.get(key, 0.0)
        else:
            at += size.above
            boxes[key] = Box(-size.width / 2, at, size.width, size.height)
            at += size.height + size.below + rooms.get(key, 0.0)
    ways = []
    for link in links:
        source, target = boxes[link.source], boxes[link.target]
        if way == "left":
            ways.append([(source.x, 0.0), (target.x + target.width, 0.0)])
        else:
            ways.append([(0.0, source.y + source.height), (0.0, target.y)])
    return _settled(nodes, boxes, {}, ways, mirrored=False)


def _along(label: tuple[float, float] | None, way: Way) -> float:
    """The room that a text on an edge takes in the direction of backward."""
    if label is None:
        return 0.0
    return (label[0] if way == "left" else label[1]) + 2 * LABEL_MARGIN_PX


def _asked_node(size: Size, way: Way, parent: int | None, reach: float) -> dict[str, object]:
    along, across = (size.right, size.left), (size.above + CLEAR_PX, size.below + reach)
    if way == "down":
        along, across = (size.above, size.below), (size.left + CLEAR_PX, size.right + reach)
    margin = {"along_neg": along[0], "along_pos": along[1], "cross_neg": across[0], "cross_pos": across[1]}
    asked: dict[str, object] = {"size": {"width": size.width, "height": size.height}, "margin": margin}
    if parent is not None:
        asked["parent"] = parent
    return asked


def _asked_edge(link: Link, indices: Mapping[str, int]) -> dict[str, object]:
    asked: dict[str, object] = {"source": indices[link.source], "target": indices[link.target]}
    if link.label is not None:
        asked["label_size"] = {"width": link.label[0], "height": link.label[1]}
    return asked


def _options(way: Way, layer_gap: float, node_gap: float) -> dict[str, object]:
    return {
        "direction": "leftright" if way == "left" else "topbottom",
        "routing": {"style": "orthogonal", "bundle_parallel": False, "port_sides": "facing_only"},
        "spacing": {
            "layer_gap": layer_gap,
            "node_gap": node_gap,
            "dummy_gap": 16.0,
            "port_gap": 14.0,
            "port_stroke_clear": 10.0,
            "stub": 12.0,
            "edge_label_margin": LABEL_MARGIN_PX,
            "isolated_gap": node_gap,
            "isolated_max_columns": 4,
            "compound_padding": GROUP_PADDING_PX,
            "compound_header": GROUP_HEADER_PX,
        },
    }


def _box(node: dict[str, dict[str, float]]) -> Box:
    width, height = node["size"]["width"], node["size"]["height"]
    return Box(node["center"]["x"] - width / 2, node["center"]["y"] - height / 2, width, height)


def _settled(
    nodes: Mapping[str, Size],
    boxes: dict[str, Box],
    frames: dict[str, Box],
    ways: list[list[Point]],
    *,
    mirrored: bool,
) -> Placement:
    """With the margins inside, the top left corner at (0, 0), and left and right swapped if asked."""
    if mirrored:
        boxes = {key: Box(-box.x - box.width, box.y, box.width, box.height) for key, box in boxes.items()}
        frames = {key: Box(-box.x - box.width, box.y, box.width, box.height) for key, box in frames.items()}
        ways = [[(-x, y) for x, y in points] for points in ways]
    outer = [
        Box(
            box.x - nodes[key].left,
            box.y - nodes[key].above,
            box.width + nodes[key].left + nodes[key].right,
            box.height + nodes[key].above + nodes[key].below,
        )
        for key, box in boxes.items()
    ] + list(frames.values())
    corners = [point for points in ways for point in points]
    left = min([box.x for box in outer] + [x for x, _ in corners])
    top = min([box.y for box in outer] + [y for _, y in corners])
    right = max([box.x + box.width for box in outer] + [x for x, _ in corners])
    bottom = max([box.y + box.height for box in outer] + [y for _, y in corners])
    return Placement(
        boxes={key: box.moved(-left, -top) for key, box in boxes.items()},
        ways=tuple(straightened([(x - left, y - top) for x, y in points]) for points in ways),
        groups={key: box.moved(-left, -top) for key, box in frames.items()},
        width=right - left,
        height=bottom - top,
    )


def _aligned(one: Point, two: Point, three: Point) -> bool:
    return abs((two[0] - one[0]) * (three[1] - one[1]) - (two[1] - one[1]) * (three[0] - one[0])) < 0.01
