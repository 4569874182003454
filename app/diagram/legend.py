"""The legend of a figure: only what occurs in it."""

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.shapes import Mark


class Entry(Struct, frozen=True):
    """One mark and what it means."""

    kind: str
    words: str
    absent: tuple[str, ...] = ()  # the drawings in which it does not occur


_ENTRIES = (
    Entry("pin", "saved for backward"),
    Entry("released", "saved, freed since"),
    Entry("passed", "version check passed"),
    Entry("refused", "version check refused"),
    Entry("differs", "content is not what was saved"),
    Entry("write", "write that autograd saw"),
    Entry("unseen", "write, not seen"),
    Entry("missed", "write, not seen, and nothing hung on it"),
    Entry("cut", "cut: no gradient passes"),
    Entry("order", "order of backward"),
    Entry("gradient", "gradient on its edge"),
    Entry("unreached", "backward did not come"),
    Entry("fold", "several nodes, folded"),
    Entry("counter", "version counter"),
    Entry("was", "struck: what was saved"),
)


def legend_of(drawings: Mapping[str, Iterable[Mark]]) -> tuple[Entry, ...]:
    """What of the vocabulary the drawings use, and which of them do not."""
    used = {kind: _used(marks) for kind, marks in drawings.items()}
    return tuple(
        replace(entry, absent=tuple(kind for kind in used if entry.kind not in used[kind]))
        for entry in _ENTRIES
        if any(entry.kind in kinds for kinds in used.values())
    )


def _used(marks: Iterable[Mark]) -> set[str]:
    used: set[str] = set()
    plates: set[str] = set()
    for mark in marks:
        used.add(mark.kind)
        for icon in mark.icons:
            used.add(icon.kind)
        for plate in mark.plates:
            plates.add(plate.kind)
        for square in mark.squares:
            if square.was:
                used.add("was")
    return used.union(*map(str.split, plates))
