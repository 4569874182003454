"""What was printed by when: stdout in pieces, each with the moment from which on it stands there."""

from collections.abc import Iterator

from msgspec import Struct

from app.diagram.film import Film
from app.trace.history import History


class Piece(Struct, frozen=True, kw_only=True):
    """What was printed between two stops of the slider."""

    text: str
    since: int | None  # moment; None: from the start, or there are no moments


class Printed(Struct, frozen=True, kw_only=True):
    """All of it. `rest` is a track: what to say while something is still to come; None where nothing is ever."""

    pieces: tuple[Piece, ...] = ()
    rest: int | None = None


def printed_of(history: History, film: Film) -> Printed:
    """The pieces of a run that took at least one moment; at its end all is printed."""
    pieces = tuple(_pieces(history, film))
    if not any(piece.since is not None for piece in pieces):
        return Printed(pieces=pieces)
    begun = pieces[0].since or 0
    whole = pieces[-1].since or 0
    turns = {0: "Nothing is printed yet." if begun else "More is to come.", begun: "More is to come.", whole: ""}
    return Printed(pieces=pieces, rest=film.track(sorted(turns.items())))


def _pieces(history: History, film: Film) -> Iterator[Piece]:
    whole, before = history.trace.stdout, 0
    for at, moment in enumerate(film.stops):
        end = len(whole) if at == len(film.stops) - 1 else min(history.printed(moment), len(whole))
        if end > before:
            yield Piece(text=whole[before:end], since=moment if at else None)
            before = end
