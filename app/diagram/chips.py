"""A gradient as a small picture on its edge."""

from msgspec import Struct

from app.diagram.cells import cells_of
from app.diagram.layout import Box, px
from app.diagram.shapes import Pen, cell_width
from app.diagram.text import width
from app.trace.figures import shape_words
from app.trace.model import Values

FEW = 3  # elements shown as numbers
FEW_IN_ROW = 4
SQUARE_PX, NUMBER_PX = 10.0, 20.0
SIDE = 6  # rows and columns shown as squares without numbers


class Chip(Struct, frozen=True):
    """How a gradient is shown: as numbers, as squares, or as the words for its shape."""

    values: Values
    form: str  # "column", "row", "squares", "words"
    width: float
    height: float
    words: str  # what a reader hears


def chip_of(values: Values | None, *, in_row: bool = False, numbers: bool = True) -> Chip | None:
    """The picture of `values`; None where there are none."""
    if values is None:
        return None
    count = len(values.flat) if values.flat is not None else None
    cells = cells_of(values, digits=3)
    if numbers and count and count <= (FEW_IN_ROW if in_row else FEW):
        cell = cell_width(one.text for one in cells.flat)
        if in_row:
            return Chip(values, "row", cell * count, NUMBER_PX, cells.words)
        return Chip(values, "column", cell, NUMBER_PX * count, cells.words)
    if count == 1:
        return Chip(values, "column", cell_width(one.text for one in cells.flat), NUMBER_PX, cells.words)
    if cells.form in ("row", "grid", "heat") and cells.gap_after is None:
        rows = len(cells.rows)
        columns = max(len(row) for row in cells.rows)
        if rows <= SIDE and columns <= SIDE:
            return Chip(values, "squares", SQUARE_PX * columns, SQUARE_PX * rows, cells.words)
    words = shape_words(values.shape)
    return Chip(values, "words", width(words) + 12, NUMBER_PX, cells.words)


def draw_chip(pen: Pen, chip: Chip, x: float, y: float, *, wrong: bool) -> None:
    """Draw `chip` around (x, y)."""
    left, top = x - chip.width / 2, y - chip.height / 2
    if chip.form == "words":
        pen.plate(Box(left, top, chip.width, chip.height), "box wrong" if wrong else "box soft", 4)
        pen.text(x, y + 4, shape_words(chip.values.shape), "alarm" if wrong else "soft", anchor="middle")
        return
    cells = cells_of(chip.values, digits=3)
    flat = cells.flat
    if chip.form == "squares":
        pen.path(
            f"M{px(left - 3)} {px(top - 3)}h{px(chip.width + 6)}v{px(chip.height + 6)}h{px(-chip.width - 6)}z", "ground"
        )
        every = {cell.index for cell in flat} if wrong else ()
        pen.heat(flat, left + 0.5, top + 0.5, SQUARE_PX, len(cells.rows[0]), every)
        return
    pen.plate(Box(left - 2, top - 2, chip.width + 4, chip.height + 4), "ground", 4)
    columns = len(flat) if chip.form == "row" else 1
    wide, high = chip.width / columns, chip.height * columns / len(flat)
    for at, cell in enumerate(flat):
        spot = Box(left + at % columns * wide, top + at // columns * high, wide, high)
        pen.cell(cell, spot, changed=wrong, wrong=wrong)
    if wrong:
        pen.outline(Box(left, top, chip.width, chip.height), "alarm-line")
