"""What the `.grad` of one leaf was from when on."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from app.diagram.cells import Cells, row_of, summed_up
from app.diagram.film import Film
from app.trace.history import History
from app.trace.model import Final, Values

NOT_YET, NONE = "None yet", "None"
UNKNOWN = "not recorded at this moment"


class Turn(Struct, frozen=True, kw_only=True):
    """From this moment on: these values, or `words` in place of them."""

    moment: int
    values: Values | None = None
    words: str = ""


class Tracks(Struct, frozen=True, kw_only=True):
    """A gradient in a table: for each number its text and its digits, and what to say where there are none."""

    texts: tuple[int, ...]
    exacts: tuple[int, ...]
    words: int
    settled: int  # the moment from which on it is what it is at the end


def turns_of(history: History, final: Final, film: Film) -> tuple[Turn, ...]:
    """The gradient at every stop at which it changes, first what it is before; the last is what it is at the end."""
    if final.tensor is None:
        return (Turn(moment=film.stops[-1], values=final.grad),)
    moments = sorted({film.stops[film.index(moment)] for moment in _changes(history, final.tensor)})
    turns = [Turn(moment=0, words=NOT_YET)]
    for moment in moments:
        turns.append(_turn(history, final.tensor, moment, had=len(turns) > 1))
    if turns[-1].values != final.grad:
        turns.append(Turn(moment=film.stops[-1], values=final.grad, words="" if final.grad else turns[-1].words))
    return tuple(turns)


def _turn(history: History, leaf: str, moment: int, *, had: bool) -> Turn:
    grad = history.grad(_then(history, leaf, moment), moment)
    if grad is None:
        return Turn(moment=moment, words=NONE if had else NOT_YET)
    values = history.values(grad, moment)
    return Turn(moment=moment, values=values, words="" if values else UNKNOWN)


def _then(history: History, leaf: str, moment: int) -> str:
    """The tensor that `leaf` was then, whose memory may have been swapped since."""
    tensors, key = history.trace.tensors, leaf
    while tensors[key].moment > moment and (before := tensors[key].continues):
        key = before
    return key


def _changes(history: History, leaf: str) -> Iterator[int]:
    """The moments at which the gradient was another tensor, or held other values."""
    tensors = history.trace.tensors
    key: str | None = leaf
    while key is not None:
        grads = tensors[key].grads
        for at, turn in enumerate(grads):
            yield turn.moment
            until = grads[at + 1].moment if at + 1 < len(grads) else None
            storage = tensors[turn.tensor].storage if turn.tensor else None
            if storage:
                for moment in history.contents(storage)[0]:
                    if moment > turn.moment and (until is None or moment < until):
                        yield moment
        key = tensors[key].continues


def tracks_of(turns: Sequence[Turn], shape: Cells, film: Film) -> Tracks:
    """The tracks of a row whose numbers are those of `shape` at the end."""
    texts: list[list[tuple[int, str]]] = [[] for _ in shape.flat]
    exacts: list[list[tuple[int, str]]] = [[] for _ in shape.flat]
    words: list[tuple[int, str]] = []
    for turn in turns:
        cells = row_of(turn.values) if turn.values else None
        fits = cells is not None and shape.form == "row" and cells.form == "row" and cells.count == shape.count
        for at, (text, exact) in enumerate(zip(texts, exacts, strict=True)):
            cell = cells.flat[at] if cells and fits else None
            text.append((turn.moment, cell.text if cell else ""))
            exact.append((turn.moment, cell.exact if cell else ""))
        said = "" if fits else summed_up(turn.values) if turn.values else turn.words
        words.append((turn.moment, said))
    return Tracks(
        texts=tuple(film.track(text) for text in texts),
        exacts=tuple(film.track(exact) for exact in exacts),
        words=film.track(words),
        settled=turns[-1].moment,
    )
