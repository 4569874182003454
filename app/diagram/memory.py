"""The memory band: a card for each storage, put under the graph or beside it."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from app.diagram.cards import Card, Landing
from app.diagram.layout import Box
from app.diagram.shapes import Mark
from app.diagram.shelves import Shelf

SIDE_GAP_PX, ROW_GAP_PX = 40.0, 26.0
DRIFT_PX = 120.0  # how much room one storage may leave free to stand beside its node


class MemoryBand(Struct, frozen=True, kw_only=True):
    """Memory, drawn."""

    bottom: float
    marks: tuple[Mark, ...]
    landings: dict[tuple[str, int], Landing]  # by node, and index in Node.saved
    boxes: dict[str, Box]  # by storage


def memory_across(found: Sequence[Shelf], wanted: Mapping[str, float], width_px: float, y: float) -> MemoryBand:
    """Storages side by side from `y` down, each as near as may be to the x that it `wanted` for its left.

    Those with trouble come in the first row: tethers reach them there.
    """
    cards = [Card(shelf, width_px, beside=width_px > 500) for shelf in found]
    rows: list[list[Card]] = []
    for card in sorted(cards, key=lambda card: -card.shelf.rank):
        row = rows[-1] if rows else None
        if row is None or sum(one.width + SIDE_GAP_PX for one in row) + card.width > width_px:
            rows.append([card])
        else:
            row.append(card)
    band = _Shelved()
    for row in rows:
        row.sort(key=lambda card: wanted.get(card.shelf.storage, 1e6))
        ideal = [wanted.get(card.shelf.storage, 0.0) for card in row]
        for card, left in zip(row, _spread(ideal, [card.width for card in row], width_px), strict=True):
            band.put(card, left, y)
        y += max(card.height for card in row) + ROW_GAP_PX
    return band.done(y - ROW_GAP_PX)


def memory_down(
    found: Sequence[Shelf], wanted: Mapping[str, float], x: float, y: float, width_px: float, *, ranked: bool
) -> MemoryBand:
    """Storages one under the other from (x, y) down, each as near as may be beside the y that it `wanted`.

    `ranked` puts those with trouble first instead.
    """
    cards = [Card(shelf, width_px, beside=width_px > 400) for shelf in found]
    cards.sort(key=lambda card: -card.shelf.rank if ranked else wanted.get(card.shelf.storage, 1e6))
    band = _Shelved()
    right, row = x, 0.0  # how far the row is filled, and how high it is
    for card in cards:
        alone = bool(card.shelf.kept) or right == x  # a tether comes from the left
        if not alone and right + card.width <= x + width_px:
            band.put(card, right, y)
        else:
            y += row + ROW_GAP_PX if row else 0.0
            if not ranked:
                y = max(y, min(wanted.get(card.shelf.storage, 0.0), y + DRIFT_PX))
            right, row = x, 0.0
            band.put(card, x, y)
        right, row = right + card.width + SIDE_GAP_PX, max(row, card.height)
    return band.done(y + row)


class _Shelved:
    """Cards as they are put in place."""

    def __init__(self) -> None:
        self._marks: list[Mark] = []
        self._landings: dict[tuple[str, int], Landing] = {}
        self._boxes: dict[str, Box] = {}

    def put(self, card: Card, x: float, y: float) -> None:
        marks, landings = card.draw(x, y)
        self._marks += marks
        self._landings |= landings
        self._boxes[card.shelf.storage] = Box(x, y, card.width, card.height)

    def done(self, bottom: float) -> MemoryBand:
        return MemoryBand(bottom=bottom, marks=tuple(self._marks), landings=self._landings, boxes=self._boxes)


def _spread(wanted: Sequence[float], widths: Sequence[float], width_px: float) -> list[float]:
    """Where boxes of those widths begin, as near as may be to where they want to, apart and inside."""
    lefts: list[float] = []
    right = 0.0
    for want, wide in zip(wanted, widths, strict=True):
        lefts.append(max(want, right))
        right = lefts[-1] + wide + SIDE_GAP_PX
    limit = width_px
    for at in range(len(lefts) - 1, -1, -1):
        lefts[at] = max(min(lefts[at], limit - widths[at]), 0.0)
        limit = lefts[at] - SIDE_GAP_PX
    return lefts
