"""A graph as one column of boxes, the edges that skip some of them in lanes to the left: fits any width."""

from collections.abc import Mapping, Sequence

from app.diagram.layout import Box, Link, Placement, Point, Size

GAP_PX, CHIP_GAP_PX = 24.0, 56.0  # between boxes, and where a gradient stands on the edge
LANE_PX, FIRST_LANE_PX = 12.0, 16.0
LANES = 6
STEM_PX = 30.0  # from the left of a box to the edge that leads on from it
ENTRY_PX = 24.0  # from the top of a box to where the edges that skipped others come in


def lanes_needed(order: Sequence[str], links: Sequence[Link]) -> int:
    """How many lanes the edges between boxes that are not neighbours take."""
    rows = {key: row for row, key in enumerate(order)}
    return max(_lanes(rows, links).values(), default=-1) + 1


def lanes_width(lanes: int) -> float:
    """How much room on the left that is."""
    return FIRST_LANE_PX + LANE_PX * (lanes - 1) + 8 if lanes else 0.0


def place_in_lanes(order: Sequence[str], sizes: Mapping[str, Size], links: Sequence[Link]) -> Placement:
    """`order` from top to bottom, each box as wide as it says."""
    rows = {key: row for row, key in enumerate(order)}
    lanes = _lanes(rows, links)
    left = lanes_width(max(lanes.values(), default=-1) + 1)
    next_to = {link.source: link for link in links if rows[link.target] == rows[link.source] + 1}
    # the text of an edge that skipped boxes stands over the one it leads to
    announced = {link.target for link in links if link.label and rows[link.target] != rows[link.source] + 1}
    boxes: dict[str, Box] = {}
    y = 0.0
    for row, key in enumerate(order):
        size = sizes[key]
        boxes[key] = Box(left, y + size.above, size.width, size.height)
        link = next_to.get(key)
        wide = (link and link.label) or (row + 1 < len(order) and order[row + 1] in announced)
        y += size.above + size.height + size.below + (CHIP_GAP_PX if wide else GAP_PX)
    ways = tuple(_way(link, rows, boxes, sizes, lanes, left) for link in links)
    width = max((box.x + box.width for box in boxes.values()), default=0.0)
    last = order[-1] if order else ""
    height = boxes[last].y + sizes[last].height + sizes[last].below if order else 0.0
    return Placement(boxes=boxes, ways=ways, groups={}, width=width, height=height)


def _lanes(rows: Mapping[str, int], links: Sequence[Link]) -> dict[str, int]:
    """The lane of each box that edges come to from further than its neighbour: the shortest nearest to the boxes."""
    spans: dict[str, tuple[int, int]] = {}
    for link in links:
        first, last = rows[link.source], rows[link.target]
        if last != first + 1:
            low, high = spans.get(link.target, (last, last))
            spans[link.target] = min(low, first), max(high, first)
    taken: list[list[tuple[int, int]]] = []
    lanes: dict[str, int] = {}
    for target, (low, high) in sorted(spans.items(), key=lambda item: (item[1][1] - item[1][0], item[1])):
        free = (at for at, used in enumerate(taken) if all(high < start or end < low for start, end in used))
        lane = min(next(free, len(taken)), LANES - 1)
        if lane == len(taken):
            taken.append([])
        taken[lane].append((low, high))
        lanes[target] = lane
    return lanes


def _way(
    link: Link,
    rows: Mapping[str, int],
    boxes: Mapping[str, Box],
    sizes: Mapping[str, Size],
    lanes: Mapping[str, int],
    left: float,
) -> tuple[Point, ...]:
    source, target = boxes[link.source], boxes[link.target]
    if rows[link.target] == rows[link.source] + 1:
        x = source.x + STEM_PX
        return (x, source.y + source.height + sizes[link.source].below), (x, target.y - sizes[link.target].above)
    x = left - FIRST_LANE_PX - LANE_PX * lanes[link.target]
    leaves = source.y + source.height - 10
    return (source.x, leaves), (x, leaves), (x, target.y + ENTRY_PX), (target.x, target.y + ENTRY_PX)
