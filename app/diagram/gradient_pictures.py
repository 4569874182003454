"""A gradient at a glance: signed bars, a heat map, a histogram, or the range where only that is known."""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from app.diagram.cells import HEAT, level, magnitude, strongest_of, summed_up
from app.diagram.layout import Box, px
from app.diagram.shapes import Line, Plate
from app.trace.model import Scalar, Summary, Values

MOST_BARS = 24
_BAR, _BAR_GAP, _BARS_PX = 6.0, 1.5, 30.0
_BARS_WIDEST = 96.0
_HEAT_PX, _CELL_MOST, _CELL_LEAST = 96.0, 12.0, 3.0
_BINS, _BIN = 12, 8.0
_RANGE_PX = 96.0


class Picture(Struct, frozen=True, kw_only=True):
    """Rectangles and a line for zero; `words` say the same for who does not see it."""

    form: Literal["bars", "heat", "histogram", "range"]
    width: float
    height: float
    plates: tuple[Plate, ...] = ()
    areas: tuple[Line, ...] = ()  # of a heat map: one for each strength
    rule: str = ""  # a path: the zero line, or the ground of a histogram
    words: str = ""


def picture(values: Values, scale: float, *, heat: bool = True) -> Picture | None:
    """How `values` look beside others up to `scale` in magnitude; None where there is nothing to look at.

    Without `heat` a matrix is a histogram as well.
    """
    flat = values.flat
    if flat is None or len(flat) != math.prod(values.shape):
        return _range(values, values.summary) if values.summary else None
    if not flat:
        return None
    rows, columns = (math.prod(values.shape[:-1]), values.shape[-1]) if values.shape else (1, 1)
    if heat and len(values.shape) >= 2 and 1 < rows <= HEAT and columns <= HEAT:
        return _heat(values, flat, rows, columns, scale)
    if len(flat) <= MOST_BARS:
        return _bars(flat, scale)
    return _histogram(values, flat)


def _plate(box: Box, kind: str, radius: float = 0.0) -> Plate:
    return Plate(x=px(box.x), y=px(box.y), width=px(box.width), height=px(box.height), radius=px(radius), kind=kind)


def _bars(flat: Sequence[Scalar], scale: float) -> Picture:
    """One bar for each element: upwards what is positive, downwards what is negative."""
    below = any(_sign(value) < 0 for value in flat)
    above = any(_sign(value) > 0 for value in flat) or not below
    zero = _BARS_PX if not below else 0.0 if not above else _BARS_PX / 2
    reach = _BARS_PX / 2 if above and below else _BARS_PX
    bar = min(_BAR, (_BARS_WIDEST + _BAR_GAP) / len(flat) - _BAR_GAP)

    def bars() -> Iterator[Plate]:
        for at, value in enumerate(flat):
            x, size = at * (bar + _BAR_GAP), magnitude(value)
            if size is None:
                yield _plate(Box(x, 0, bar, _BARS_PX), "bar not-finite")
            elif size and scale:
                length = max(size / scale * reach, 1.0)
                up = _sign(value) > 0
                yield _plate(Box(x, zero - length if up else zero, bar, length), "bar" if up else "bar negative")

    width = len(flat) * (bar + _BAR_GAP) - _BAR_GAP
    return Picture(
        form="bars",
        width=px(width),
        height=_BARS_PX,
        plates=tuple(bars()),
        rule=f"M0 {px(zero)}H{px(width)}",
        words=_bars_words(flat),
    )


def _bars_words(flat: Sequence[Scalar]) -> str:
    counts = [
        (sum(_sign(value) > 0 for value in flat), "positive"),
        (sum(_sign(value) < 0 for value in flat), "negative"),
        (sum(magnitude(value) == 0 for value in flat), "zero"),
        (sum(magnitude(value) is None for value in flat), "not finite"),
    ]
    return "Bars: " + ", ".join(f"{count} {kind}" for count, kind in counts if count)


def _heat(values: Values, flat: Sequence[Scalar], rows: int, columns: int, scale: float) -> Picture:
    """A cell for each element, pale to strong; those that are negative carry a dash.

    One path for each strength, cells side by side of one strength as one piece: a page may carry many of these.
    """
    side = max(min(_HEAT_PX / max(rows, columns), _CELL_MOST), _CELL_LEAST)
    kinds = ["not-finite" if magnitude(value) is None else f"v{level(value, scale)}" for value in flat]
    pieces: dict[str, list[str]] = {}
    for row in range(rows):
        start = 0
        for column in range(1, columns + 1):
            kind = kinds[row * columns + start]
            if column == columns or kinds[row * columns + column] != kind:
                long, tall = px((column - start) * side - 0.5), px(side - 0.5)
                piece = f"M{px(start * side)} {px(row * side)}h{long}v{tall}h-{long}z"
                pieces.setdefault(kind, []).append(piece)
                start = column
    dashes = "".join(
        f"M{px((at % columns + 0.25) * side)} {px((at // columns + 0.5) * side)}h{px(side / 2)}"
        for at, value in enumerate(flat)
        if _sign(value) < 0
    )
    return Picture(
        form="heat",
        width=px(columns * side),
        height=px(rows * side),
        areas=tuple(Line("".join(found), kind) for kind, found in sorted(pieces.items())),
        rule=dashes,
        words=f"Heat map: {summed_up(values)}" + ("; a dash marks what is negative" if dashes else ""),
    )


def _histogram(values: Values, flat: Sequence[Scalar]) -> Picture | None:
    """How many elements lie where between the smallest and the largest."""
    real = [float(value) for value in flat if isinstance(value, int | float)]
    if not real:
        return None
    low, high = min(real), max(real)
    step = high / _BINS - low / _BINS or 1.0  # divided first: the span itself may be too large for a float
    counts = [0] * _BINS
    for value in real:
        counts[min(int(value / step - low / step), _BINS - 1)] += 1
    most = max(counts)
    plates = tuple(
        _plate(Box(at * _BIN, _BARS_PX - length, _BIN - 1, length), "bar")
        for at, count in enumerate(counts)
        if (length := max(count / most * _BARS_PX, 1.0) if count else 0.0)
    )
    return Picture(
        form="histogram",
        width=_BINS * _BIN,
        height=_BARS_PX,
        plates=plates,
        rule=f"M0 {_BARS_PX:g}H{_BINS * _BIN:g}" + _zero_mark(low, high, _BINS * _BIN),
        words=f"Histogram: {summed_up(values)}",
    )


def _range(values: Values, summary: Summary) -> Picture | None:
    """Where only smallest, largest and mean are known: a bar between the two, and a mark at the mean."""
    low, high, mean = summary.min, summary.max, summary.mean
    if isinstance(low, str | tuple | None) or isinstance(high, str | tuple | None):
        return None
    span = float(high) - float(low)
    plates = [_plate(Box(0, 10, _RANGE_PX, 8), "v1", 2)]
    if isinstance(mean, int | float) and span > 0 and math.isfinite(span):
        plates.append(_plate(Box((float(mean) - float(low)) / span * (_RANGE_PX - 3), 6, 3, 16), "bar"))
    return Picture(
        form="range",
        width=_RANGE_PX,
        height=_BARS_PX,
        plates=tuple(plates),
        rule=_zero_mark(float(low), float(high), _RANGE_PX, 5, 18),
        words=f"Range: {summed_up(values)}",
    )


def _zero_mark(low: float, high: float, width: float, top: float = 0.0, length: float = _BARS_PX) -> str:
    """A short line where zero is, if it lies inside."""
    return f"M{px(width / (1 - high / low))} {px(top)}v{px(length)}" if low < 0 < high else ""


def _sign(value: Scalar) -> int:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return (value > 0) - (value < 0)
    return 1 if isinstance(value, tuple) and strongest_of((value,)) else 0
