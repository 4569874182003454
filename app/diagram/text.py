"""How wide a text is in the fonts that the pages ship, so that what is drawn around it fits.

Widths are estimates on the safe side: a character that the fonts lack counts as one em, which is what
CJK takes, and the text faces get a little slack for the moment in which a fallback font is shown.
"""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

from app.diagram.advances import CODE, STRONG, TEXT

Face = Literal["text", "strong", "code"]  # Source Sans 3 at 400 and 600; Source Code Pro at any weight

SMALLEST_PX = 12
SLACK = {"text": 1.03, "strong": 1.03, "code": 1.0}
ELLIPSIS = "…"
_EM = 1000
_HAIR_PX = 0.1  # lengths are rounded to it


def _by_character(table: dict[int, str]) -> dict[str, int]:
    return {character: advance for advance, characters in table.items() for character in characters}


_ADVANCES = {"text": _by_character(TEXT), "strong": _by_character(STRONG)}
_ADVANCES["code"] = {
    character: CODE if advance else 0 for character, advance in _ADVANCES["text"].items() if character != "\u2009"
}


@lru_cache(maxsize=8192)
def width(text: str, size_px: float = SMALLEST_PX, face: Face = "text") -> float:
    """How many pixels `text` takes on one line at `size_px`."""
    advances = _ADVANCES[face]
    units = sum(advances[character] if character in advances else _unknown(character) for character in text)
    return units * size_px * SLACK[face] / _EM


def _unknown(character: str) -> int:
    """The advance of a character that a fallback font will draw."""
    return 0 if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Cc") else _EM


def ellipsize(text: str, width_px: float, size_px: float = SMALLEST_PX, face: Face = "text") -> str:
    """`text`, or as much of its start as fits `width_px` together with an ellipsis; never empty unless `text` is."""
    if width(text, size_px, face) <= width_px + _HAIR_PX:
        return text
    room = width_px + _HAIR_PX - width(ELLIPSIS, size_px, face)
    kept = ""
    for character in text:
        if width(kept + character, size_px, face) > room:
            break
        kept += character
    return kept.rstrip() + ELLIPSIS


def wrap(text: str, width_px: float, size_px: float = SMALLEST_PX, face: Face = "text") -> tuple[str, ...]:
    """`text` in lines of at most `width_px`, broken at spaces, and inside a word only where it alone is too wide."""
    lines: list[str] = []
    line = ""
    for word in _pieces(text, width_px, size_px, face):
        longer = f"{line} {word}" if line else word
        if line and width(longer, size_px, face) > width_px:
            lines.append(line)
            line = word
        else:
            line = longer
    return (*lines, line) if line else tuple(lines)


def _pieces(text: str, width_px: float, size_px: float, face: Face) -> Iterator[str]:
    """The words of `text`, those wider than `width_px` cut into such as fit."""
    for word in text.split():
        piece = ""
        for character in word:
            if piece and width(piece + character, size_px, face) > width_px:
                yield piece
                piece = ""
            piece += character
        yield piece
