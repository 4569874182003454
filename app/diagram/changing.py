"""Cells over the run: what each showed from moment to moment, as tracks of the film."""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.cells import EVEN, Cell, level, magnitude, strongest_of
from app.diagram.film import Film
from app.trace.figures import exact, numbers
from app.trace.model import Scalar

MOST_EXACT = 20  # contents, up to which every digit of each is in the page

Shot = tuple[int, Sequence[Scalar | None]]  # a moment, and what the cells held from then on; None where that is unknown


class Note(Struct, frozen=True):
    """What is said of one cell at one moment."""

    was: Scalar | None = None  # what was saved, where it holds something else
    changed: bool = False
    wrong: bool = False  # backward used what is not what was saved


PLAIN = Note()
NotesOf = Callable[[int, int, Scalar], Note]  # moment, cell, what it holds


def filmed(
    film: Film,
    cells: Sequence[Cell],
    shots: Sequence[Shot],
    *,
    digits: int,
    written: Iterable[int] = (),
    note: NotesOf = lambda _moment, _cell, _value: PLAIN,
) -> tuple[Cell, ...]:
    """`cells`, as the run left them, with tracks of what they held before: `shots` have a number for each of them.

    At the moments in `written` those that differ from the shot before are marked as just written.
    """
    if len(shots) < 2:
        return tuple(cells)
    shots = film.seen(shots)
    texts: list[list[tuple[int, str]]] = [[] for _ in cells]
    kinds: list[list[tuple[int, str]]] = [[(0, "cell v0")] for _ in cells]
    was: list[list[tuple[int, str]]] = [[] for _ in cells]
    full: list[list[tuple[int, str]]] = [[] for _ in cells]
    fresh = set(written)
    before: Sequence[Scalar | None] = [None] * len(cells)
    for moment, values in shots:
        known = [value for value in values if value is not None]
        strongest = strongest_of(known)
        even = bool(strongest) and len({magnitude(value) for value in known}) == 1
        said = iter(numbers(known, digits))
        for at, (cell, value) in enumerate(zip(cells, values, strict=True)):
            if value is None:
                texts[at].append((moment, "·"))
                kinds[at].append((moment, "cell v0"))
                was[at].append((moment, ""))
                full[at].append((moment, "not kept"))
                continue
            noted = note(moment, cell.index, value)
            kind = "cell vx" if noted.wrong else f"cell v{EVEN if even else level(value, strongest)}"
            kind += " changed" if noted.changed and not noted.wrong else ""
            texts[at].append((moment, next(said)))
            full[at].append((moment, exact(value)))
            was[at].append((moment, "" if noted.was is None else numbers([noted.was], digits)[0]))
            if moment in fresh and value != before[at]:
                kinds[at].append((moment, f"{kind} just"))
                kinds[at].append((moment + 1, kind))
            else:
                kinds[at].append((moment, kind))
        before = values
    return tuple(
        _filmed(film, cell, texts[at], kinds[at], was[at], full[at] if len(shots) <= MOST_EXACT else [])
        for at, cell in enumerate(cells)
    )


def _filmed(
    film: Film,
    cell: Cell,
    texts: Sequence[tuple[int, str]],
    kinds: Sequence[tuple[int, str]],
    was: Sequence[tuple[int, str]],
    full: Sequence[tuple[int, str]],
) -> Cell:
    crossed = [text for _, text in was if text]
    return replace(
        cell,
        text=max([cell.text, *(text for _, text in texts)], key=len),
        was=max(crossed, key=len) if crossed else None,
        text_track=film.track(texts),
        kind_track=film.track(kinds),
        was_track=film.track(was) if crossed else None,
        exact_track=film.track(full) if full and [one for _, one in full] != [one for _, one in texts] else None,
    )
