"""The legend of a figure: only what occurs in it."""

from collections.abc import Iterable

from msgspec import Struct

from app.diagram.shapes import Mark


class Entry(Struct, frozen=True):
    """One mark and what it means."""

    kind: str
    words: str


_ENTRIES = (
    Entry("pin", "saved for backward"),
    Entry("released", "saved, freed since"),
    Entry("passed", "version check passed"),
    Entry("refused", "version check refused"),
    Entry("differs", "content is not what was saved"),
    Entry("write", "write that autograd saw"),
    Entry("unseen", "write, not seen"),
    Entry("cut", "cut: no gradient passes"),
    Entry("order", "order of backward"),
    Entry("gradient", "gradient on its edge"),
    Entry("unreached", "backward did not come"),
    Entry("fold", "several nodes, folded"),
    Entry("counter", "version counter"),
    Entry("was", "struck: what was saved"),
)


def legend_of(marks: Iterable[Mark]) -> tuple[Entry, ...]:
    """What of the vocabulary `marks` use."""
    used: set[str] = set()
    for mark in marks:
        used.add(mark.kind)
        used.update(icon.kind for icon in mark.icons)
        for plate in mark.plates:
            used.update(plate.kind.split())
        if any(square.was for square in mark.squares):
            used.add("was")
    return tuple(entry for entry in _ENTRIES if entry.kind in used)
