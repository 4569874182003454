"""How much room a page has for its figures, and which of their drawings it shows there.

A figure is drawn for several widths, of which the page's style sheet shows the one that fits its container. Who knows
that container draws one alone: half of the work, and half of the page.
"""

import re
from typing import Literal

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


def bounds_of(room: Room) -> tuple[float, float | None]:
    """The widths in px between which a container shows `room`: more than the first, at most the second."""
    above = [0.0, *_MOST_PX.values()]
    rooms: list[Room] = [*_MOST_PX, "wide"]
    at = rooms.index(room)
    return above[at], _MOST_PX.get(room)
