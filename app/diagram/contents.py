"""What a storage holds, as it is drawn: a strip of cells, squares in rows and columns, or words."""

import math
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.cells import (
    HEAD,
    TAIL,
    Cell,
    Cells,
    cells_of,
    exact,
    level,
    numbers,
    shown_indices,
    strongest_of,
    summed_up,
)
from app.diagram.facts import Facts, cells_of_view
from app.trace.model import Array, Scalar, Tensor, Values

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


def contents_of(facts: Facts, storage: str, count: int, views: Sequence[Tensor | Array]) -> Contents:
    """How to draw the `count` cells of `storage`, over which `views` stand."""
    changes = facts.changes.get(storage, {})
    changed, wrong = frozenset(changes), frozenset(cell for cell, change in changes.items() if change.wrong)
    values = facts.trace.storages[storage].values
    flat: list[Scalar | None] | None = (
        list(values.flat) if values and values.flat is not None and len(values.flat) == count else None
    )
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
    return Contents(form="strip", cells=cells, shown=tuple(shown), changed=changed, wrong=wrong)


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
