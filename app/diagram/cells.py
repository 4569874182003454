"""Values as cells: which of them are shown, their numbers in words, and how strong each is."""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from app.trace.figures import DIGITS, exact, number, numbers, shape_words
from app.trace.model import Scalar, Summary, Values

ROW = 8  # elements shown in one row; of more, the first HEAD and the last TAIL
HEAD, TAIL = 3, 2
KNOWN = 64  # elements of a row that is kept
GRID = 8  # rows and columns shown with numbers
HEAT = 32  # rows and columns shown as colour alone; beyond, a summary

Level = Literal[0, 1, 2, 3]  # none, low, mid, high
_LOW, _MID = 0.4, 0.8  # of the strongest
EVEN: Level = 2  # where all are as strong


class Cell(Struct, frozen=True, kw_only=True):
    """One element."""

    text: str
    exact: str
    level: Level
    index: int  # in the row-major order of the tensor
    changed: bool = False  # not what was saved
    was: str | None = None  # what was saved, where that differs
    text_track: int | None = None  # of the film; `text` and `was` are then the longest that it holds
    kind_track: int | None = None
    was_track: int | None = None
    exact_track: int | None = None


class Cells(Struct, frozen=True, kw_only=True):
    """What of some Values is drawn.

    `row` and `grid` have numbers, `heat` only levels, `summary` and `nothing` only `words`.
    """

    form: Literal["row", "grid", "heat", "summary", "nothing"]
    rows: tuple[tuple[Cell, ...], ...] = ()
    gap_after: int | None = None  # of a row that was shortened: how many cells stand before the gap
    count: int = 0  # of all elements, shown or not
    words: str = ""  # what a reader hears, or reads where there are no cells

    @property
    def flat(self) -> tuple[Cell, ...]:
        """The cells that are shown, row by row."""
        if len(self.rows) == 1:
            return self.rows[0]
        return tuple(cell for row in self.rows for cell in row)


def level(value: Scalar, strongest: float) -> Level:
    """How strong `value` is beside the `strongest` finite magnitude near it."""
    size = magnitude(value)
    if size is None:
        return 0 if value == "nan" else 3
    if not size or not strongest:
        return 0
    ratio = size / strongest
    return 1 if ratio < _LOW else 2 if ratio < _MID else 3


def magnitude(value: Scalar) -> float | None:
    """The size of `value` without its sign; None if it is not finite."""
    if type(value) is float:  # as nearly all are
        size = abs(value)
        return size if size < math.inf else None
    if isinstance(value, tuple):
        parts = [magnitude(part) for part in value]
        return None if None in parts else math.hypot(*(part for part in parts if part is not None))
    if isinstance(value, str):
        return None
    try:
        size = abs(float(value))
    except OverflowError:
        return None
    return size if math.isfinite(size) else None


def strongest_of(values: Iterable[Scalar]) -> float:
    """The largest finite magnitude; 0 of none."""
    return max((size for value in values if (size := magnitude(value)) is not None), default=0.0)


def cells_of(values: Values | None, *, digits: int = DIGITS, saved: Values | None = None) -> Cells:
    """What to draw of `values`: a row, a grid, a heat map or a summary in words.

    `saved` are contents of the same elements at an earlier time: cells that differ from them say so.
    """
    if values is None:
        return Cells(form="nothing", words="values not recorded")
    count = math.prod(values.shape)
    if values.flat is None or len(values.flat) != count:
        return Cells(form="summary", count=count, words=summed_up(values))
    if not count:
        return Cells(form="nothing", words="no elements")
    was = saved.flat if saved and saved.flat and len(saved.flat) == count else None
    rows, columns = _rows_and_columns(values.shape)
    if rows == 1 or (rows > GRID and count <= ROW):
        return _row(values, digits, was)
    if rows <= GRID and columns <= GRID:
        return _grid(values, rows, columns, digits, was, "grid")
    if rows <= HEAT and columns <= HEAT:
        return _grid(values, rows, columns, digits, was, "heat")
    return Cells(form="summary", count=count, words=summed_up(values))


def row_of(values: Values | None, *, digits: int = DIGITS, saved: Values | None = None) -> Cells:
    """The same as one row, whatever the shape: first HEAD and last TAIL of more than ROW elements."""
    if values is None or values.flat is None or not values.flat:
        return cells_of(values, digits=digits)
    was = saved.flat if saved and saved.flat and len(saved.flat) == len(values.flat) else None
    return _row(values, digits, was)


def shown_indices(count: int) -> list[int]:
    """Which of `count` elements in a row are drawn."""
    return list(range(count)) if count <= ROW else [*range(HEAD), *range(count - TAIL, count)]


def summed_up(values: Values) -> str:
    """The shape, and smallest, largest and mean where they are known."""
    summary = values.summary or summary_of(values.flat or ())
    words = shape_words(values.shape)
    if summary is None or summary.min is None or summary.max is None:
        return words
    words += f" · min {number(summary.min, 3)} · max {number(summary.max, 3)}"
    if summary.mean is not None:
        words += f" · mean {number(summary.mean, 3)}"
    return words + (f" · {summary.not_finite} not finite" if summary.not_finite else "")


def summary_of(flat: Sequence[Scalar]) -> Summary | None:
    """The same of listed values; None where there is no real finite one."""
    finite = [value for value in flat if isinstance(value, int | float)]
    if not finite:
        return None
    return Summary(
        min=min(finite),
        max=max(finite),
        mean=sum(finite) / len(finite),
        zeros=sum(not value for value in finite),
        not_finite=sum(isinstance(value, str) for value in flat),
    )


def _rows_and_columns(shape: Sequence[int]) -> tuple[int, int]:
    return (math.prod(shape[:-1]), shape[-1]) if shape else (1, 1)


def _row(values: Values, digits: int, was: Sequence[Scalar] | None) -> Cells:
    flat = values.flat or ()
    if len(flat) > KNOWN:
        return _listed(flat, digits, was)
    return _few(repr((flat, was)), flat, digits, was)


@lru_cache(maxsize=1024)  # a drawing asks for the same few elements again and again, and those of a class are alike
def _few(_exactly: str, flat: Sequence[Scalar], digits: int, was: Sequence[Scalar] | None) -> Cells:
    # the text keeps apart what is equal but said otherwise: 1, 1.0 and True, 0.0 and -0.0
    return _listed(flat, digits, was)


def _listed(flat: Sequence[Scalar], digits: int, was: Sequence[Scalar] | None) -> Cells:
    shown = shown_indices(len(flat))
    made = _made(flat, shown, digits, was)
    gap = HEAD if len(shown) < len(flat) else None
    return Cells(form="row", rows=(tuple(made),), gap_after=gap, count=len(flat), words=_heard(made, gap, len(flat)))


def _grid(
    values: Values, rows: int, columns: int, digits: int, was: Sequence[Scalar] | None, form: Literal["grid", "heat"]
) -> Cells:
    flat = values.flat or ()
    made = _made(flat, range(len(flat)), digits, was)
    words = _heard(made, None, len(flat)) if form == "grid" else summed_up(values)
    cut = tuple(tuple(made[row * columns : (row + 1) * columns]) for row in range(rows))
    return Cells(form=form, rows=cut, count=len(flat), words=words)


def _made(flat: Sequence[Scalar], shown: Sequence[int], digits: int, was: Sequence[Scalar] | None) -> list[Cell]:
    sizes = {magnitude(value) for value in flat}
    strongest = max((size for size in sizes if size is not None), default=0.0)
    even = len(sizes) == 1
    texts = numbers([flat[index] for index in shown], digits)
    before = numbers([was[index] for index in shown], digits) if was else [""] * len(shown)
    return [
        Cell(
            text=text,
            exact=exact(flat[index]),
            level=EVEN if even and strongest else level(flat[index], strongest),
            index=index,
            changed=was is not None and was[index] != flat[index],
            was=old if was is not None and was[index] != flat[index] else None,
        )
        for index, text, old in zip(shown, texts, before, strict=True)
    ]


def _heard(cells: Sequence[Cell], gap: int | None, count: int) -> str:
    texts = [cell.text for cell in cells]
    if gap is not None:
        texts.insert(gap, "…")
        return f"{' '.join(texts)} ({count} elements)"
    return " ".join(texts)
