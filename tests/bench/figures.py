"""Measured figures, and the table of them."""

from collections.abc import Iterable, Sequence
from statistics import quantiles

from msgspec import Struct


class Spread(Struct, frozen=True):
    """The median of some measurements, and what 95 % of them stay below."""

    p50: float
    p95: float

    def __str__(self) -> str:
        return f"{self.p50:.3g} (p95 {self.p95:.3g})"


def spread(measured: Sequence[float]) -> Spread:
    """Of at least two measurements."""
    cuts = quantiles(measured, n=20, method="inclusive")
    return Spread(cuts[9], cuts[18])


def ratios(ours: Iterable[float], theirs: Iterable[float]) -> Spread:
    """Ours by theirs, pair by pair: the two of a pair were measured one right after the other."""
    return spread([a / b for a, b in zip(ours, theirs, strict=True)])


class Target(Struct, frozen=True):
    """What a figure should be, and whether it is."""

    wanted: str
    held: bool


class Figure(Struct, frozen=True, kw_only=True):
    """One line of the table."""

    name: str
    value: str = ""
    ratio: str = ""
    target: Target | None = None


class Heading(Struct, frozen=True):
    """A line above some figures."""

    text: str


def below(value: float, most: float) -> Target:
    """Whether `value` stays below `most`."""
    return Target(f"< {most:g}", value < most)


def above(value: float, least: float) -> Target:
    """Whether `value` reaches `least`."""
    return Target(f"≥ {least:g}", value >= least)


def table(lines: Iterable[Figure | Heading]) -> str:
    """Plain text, one line a figure."""
    heads = ("", "value", "ratio", "target", "")
    rows = [line if isinstance(line, Heading) else _cells(line) for line in lines]
    cells = [heads, *(row for row in rows if not isinstance(row, Heading))]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    texts = [f"\n{row.text}" if isinstance(row, Heading) else "  ".join(map(str.ljust, row, widths)) for row in rows]
    return "\n".join(text.rstrip() for text in ["  ".join(map(str.ljust, heads, widths)), *texts])


def _cells(line: Figure) -> tuple[str, ...]:
    target = (line.target.wanted, "ok" if line.target.held else "MISSED") if line.target else ("", "")
    return (f"  {line.name}", line.value, line.ratio, *target)
