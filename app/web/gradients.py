"""The gradients that a run left: for every leaf and module parameter `.grad`, or why there is none."""

from collections.abc import Mapping

from msgspec import Struct

from app.diagram.cells import Cells, cells_of, shape_words, summed_up
from app.explain.contrast import GradContrast
from app.trace.model import Final, Trace, Values

MOST_ROWS = 200
ROW_CHARACTERS = 30  # what fits beside a name, with its cells; more is a heat map
COLUMN_CHARACTERS = 2  # that the room between two numbers takes


class Picture(Struct, frozen=True, kw_only=True):
    """A gradient to look at: cells with their numbers, or a heat map over `words`, or only those."""

    cells: Cells
    numbers: bool
    words: str


class GradientRow(Struct, frozen=True, kw_only=True):
    """One leaf, parameter, or tensor that retains its gradient, under all its names."""

    names: tuple[str, ...]
    ref: str | None
    shape: str
    got: Picture | None = None
    why: str | None = None  # there is none, in words
    intact: Picture | None = None  # what the saved values give, where that differs
    off_by: Picture | None = None


class Gradients(Struct, frozen=True, kw_only=True):
    """All rows; `unasked` are the leaves that want no gradient and are no parameters."""

    rows: tuple[GradientRow, ...]
    unasked: tuple[str, ...] = ()
    left_out: int = 0


def gradients_of(trace: Trace, contrasts: Mapping[str, GradContrast]) -> Gradients:
    """The rows in the order of the Trace; `contrasts` by name, for those where the reference run differs."""
    together: dict[str, list[str]] = {}
    for name, final in trace.final.items():
        if _asked(trace, final):
            together.setdefault(final.tensor or name, []).append(name)
    rows = tuple(_row(trace, tuple(names), contrasts) for names in together.values())
    unasked = tuple(
        name for name, final in trace.final.items() if final.is_leaf and not final.requires_grad and not final.parameter
    )
    return Gradients(rows=rows[:MOST_ROWS], unasked=unasked[:MOST_ROWS], left_out=max(0, len(rows) - MOST_ROWS))


def _asked(trace: Trace, final: Final) -> bool:
    if final.parameter or final.grad is not None:
        return True
    return final.requires_grad and (final.is_leaf or (final.tensor is not None and _retains(trace, final.tensor)))


def _retains(trace: Trace, tensor: str) -> bool:
    return tensor in trace.tensors and trace.tensors[tensor].retains_grad


def _row(trace: Trace, names: tuple[str, ...], contrasts: Mapping[str, GradContrast]) -> GradientRow:
    final = trace.final[names[0]]
    tensor = trace.tensors.get(final.tensor or "")
    contrast = next((contrasts[name] for name in names if name in contrasts), None)
    return GradientRow(
        names=names,
        ref=final.tensor,
        shape=shape_words(tensor.shape) if tensor else "",
        got=picture(final.grad) if final.grad else None,
        why=None if final.grad else _why_none(trace, final),
        intact=picture(contrast.intact) if contrast and contrast.intact else None,
        off_by=picture(contrast.off_by) if contrast and contrast.off_by else None,
    )


def picture(values: Values) -> Picture:
    """`values` as large as the column of words has room for."""
    cells = cells_of(values)
    columns = max(map(len, cells.rows), default=0)
    widest = max((len(cell.text) for cell in cells.flat), default=0) + COLUMN_CHARACTERS
    numbers = cells.form in ("row", "grid") and cells.gap_after is None and columns * widest <= ROW_CHARACTERS
    return Picture(cells=cells, numbers=numbers, words=summed_up(values) if cells.rows else cells.words)


def _why_none(trace: Trace, final: Final) -> str:
    if not final.requires_grad:
        return "None: `requires_grad` is False."
    if not trace.backwards:
        return "None: no backward ran."
    node = trace.tensors[final.tensor].node if final.tensor in trace.tensors else None
    reached = [
        backward
        for backward in trace.backwards
        if any(fired.node == node and fired.finished for fired in backward.fired)
    ]
    if any(backward.call == "backward" and not backward.inputs for backward in reached):
        return "None: it had one, and it was set to None afterwards."
    if reached:
        return "None: `autograd.grad` returns gradients and leaves `.grad` alone."
    if any(backward.raised for backward in trace.backwards):
        line = trace.line(next(backward.step for backward in trace.backwards if backward.raised))
        return f"None: backward on line {line} was refused before it came here."
    return "None: backward did not reach it."
