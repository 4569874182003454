"""Placing boxes."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.diagram.lanes import place_in_lanes
from app.diagram.layout import Box, Link, Placement, Size, Way, place, rounded

links_of = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=40)


def a_graph(pairs: list[tuple[int, int]]) -> tuple[dict[str, Size], list[Link]]:
    sizes = {f"n{at}": Size(60 + 13 * (at % 5), 30 + 9 * (at % 3), above=at % 2 * 20) for at in range(20)}
    links = [Link(f"n{min(pair)}", f"n{max(pair)}") for pair in dict.fromkeys(pairs) if pair[0] != pair[1]]
    return sizes, links


def apart(placement: Placement) -> bool:
    boxes = list(placement.boxes.values())
    return not any(one.meets(other, -0.1) for at, one in enumerate(boxes) for other in boxes[at + 1 :])


@pytest.mark.parametrize("way", ["left", "down"])
@given(links_of)
@settings(max_examples=30, deadline=None)
def test_boxes_never_overlap_and_edges_end_on_them(way: Way, pairs: list[tuple[int, int]]) -> None:
    sizes, links = a_graph(pairs)
    placement = place(sizes, links, {}, way=way)
    assert apart(placement)
    assert placement == place(sizes, links, {}, way=way)
    for link, points in zip(links, placement.ways, strict=True):
        assert on_border(placement.boxes[link.source], points[0])
        assert on_border(placement.boxes[link.target], points[-1])
        assert all(
            start[0] == pytest.approx(end[0]) or start[1] == pytest.approx(end[1]) for start, end in pairwise(points)
        )


@given(links_of)
@settings(max_examples=30, deadline=None)
def test_a_column_of_boxes_never_overlaps(pairs: list[tuple[int, int]]) -> None:
    sizes, links = a_graph(pairs)
    placement = place_in_lanes(list(sizes), sizes, links)
    assert apart(placement)
    assert all(x >= 0 for points in placement.ways for x, _ in points)


def on_border(box: Box, point: tuple[float, float]) -> bool:
    x, y = point
    across, along = box.x - 0.2 <= x <= box.x + box.width + 0.2, box.y - 0.2 <= y <= box.y + box.height + 0.2
    upright = min(abs(x - box.x), abs(x - box.x - box.width)) < 0.2
    level = min(abs(y - box.y), abs(y - box.y - box.height)) < 0.2
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
    assert rounded([]) == ""
