"""Loops in the lines that a run took, seen by a line that runs again; and which of their passes are folded."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from msgspec import Struct

from app.trace.model import Step


class Openness(Struct, frozen=True):
    """How many passes of one loop stay open: so many of the first and the last, and telling ones up to `most`."""

    first: int = 1
    last: int = 1
    most: int = 5


FEW = Openness()


class Run(Struct, frozen=True):
    """Steps side by side, first and last: open, or so many passes of a loop to be folded."""

    first: int
    last: int
    passes: int = 0


def fold_loops(
    steps: Sequence[Step], telling: Sequence[int], asked: Sequence[int] = (), openness: Openness = FEW
) -> Iterator[Run]:
    """All steps in order; of each loop the first and the last passes stay open, and those with a `telling` step.

    Those with an `asked` step stay open whatever `openness` says.
    """
    yield from _Loops(steps, telling, asked, openness).fold(0, len(steps))


class _Loops:
    def __init__(self, steps: Sequence[Step], telling: Sequence[int], asked: Sequence[int], openness: Openness) -> None:
        self.openness = openness
        self.lines = [step.line for step in steps]
        self.depths = [step.depth for step in steps]
        self.telling = telling  # ascending
        self.asked = asked

    def fold(self, first: int, end: int) -> Iterator[Run]:
        """The steps from `first` to before `end`."""
        if first >= end:
            return
        loop = self._find(first, end)
        if loop is None:
            yield Run(first, end - 1)
            return
        starts, stop = loop
        yield from self.fold(first, starts[0])
        edges = [*starts, stop]
        if edges[-1] - edges[-2] == 1 and len(starts) > 2:
            edges.pop()  # the last look at the loop's own line, which ended it
        before = -1
        for at in self._open_passes(edges):
            if at - before > 2:
                yield Run(edges[before + 1], edges[at] - 1, at - before - 1)
            elif at - before == 2:
                yield from self._pass(edges[before + 1], edges[at])
            yield from self._pass(edges[at], edges[at + 1])
            before = at
        yield from self.fold(edges[-1], end)

    def _open_passes(self, edges: Sequence[int]) -> list[int]:
        last = len(edges) - 2
        kept = {*range(min(self.openness.first, last + 1)), *range(max(last + 1 - self.openness.last, 0), last + 1)}
        at = bisect_left(self.telling, edges[0])
        while at < len(self.telling) and self.telling[at] < edges[-1] and len(kept) < self.openness.most:
            kept.add(max(bisect_left(edges, self.telling[at] + 1) - 1, 0))
            at += 1
        kept |= {bisect_left(edges, step + 1) - 1 for step in self.asked if edges[0] <= step < edges[-1]}
        return sorted(kept)

    def _pass(self, first: int, end: int) -> Iterator[Run]:
        """One open pass: the loop's own line, and what is inside."""
        yield Run(first, first)
        yield from self.fold(first + 1, end)

    def _find(self, first: int, end: int) -> tuple[list[int], int] | None:
        """The outermost loop that comes first in the source: where each pass starts, and where it ends for good.

        A loop shows by a line that runs again after lines below it, or after itself, in the same function.
        """
        lines, depths = self.lines, self.depths
        depth = min(depths[first:end])
        own = [at for at in range(first, end) if depths[at] == depth]
        again = [lines[after] for before, after in pairwise(own) if lines[after] <= lines[before]]
        if not again:
            return None
        header = min(again)
        starts = [at for at in own if lines[at] == header]
        if len(starts) < 2:
            return None
        body = max(lines[at] for at in own if starts[0] <= at < starts[-1])
        past = own[bisect_left(own, starts[-1]) + 1 :]
        return starts, next((at for at in past if not header < lines[at] <= body), end)
