"""A tensor beside its node: its name, and its values from moment to moment where they are few."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.cells import Cells, cells_of
from app.diagram.changing import PLAIN, Note, NotesOf, Shot, filmed
from app.diagram.facts import Facts, cells_of_view
from app.diagram.shapes import cell_width
from app.diagram.text import width
from app.trace.figures import shape_words
from app.trace.model import Scalar, Tensor, Values

MOST_VALUES = 4  # numbers beside a tensor's name
WIDEST_VALUES_PX = 150.0  # and the room for them


class Bit(Struct, frozen=True, kw_only=True):
    """A tensor beside its node: its name, then its values where they are few, else its shape."""

    ref: str
    name: str
    named: bool  # the reader's own name, and not only what made it
    cells: Cells
    cell_px: float  # how wide each of them must be
    shape: str
    changed: frozenset[int] = frozenset()  # elements that are not what was saved
    wrong: bool = False  # and backward used them
    op: str | None = None  # what made it
    more: int = 0  # tensors with the same node that are not shown


def bit_of(facts: Facts, key: str, more: int = 0, node: str | None = None) -> Bit:
    """Tensor `key` as it is shown beside `node`, or on its own."""
    tensor = facts.trace.tensors[key]
    views = _views(facts, key, node)
    values = tensor.values or next((values for _, values in reversed(views) if values is not None), None)
    small = values is not None and values.flat is not None and 0 < len(values.flat) <= MOST_VALUES
    cells = cells_of(_flat(values), digits=3) if small and values else Cells(form="nothing")
    if cells.flat:
        shots, note = _shots(views, len(cells.flat)), _note_of_view(facts, tensor)
        cells = replace(cells, rows=(filmed(facts.film, cells.flat, shots, digits=3, note=note),))
    if sum(width(cell.text, 12, "code") + 10 for cell in cells.flat) > WIDEST_VALUES_PX:
        cells = Cells(form="nothing")
    changed = changed_elements(facts, tensor)
    return Bit(
        ref=key,
        name=tensor.name or tensor.expression or "",
        named=tensor.name is not None,
        cells=cells,
        cell_px=cell_width((cell.text for cell in cells.flat), 26, 10),
        shape=shape_words(tensor.shape),
        changed=frozenset(changed),
        wrong=any(changed.values()),
        more=max(more, 0),
    )


def _views(facts: Facts, key: str, node: str | None) -> list[tuple[int, Values | None]]:
    """What it held from moment to moment; before, what its counterparts in earlier passes did."""
    if node is None:
        return facts.views(key)
    found: list[tuple[int, Values | None]] = []
    for life in facts.lives.of(node):
        tensor = key if life.until is None else facts.tensor_of(life.node)
        found += [turn for turn in facts.views(tensor) if life.has(turn[0]) or turn[0] < life.since] if tensor else []
    return found


def _shots(views: Sequence[tuple[int, Values | None]], count: int) -> list[Shot]:
    """What a tensor's elements held from moment to moment."""
    unknown: list[Scalar | None] = [None] * count
    flats = [(moment, values.flat if values else None) for moment, values in views]
    return [(moment, flat if flat is not None and len(flat) == count else unknown) for moment, flat in flats]


def _note_of_view(facts: Facts, tensor: Tensor) -> NotesOf:
    """What is said of an element: what is said of its cell."""
    if not facts.lost.get(tensor.storage or ""):
        return lambda _moment, _element, _value: PLAIN
    cells, note_of = cells_of_view(tensor), facts.note_of(tensor.storage or "")

    def note(moment: int, element: int, value: Scalar) -> Note:
        if element >= len(cells):
            return PLAIN
        return replace(note_of(moment, cells[element], value), was=None)  # a pill has no room for it

    return note


def changed_elements(facts: Facts, tensor: Tensor) -> dict[int, bool]:
    """The elements of `tensor` whose cells are not what was saved, and whether backward used them."""
    changes = facts.changes.get(tensor.storage) if tensor.storage else None
    if not changes:
        return {}
    return {at: changes[cell].wrong for at, cell in enumerate(cells_of_view(tensor)) if cell in changes}


def _flat(values: Values) -> Values:
    return Values(shape=(len(values.flat or ()),), dtype=values.dtype, flat=values.flat)
