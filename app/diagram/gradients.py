"""What backward left in `.grad`: for every leaf and parameter the numbers and a small picture, or why there is none.

Where the values that were saved give another gradient (a reference run), three rows on one scale: in this run, with
the values that were saved, and the difference.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.cells import Cells, row_of, strongest_of
from app.diagram.gradient_pictures import Picture, picture
from app.diagram.gradient_reasons import Reason, Reasons
from app.trace.figures import shape_words
from app.trace.model import Final, Trace, Values

MOST_ROWS = 100
MOST_HEAT = 2_000  # cells of heat maps on one page; matrices after that are histograms
_MOST_NAMES = 30


class Contrast(Protocol):
    """A gradient as the run gave it, and as the values that were saved give it."""

    @property
    def name(self) -> str: ...
    @property
    def got(self) -> Values | None: ...
    @property
    def intact(self) -> Values | None: ...
    @property
    def off_by(self) -> Values | None: ...


class GradientLine(Struct, frozen=True, kw_only=True):
    """One gradient: its numbers, up to eight, and its picture."""

    what: Literal["got", "intact", "off"]
    words: str
    cells: Cells
    picture: Picture | None


class GradientRow(Struct, frozen=True, kw_only=True):
    """One leaf or parameter, under all its names; without lines, `why` says why there is no gradient."""

    names: tuple[str, ...]
    ref: str | None
    shape: str
    lines: tuple[GradientLine, ...] = ()
    why: Reason | None = None
    wrong: bool = False


class Gradients(Struct, frozen=True, kw_only=True):
    """All rows, and the names that have none: leaves that want no gradient, and what is no leaf."""

    rows: tuple[GradientRow, ...] = ()
    left_out: int = 0
    unasked: tuple[str, ...] = ()
    non_leaves: tuple[str, ...] = ()


def draw_gradients(trace: Trace, contrasts: Iterable[Contrast] = ()) -> Gradients:
    """The rows in the order of `trace.final`; names of one tensor share a row."""
    reasons = Reasons(trace)
    by_name = {contrast.name: contrast for contrast in contrasts}
    together: dict[str, list[str]] = {}
    unasked, non_leaves = [], []
    for name, final in trace.final.items():
        if final.grad is not None or final.parameter or (final.is_leaf and final.requires_grad):
            together.setdefault(final.tensor or name, []).append(name)
        elif final.is_leaf:
            unasked.append(name)
        else:
            non_leaves.append(name)
    groups = list(together.values())
    rows: list[GradientRow] = []
    cells = MOST_HEAT
    for names in groups[:MOST_ROWS]:
        rows.append(_row(trace, names, by_name, reasons, heat=cells > 0))
        forms = [line for line in rows[-1].lines if line.picture and line.picture.form == "heat"]
        cells -= sum(line.cells.count for line in forms)
    return Gradients(
        rows=tuple(rows),
        left_out=max(len(groups) - MOST_ROWS, 0),
        unasked=tuple(unasked[:_MOST_NAMES]),
        non_leaves=tuple(non_leaves[:_MOST_NAMES]),
    )


def _row(
    trace: Trace, names: list[str], contrasts: Mapping[str, Contrast], reasons: Reasons, *, heat: bool
) -> GradientRow:
    final = trace.final[names[0]]
    contrast = next((contrasts[name] for name in names if name in contrasts), None)
    return GradientRow(
        names=tuple(names),
        ref=final.tensor,
        shape=_shape(trace, final),
        lines=tuple(_lines(final, contrast, heat=heat)),
        why=reasons.of(final) if final.grad is None else None,
        wrong=contrast is not None,
    )


def _shape(trace: Trace, final: Final) -> str:
    if final.grad is not None:
        return shape_words(final.grad.shape)
    return shape_words(trace.tensors[final.tensor].shape) if final.tensor else ""


def _lines(final: Final, contrast: Contrast | None, *, heat: bool) -> Iterator[GradientLine]:
    if contrast is None:
        if final.grad is not None:
            line = _line("got", "", final.grad, strongest_of(final.grad.flat or ()), heat=heat)
            yield replace(line, picture=None) if line.cells.count == 1 else line  # one number is no picture
        return
    shown = [values for values in (contrast.got, contrast.intact, contrast.off_by) if values is not None]
    scale = max((strongest_of(values.flat or ()) for values in shown), default=0.0)
    if contrast.got is not None:
        yield _line("got", "in this run", contrast.got, scale, heat=heat)
    if contrast.intact is not None:
        yield _line("intact", "with the values that were saved", contrast.intact, scale, heat=heat)
    if contrast.off_by is not None:
        yield _line("off", "≠ off by", contrast.off_by, scale, heat=heat)


def _line(
    what: Literal["got", "intact", "off"], words: str, values: Values, scale: float, *, heat: bool
) -> GradientLine:
    return GradientLine(what=what, words=words, cells=row_of(values), picture=picture(values, scale, heat=heat))
