"""Two runs as the page of `/compare` shows them: paired, stood at one column, and what became of each."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from app.diagram.film import Still
from app.explain.versus import (
    LinePair,
    Parting,
    ending,
    grad_pairs,
    pair_lines,
    pair_moments,
    parting_of,
    said,
)
from app.trace.model import Values
from app.web.address import address_of, compare_address
from app.web.outcome import Ending, Limits
from app.web.outcome import ending as ending_of
from app.web.prose import plain
from app.web.shown import Shown
from app.web.views import Notice, Site

MOST_LISTED = 8


class Half(Struct, frozen=True, kw_only=True):
    """One side: its snippet, and its run or why there is none. `status` is that of a side that was refused."""

    side: str  # "left" or "right"
    source: str
    differing: frozenset[int] = frozenset()  # lines that the other side does not have so
    path: str | None = None  # of its own page
    shown: Shown | None = None
    ending: Ending | None = None
    still: Still | None = None
    notice: Notice | None = None
    status: int = 200

    @property
    def drawn(self) -> bool:
        """Whether anything ran, so that there are pictures."""
        return self.shown is not None and self.shown.timeline is not None

    @property
    def told(self) -> tuple[str, ...]:
        """For each stop of its slider, where it stands and what had happened."""
        stops = self.shown.timeline.stops if self.shown and self.shown.timeline else ()
        said = (plain(stop.text) if stop.kind == "line" else f"{stop.place}: {plain(stop.text)}" for stop in stops)
        return tuple(f"{text[:1].upper()}{text[1:]}" for text in said)


class Columns(Struct, frozen=True, kw_only=True):
    """What the page's script steps by: for each column the stop of either side, and what each side says at a stop."""

    pairs: tuple[tuple[int, int], ...]
    left: tuple[str, ...]
    right: tuple[str, ...]


class GradRow(Struct, frozen=True, kw_only=True):
    """One leaf's gradients side by side, in words."""

    name: str
    left: str
    right: str
    off_by: str
    differs: bool


class CompareView(Struct, frozen=True, kw_only=True):
    """The page. `at` is the column shown, from 0; `columns` is None where one side has no moments."""

    site: Site
    halves: tuple[Half, Half]
    verdict: str = ""
    differing: str = ""  # which lines, in words
    parting: Parting | None = None
    endings: tuple[str, ...] = ()
    columns: Columns | None = None
    at: int = 0
    grads: tuple[GradRow, ...] = ()
    base: str = "/compare?"  # ends where `moment=5` can follow

    @property
    def data(self) -> str:
        """The columns as JSON that can stand in a script element."""
        return msgspec.json.encode(self.columns).decode().replace("<", "\\u003c")


def refused(side: str, source: str, notice: Notice, status: int) -> Half:
    """A side that was not run."""
    return Half(side=side, source=source, notice=notice, status=status)


def comparison(
    site: Site, limits: Limits, left: Half | Shown, right: Half | Shown, sources: tuple[str, str], moment: str
) -> CompareView:
    """The page of two snippets, standing at a column; the last for none."""
    lines = pair_lines(*sources)
    base = compare_address(*sources)
    if isinstance(left, Half) or isinstance(right, Half):
        halves = (_half("left", left, sources[0], lines, limits), _half("right", right, sources[1], lines, limits))
        return CompareView(site=site, halves=halves, base=base)
    here, there = left.pictures, right.pictures
    stops = (here.film.stops, there.film.stops)
    pairs = pair_moments(here.history, there.history, stops, lines)
    at = _column(moment, len(pairs))
    halves = (
        _half("left", left, sources[0], lines, limits, pairs[at][0]),
        _half("right", right, sources[1], lines, limits, pairs[at][1]),
    )
    grads = grad_pairs(left.run.trace, right.run.trace)
    parting = parting_of(here.history, there.history, stops, pairs)
    moving = halves[0].drawn and halves[1].drawn
    whole = not (left.run.trace.truncated or right.run.trace.truncated)
    return CompareView(
        site=site,
        halves=halves,
        verdict=_verdict(parting, lines, moving=moving, whole=whole),
        differing=_differing(halves),
        parting=parting,
        endings=(ending("left", left.run.trace, grads), ending("right", right.run.trace, grads)),
        columns=Columns(pairs=pairs, left=halves[0].told, right=halves[1].told) if moving else None,
        at=at,
        grads=tuple(
            GradRow(
                name=pair.name,
                left=_words(pair.left),
                right=_words(pair.right),
                off_by=said(pair.off_by) if pair.off_by and pair.differs else "",
                differs=pair.differs,
            )
            for pair in grads
        ),
        base=base,
    )


def _words(grad: Values | None) -> str:
    return "None" if grad is None else said(grad)


def _half(
    side: str, found: Half | Shown, source: str, lines: tuple[LinePair, ...], limits: Limits, stop: int = -1
) -> Half:
    if isinstance(found, Half):
        return found
    film = found.pictures.film
    own = (pair.left if side == "left" else pair.right for pair in lines if not pair.same)
    return Half(
        side=side,
        source=source,
        differing=frozenset(line for line in own if line),
        path=address_of(source, frozenset()).base.rstrip("?&"),
        shown=found,
        ending=ending_of(found.run.trace, limits),
        still=film.still(film.stops[stop]),
    )


def _verdict(parting: Parting | None, lines: tuple[LinePair, ...], *, moving: bool, whole: bool) -> str:
    if not moving:
        return "Of two runs of which one has no moments, nobody can say where they part."
    if parting is not None:
        left, right = parting.left_line, parting.right_line
        where = f"line {left}" if left == right else f"line {left} on the left, line {right} on the right"
        return f"The runs part at {where}."
    far = "" if whole else ", as far as they were recorded"
    if all(pair.same for pair in lines):
        return f"Both sides have the same snippet, and their runs are the same{far}."
    return f"The snippets differ, and their runs never part{far}."


def _differing(halves: tuple[Half, Half]) -> str:
    """Which lines differ: for who does not see the mark of a line."""
    left, right = (sorted(half.differing) for half in halves)
    if not left and not right:
        return ""
    if left == right:
        return f"{'Line' if len(left) == 1 else 'Lines'} {_listed(left)} {'differs' if len(left) == 1 else 'differ'}."
    return f"What differs: on the left {_lines(left)}, on the right {_lines(right)}."


def _lines(numbers: Sequence[int]) -> str:
    return f"line{'' if len(numbers) == 1 else 's'} {_listed(numbers)}" if numbers else "no line"


def _listed(numbers: Sequence[int]) -> str:
    if len(numbers) > MOST_LISTED:
        return f"{', '.join(map(str, numbers[:MOST_LISTED]))} and {len(numbers) - MOST_LISTED} more"
    return " and ".join(filter(None, (", ".join(map(str, numbers[:-1])), str(numbers[-1]))))


def _column(text: str, count: int) -> int:
    """The column that an address asks for, from 1, taken to the nearest that there is; the last for none."""
    digits = text.strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > 9:
        return count - 1
    return min(max(int(digits), 1), count) - 1
