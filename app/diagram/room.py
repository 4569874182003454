"""How much room a page has for its figures, and which of their drawings it shows there.

A figure is drawn for several widths, of which the page's style sheet shows the one that fits its container. Who knows
that container draws one alone: half of the work, and half of the page.
"""

import re
from typing import Literal

from msgspec import Struct

Room = Literal["wide", "medium", "narrow", "slim"]

# px of the container up to which each serves; the same stand in figure.css and tape.css
_MOST_PX: dict[Room, float] = {"slim": 340.0, "narrow": 640.0, "medium": 826.0}
_WIDTH = re.compile(r"[0-9]{1,5}(\.[0-9]{1,6})?").fullmatch


def room_for(width_px: float) -> Room:
    """What a container of that width shows."""
    return next((room for room, most in _MOST_PX.items() if width_px <= most), "wide")


def room_in(words: str) -> Room | None:
    """What a container shows whose width in px a form told; None where it told none."""
    return room_for(float(words)) if _WIDTH(words) else None


class Bounds(Struct, frozen=True):
    """The widths of a container, in px: more than `above_px`, and at most `most_px` where there is an end."""

    above_px: float
    most_px: float | None


def bounds_of(room: Room) -> Bounds:
    """Where a container shows `room`."""
    above = [0.0, *_MOST_PX.values()]
    rooms: list[Room] = [*_MOST_PX, "wide"]
    return Bounds(above[rooms.index(room)], _MOST_PX.get(room))
