"""What a storage holds, as it is drawn: a strip of cells, squares in rows and columns, or words."""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.cells import (
    HEAD,
    TAIL,
    Cell,
    Cells,
    cells_of,
    level,
    shown_indices,
    strongest_of,
    summary_of,
    summed_up,
)
from app.diagram.changing import Shot, filmed
from app.diagram.facts import Facts, cells_of_view
from app.diagram.layout import px
from app.diagram.lives import Predecessor
from app.trace.figures import exact, number, numbers, shape_words
from app.trace.history import Held
from app.trace.model import Array, Scalar, Summary, Tensor, Values

MOST_CELLS = 1_000
MOST_SQUARES = 4_096  # over all contents of one storage that are drawn
SPARK_PX = (72.0, 18.0)
BINS = 12
ALL_CELLS = 16  # cells in one strip where several windows differ
BIG = 8  # cells, beyond which one window in rows and columns is drawn as squares


class Contents(Struct, frozen=True, kw_only=True):
    """What is drawn of the cells."""

    form: Literal["strip", "squares", "words"]
    cells: tuple[Cell, ...] = ()
    shown: tuple[int, ...] = ()  # which cells of the storage they are
    columns: int = 0  # of squares
    words: str = ""
    changed: frozenset[int] = frozenset()
    wrong: frozenset[int] = frozenset()
    beyond: int = 0  # cells at the end that are left out: no window reaches them
    wrong_since: int | None = None  # the moment from which on they are
    told: tuple[tuple[str, int | None], ...] = ()  # in place of `words`, line by line: the longest text, and its track
    sparks: int | None = None  # the track of a histogram, as a path of SPARK_PX
    grids: tuple[tuple[int, int | None, tuple[Cell, ...]], ...] = ()  # squares from one moment up to another


def contents_of(
    facts: Facts, storage: str, count: int, views: Sequence[Tensor | Array], before: Sequence[Predecessor] = ()
) -> Contents:
    """How to draw the `count` cells of `storage`, over which `views` stand, from moment to moment.

    And those of the storages that it takes the place of.
    """
    made = _at_the_end(facts, storage, count, views)
    shots = [
        turn for one in before for turn in zip(*facts.history.contents(one.storage), strict=True) if turn[0] < one.until
    ]
    shots += zip(*facts.history.contents(storage), strict=True)
    shots = facts.film.seen(shots) if len(shots) > 1 else shots
    if len(shots) < 2 and not (shots and shots[0][1].summary):
        return made
    if made.form == "strip":
        numbers_of: list[Shot] = [
            (moment, [one.cells[cell] for cell in made.shown])
            if one.cells is not None and len(one.cells) == count
            else (moment, [None] * len(made.shown))
            for moment, one in shots
        ]
        digits, note, written = 4 if count - made.beyond <= 4 else 3, facts.note_of(storage), facts.written(storage)
        cells = filmed(facts.film, made.cells, numbers_of, digits=digits, written=written, note=note)
        spoilt = next(
            (
                moment
                for moment, row in numbers_of
                if any(
                    value is not None and note(moment, cell, value).wrong
                    for cell, value in zip(made.shown, row, strict=True)
                )
            ),
            None,
        )
        return replace(made, cells=cells, wrong_since=spoilt)
    shape = views[0].shape if made.form == "squares" else (count,)
    dtype = facts.trace.storages[storage].dtype
    lines: list[list[tuple[int, str]]] = [[], [], []]
    sparks: list[tuple[int, str]] = []
    for moment, one in shots:
        summary = one.summary or (summary_of(one.cells) if one.cells else None)
        said = _told(shape, dtype, summary, known=one.cells is not None or one.summary is not None)
        for line, text in zip(lines, said, strict=True):
            line.append((moment, text))
        sparks.append((moment, sparks_of(bins_of(one.cells) if one.cells else one.summary.bins if one.summary else ())))
    told = tuple((max((text for _, text in line), key=len), facts.film.changes(line)) for line in lines)
    drawn = any(path for _, path in sparks)
    grids = tuple(_grids(facts, made, shape, shots)) if made.form == "squares" else ()
    return replace(made, told=told, sparks=facts.film.track(sparks) if drawn else None, grids=grids)


def _told(shape: Sequence[int], dtype: str, summary: Summary | None, *, known: bool) -> tuple[str, str, str]:
    """Contents too many to list, in three lines."""
    if summary is None or summary.min is None or summary.max is None:
        return f"{shape_words(shape)} {dtype}", "" if known else "values not kept", ""
    mean = f"mean {number(summary.mean, 3)}" if summary.mean is not None else ""
    odd = f"{summary.not_finite:,} not finite" if summary.not_finite else ""
    return (
        f"{shape_words(shape)} {dtype}",
        f"min {number(summary.min, 3)} · max {number(summary.max, 3)}",
        " · ".join(part for part in (mean, odd) if part),
    )


def bins_of(flat: Sequence[Scalar]) -> tuple[int, ...]:
    """A histogram of the finite ones, from the least to the greatest."""
    finite = [float(value) for value in flat if isinstance(value, int | float)]
    if not finite:
        return ()
    low, high = min(finite), max(finite)
    counts = [0] * BINS
    for value in finite:
        counts[min(int((value - low) / (high - low) * BINS), BINS - 1) if high > low else 0] += 1
    return tuple(counts)


def sparks_of(bins: Sequence[int]) -> str:
    """A histogram as the path of its bars, SPARK_PX large, from (0, 0) down."""
    most = max(bins, default=0)
    if not most:
        return ""
    wide, high = SPARK_PX[0] / len(bins), SPARK_PX[1]
    bars = ((at, round(high * count / most, 1)) for at, count in enumerate(bins))
    return "".join(f"M{px(at * wide)} {px(high)}v{px(-tall)}h{px(wide - 1)}v{px(tall)}z" for at, tall in bars if tall)


def _grids(
    facts: Facts, made: Contents, shape: Sequence[int], shots: Sequence[tuple[int, Held]]
) -> Iterator[tuple[int, int | None, tuple[Cell, ...]]]:
    """Squares for as many of the contents as there is room for in the page, the last one among them."""
    stops = {facts.film.index(moment): at for at, (moment, _) in enumerate(shots)}  # of each stop the last
    seen = [at for _, at in sorted(stops.items())]
    most = max(MOST_SQUARES // max(len(made.cells), 1), 1)
    step = -(-len(seen) // most)
    for at in seen:
        moment, one = shots[at]
        if (len(seen) - 1 - seen.index(at)) % step or one.cells is None or len(one.cells) != len(made.cells):
            continue
        until = shots[at + 1][0] if at + 1 < len(shots) else None
        grid = cells_of(Values(shape=tuple(shape), dtype="", flat=one.cells))
        yield moment, until, grid.flat


def _at_the_end(facts: Facts, storage: str, count: int, views: Sequence[Tensor | Array]) -> Contents:
    """The same as the run left it."""
    changes = facts.changes.get(storage, {})
    changed, wrong = frozenset(changes), frozenset(cell for cell, change in changes.items() if change.wrong)
    values = facts.trace.storages[storage].values
    flat: list[Scalar | None] | None = (
        list(values.flat) if values and values.flat is not None and len(values.flat) == count else None
    )
    if flat is None:
        last = next((one for one in reversed(facts.history.contents(storage)[1]) if one.cells is not None), None)
        flat = list(last.cells) if last and last.cells and len(last.cells) == count <= MOST_CELLS else None
    if flat is None:
        flat = _from_windows(facts, storage, count)
    if flat is None:
        words = facts.trace.storages[storage].dtype
        if values and values.summary:
            words = cells_of(values).words
        elif not facts.trace.storages[storage].alive:
            words = f"{count:,} {words}, gone"
        else:
            words = f"{count:,} {words}"
        return Contents(form="words", words=words, changed=changed, wrong=wrong)
    if not count:
        return Contents(form="words", words="no cells")
    grid = _as_squares(flat, count, views) if count > BIG else None
    if grid:
        return Contents(
            form="squares",
            cells=grid.flat,
            shown=tuple(range(count)),
            columns=len(grid.rows[0]),
            words=summed_up(
                Values(
                    shape=views[0].shape, dtype=views[0].dtype, flat=tuple(value for value in flat if value is not None)
                )
            ),
            changed=changed,
            wrong=wrong,
        )
    beyond = 0
    covered = {cell for view in views for cell in cells_of_view(view)}
    if covered and max(covered) < count - 1 and all(cells_of_view(view) for view in views):
        beyond, count = count - max(covered) - 1, max(covered) + 1
        flat = flat[:count]
    different = len({(view.shape, view.stride, view.offset) for view in views}) > 1
    shown = list(range(count)) if different and count <= ALL_CELLS else shown_indices(count)
    known = [value for value in flat if value is not None]
    strongest = strongest_of(known)
    few = [flat[cell] for cell in shown]
    texts = iter(numbers([value for value in few if value is not None], 4 if count <= 4 else 3))
    cells = tuple(
        Cell(
            text="?" if value is None else next(texts),
            exact="not recorded" if value is None else exact(value),
            level=0 if value is None else level(value, strongest),
            index=cell,
            was=numbers([changes[cell].was], 4 if count <= 4 else 3)[0] if cell in changes else None,
        )
        for cell, value in zip(shown, few, strict=True)
    )
    return Contents(form="strip", cells=cells, shown=tuple(shown), changed=changed, wrong=wrong, beyond=beyond)


def shortened(strip: Contents) -> Contents:
    """The first cells and the last ones of `strip`, for where all have no room."""
    return replace(
        strip,
        cells=(*strip.cells[:HEAD], *strip.cells[-TAIL:]),
        shown=(*strip.shown[:HEAD], *strip.shown[-TAIL:]),
    )


def _from_windows(facts: Facts, storage: str, count: int) -> list[Scalar | None] | None:
    """What is known of memory that was not read at the end, from what was saved of it and from its tensors."""
    if count > 1_000:
        return None
    flat: list[Scalar | None] = [None] * count
    known: list[tuple[Tensor, Values | None]] = [
        (facts.trace.tensors[saved.tensor], saved.values_read or saved.values)
        for *_, saved in facts.saved_over[storage]
        if saved.tensor
    ]
    known += [(facts.trace.tensors[key], facts.trace.tensors[key].values) for key in facts.over[storage]]
    for tensor, values in known:
        cells = cells_of_view(tensor)
        if values and values.flat is not None and len(cells) == len(values.flat):
            for cell, value in zip(cells, values.flat, strict=True):
                if 0 <= cell < count:
                    flat[cell] = value
    return flat if any(value is not None for value in flat) else None


def _as_squares(flat: Sequence[Scalar | None], count: int, views: Sequence[Tensor | Array]) -> Cells | None:
    """Rows and columns, where all windows see the whole in the same ones, and as rows follow in memory."""
    if len({(view.shape, view.stride, view.offset) for view in views}) != 1:
        return None
    tensor = views[0]
    whole = math.prod(tensor.shape) == count and tensor.offset == 0 and cells_of_view(tensor) == tuple(range(count))
    if not whole or len(tensor.shape) < 2 or any(value is None for value in flat):
        return None
    values = Values(shape=tensor.shape, dtype=tensor.dtype, flat=tuple(value for value in flat if value is not None))
    grid = cells_of(values)
    return grid if grid.form in ("grid", "heat") else None
