"""Placing boxes."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.diagram.lanes import place_in_lanes
from app.diagram.layout import NEARLY_PX, Box, Link, Placement, Size, Way, place, rounded, straightened

links_of = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=40)


def a_graph(pairs: list[tuple[int, int]]) -> tuple[dict[str, Size], list[Link]]:
    sizes = {
        f"n{at}": Size(
            60 + 13 * (at % 5),
            30 + 9 * (at % 3),
            above=at % 2 * 20,
            below=at % 4 * 15,
            left=at % 3 * 5,
            right=at % 5 * 3,
        )
        for at in range(20)
    }
    ends = dict.fromkeys((min(pair), max(pair)) for pair in pairs if pair[0] != pair[1])
    links = [Link(f"n{source}", f"n{target}") for source, target in ends]
    return sizes, links


def apart(placement: Placement, sizes: dict[str, Size]) -> bool:
    """Whether no two boxes overlap, what hangs out of them included."""
    boxes = [
        Box(
            box.x - size.left,
            box.y - size.above,
            size.left + box.width + size.right,
            size.above + box.height + size.below,
        )
        for box, size in ((box, sizes[key]) for key, box in placement.boxes.items())
    ]
    return not any(one.meets(other, -0.1) for at, one in enumerate(boxes) for other in boxes[at + 1 :])


@pytest.mark.parametrize("way", ["left", "down"])
@given(links_of)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_boxes_never_overlap_and_edges_end_on_them(way: Way, pairs: list[tuple[int, int]]) -> None:
    sizes, links = a_graph(pairs)
    placement = place(sizes, links, {}, way=way)
    assert apart(placement, sizes)
    assert placement == place(sizes, links, {}, way=way)
    for link, points in zip(links, placement.ways, strict=True):
        assert on_border(placement.boxes[link.source], points[0])
        assert on_border(placement.boxes[link.target], points[-1])
        assert all(
            start[0] == pytest.approx(end[0]) or start[1] == pytest.approx(end[1]) for start, end in pairwise(points)
        )


@given(links_of)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_a_column_of_boxes_never_overlaps(pairs: list[tuple[int, int]]) -> None:
    sizes, links = a_graph(pairs)
    placement = place_in_lanes(list(sizes), sizes, links)
    assert apart(placement, sizes)
    assert all(x >= 0 for points in placement.ways for x, _ in points)


def on_border(box: Box, point: tuple[float, float]) -> bool:
    x, y = point
    across = box.x - NEARLY_PX <= x <= box.x + box.width + NEARLY_PX
    along = box.y - NEARLY_PX <= y <= box.y + box.height + NEARLY_PX
    upright = min(abs(x - box.x), abs(x - box.x - box.width)) < NEARLY_PX
    level = min(abs(y - box.y), abs(y - box.y - box.height)) < NEARLY_PX
    return (upright and along) or (level and across)


def test_members_of_a_group_stand_in_its_frame() -> None:
    sizes, links = a_graph([(0, 1), (1, 2), (2, 3), (0, 4)])
    placement = place(sizes, links, {"g": ["n1", "n2"]}, way="down")
    frame = placement.groups["g"]
    for key, box in placement.boxes.items():
        assert frame.meets(box) == (key in ("n1", "n2"))


def test_nothing_to_place() -> None:
    assert place({}, [], {}) == Placement(boxes={}, ways=(), groups={}, width=0, height=0)


def test_corners_are_rounded_where_there_is_room() -> None:
    assert rounded([(0, 0), (0, 20), (30, 20)]) == "M0 0L0 14Q0 20 6 20L30 20"
    assert rounded([(0, 0), (10, 0)]) == "M0 0L10 0"
    assert straightened([(0, 0), (5, 0.4), (10, 0), (10.2, 9)]) == ((0, 0), (10, 0), (10, 9))
    assert rounded([]) == ""
