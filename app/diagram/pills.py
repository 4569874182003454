"""A tensor as a pill: its name, then its values where they are few, else its shape."""

from app.diagram.bits import Bit
from app.diagram.layout import Box
from app.diagram.shapes import Mark, Pen
from app.diagram.text import ellipsize, width

PILL_PX = 34.0
NAME_PX = 150.0  # the longest name beside a tensor's values


def draw_pill(bit: Bit, box: Box, since: int | None) -> Mark:
    """A tensor's pill in `box`."""
    pen = Pen()
    pen.plate(box, "tensor", min(box.height / 2, 18))
    middle = box.y + box.height / 2
    cells, cell = bit.cells.flat, bit.cell_px
    taken = len(cells) * cell if cells else width(bit.shape, 12, "code")
    name = ellipsize(bit.name, min(NAME_PX, box.width - 37 - taken), 12 if not bit.named else 13, "code")
    used = pen.text(
        box.x + 14,
        middle + 4.5,
        name,
        "ink" if bit.named else "soft",
        "code",
        bold=bit.named,
        size=13 if bit.named else 12,
    )
    x = box.x + 14 + used + (10 if name else 0)
    if cells:
        for at, one in enumerate(cells):
            changed = one.index in bit.changed
            spot = Box(x + at * cell, middle - 11, cell, 22)
            pen.cell(one, spot, changed=changed, wrong=changed and bit.wrong)
    else:
        pen.text(x, middle + 4, bit.shape, "faint", "code")
    words = f"{bit.name}, {bit.cells.words or 'shape ' + bit.shape}"
    return (
        pen.mark("tensor", ref=bit.ref, label="", since=since)
        if not words
        else pen.mark("tensor", ref=bit.ref, since=since)
    )


def pill_width(bit: Bit) -> float:
    """How much room it takes."""
    name = min(width(bit.name, 13 if bit.named else 12, "code"), NAME_PX)
    cells = bit.cells.flat
    return (
        14 + name + (10 if bit.name else 0) + (len(cells) * bit.cell_px if cells else width(bit.shape, 12, "code")) + 14
    )
