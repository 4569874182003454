"""What backward left in `.grad`: for every leaf and parameter the numbers and a small picture, or why there is none.

The numbers are those of the moment; the picture, and why there is none, are those of the end. Where the values that
were saved give another gradient (a reference run), there are at the end three rows on one scale: in this run, with the
values that were saved, and the difference.
"""

from collections.abc import Iterable, Iterator
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.cells import Cells, row_of, strongest_of
from app.diagram.film import Film
from app.diagram.gradient_pictures import Picture, picture
from app.diagram.gradient_reasons import Reason, Reasons
from app.diagram.gradient_turns import Tracks, tracks_of, turns_of
from app.trace.figures import shape_words
from app.trace.history import History
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
    """One gradient: its numbers, up to eight, and its picture. With `since`, it is there from that moment on."""

    what: Literal["got", "intact", "off"]
    words: str
    cells: Cells
    picture: Picture | None
    tracks: Tracks | None = None
    since: int | None = None


class GradientRow(Struct, frozen=True, kw_only=True):
    """One leaf or parameter, under all its names; without lines, `why` says why there is none at the end.

    `before` is then a track: what there was until `end`.
    """

    names: tuple[str, ...]
    ref: str | None
    shape: str
    since: int | None  # the moment at which there was such a tensor
    end: int
    lines: tuple[GradientLine, ...] = ()
    why: Reason | None = None
    before: int | None = None
    wrong: bool = False


class Gradients(Struct, frozen=True, kw_only=True):
    """All rows, and the names that have none: leaves that want no gradient, and what is no leaf."""

    rows: tuple[GradientRow, ...] = ()
    left_out: int = 0
    unasked: tuple[str, ...] = ()
    non_leaves: tuple[str, ...] = ()


def draw_gradients(history: History, film: Film, contrasts: Iterable[Contrast] = ()) -> Gradients:
    """The rows in the order of `trace.final`; names of one tensor share a row. What changes goes into `film`."""
    trace = history.trace
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
        contrast = next((by_name[name] for name in names if name in by_name), None)
        row = _row(trace, names, contrast, reasons, heat=cells > 0)
        rows.append(_moving(row, history, trace.final[names[0]], film))
        forms = [line for line in rows[-1].lines if line.picture and line.picture.form == "heat"]
        cells -= sum(line.cells.count for line in forms)
    return Gradients(
        rows=tuple(rows),
        left_out=max(len(groups) - MOST_ROWS, 0),
        unasked=tuple(unasked[:_MOST_NAMES]),
        non_leaves=tuple(non_leaves[:_MOST_NAMES]),
    )


def _row(trace: Trace, names: list[str], contrast: Contrast | None, reasons: Reasons, *, heat: bool) -> GradientRow:
    """The row as it is at the end."""
    final = trace.final[names[0]]
    return GradientRow(
        names=tuple(names),
        ref=final.tensor,
        shape=_shape(trace, final),
        since=trace.tensors[final.tensor].moment if final.tensor else None,
        end=0,
        lines=tuple(_lines(final, contrast, heat=heat)),
        why=reasons.of(final) if final.grad is None else None,
        wrong=contrast is not None,
    )


def _moving(row: GradientRow, history: History, final: Final, film: Film) -> GradientRow:
    """The row with its tracks. What the reference run gave is there at the end alone."""
    turns, end = turns_of(history, final, film), film.stops[-1]
    lines = [replace(line, since=None if line.what == "got" else end) for line in row.lines]
    if lines and lines[0].what == "got":
        lines[0] = replace(lines[0], tracks=tracks_of(turns, lines[0].cells, film))
    before = None
    if row.why:
        before = film.track((turn.moment, row_of(turn.values).words if turn.values else turn.words) for turn in turns)
    return replace(row, lines=tuple(lines), before=before, end=end)


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
