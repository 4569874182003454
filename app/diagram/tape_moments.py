"""The columns of the tape: every moment of a run in order, repeated passes of a loop and quiet stretches folded.

A moment is one run of a line or, inside a backward, one node that ran; moments are numbered from 1.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Literal

from msgspec import Struct

from app.diagram.tape_loops import FEW, Openness, Run, fold_loops
from app.trace.moments import Moments

_FIRST = attrgetter("first")
_AROUND = 5  # how many moments stay open before and after one that was asked for


class Column(Struct, frozen=True, kw_only=True):
    """One moment, or several that are folded together."""

    kind: Literal["line", "node", "passes", "lines", "nodes"]
    first: int  # moment
    last: int
    step: int  # of the first moment
    backward: int | None = None  # index into `Trace.backwards`
    node: str | None = None
    passes: int = 0
    lines: tuple[int, int] | None = None  # the lowest and the highest line in a fold

    @property
    def count(self) -> int:
        """How many moments it stands for."""
        return self.last - self.first + 1

    @property
    def folded(self) -> bool:
        """Whether it stands for several moments."""
        return self.kind in ("passes", "lines", "nodes")


def columns_of(
    moments: Moments,
    weights: Mapping[int, int],
    most: int,
    asked: Sequence[int] = (),
) -> tuple[Column, ...]:
    """At most `most` columns; `weights` say by moment how much must stay open: 3 as long as there is room, 0 never.

    The first and the last moment stay open as well. Of one loop FEW passes do, and those in which an `asked`
    moment lies; of what is no loop, what is around it.
    """
    if not moments.count:
        return ()
    asked = [moment for moment in asked if 1 <= moment <= moments.count]
    steps = moments.trace.steps
    around = {near for moment in asked for near in range(moment - _AROUND, moment + _AROUND + 1)}
    if moments.count > most:
        pieces = _with_folded_loops(moments, weights, asked, FEW)
    else:
        pieces = list(_pieces(moments, [Run(0, len(steps) - 1)]))
    threshold = 1
    while sum(piece.columns for piece in pieces) > most and threshold <= 3:
        kept = {moment for moment, weight in weights.items() if weight >= threshold} | {1, moments.count} | around
        pieces = _fold_quiet(pieces, sorted(kept), most)
        threshold += 1
    if sum(piece.columns for piece in pieces) > most:
        pieces = _fold_middle(pieces, most, asked)
    return tuple(_columns(moments, pieces))


def columns_between_folds(
    moments: Moments, weights: Mapping[int, int], asked: Sequence[int], openness: Openness
) -> tuple[Column, ...]:
    """Every moment but those in passes of loops that `openness` folds, however many columns that makes."""
    return tuple(_columns(moments, _with_folded_loops(moments, weights, asked, openness)))


def _with_folded_loops(
    moments: Moments, weights: Mapping[int, int], asked: Sequence[int], openness: Openness
) -> "list[_Piece]":
    telling = sorted({moments.step_of(moment) for moment, weight in weights.items() if weight >= 3})
    wanted = [moments.step_of(moment) for moment in asked if 1 <= moment <= moments.count]
    return list(_pieces(moments, fold_loops(moments.trace.steps, telling, wanted, openness)))


class _Piece(Struct, frozen=True):
    """Moments side by side, each a column of its own, or all one."""

    first: int
    last: int
    folded: bool = False
    passes: int = 0

    @property
    def columns(self) -> int:
        return 1 if self.folded else self.last - self.first + 1


def _pieces(moments: Moments, runs: Iterable[Run]) -> Iterator[_Piece]:
    for run in runs:
        if run.passes:
            yield _Piece(moments.of(run.first), moments.end_of(run.last), folded=True, passes=run.passes)
        else:
            for first, last in moments.stretches(run.first, run.last):
                yield _Piece(first, last)


def _fold_quiet(pieces: Sequence[_Piece], kept: Sequence[int], most: int) -> list[_Piece]:
    """Fold the longest stretches without a kept moment, until no more need be."""
    cut: list[_Piece] = []
    for piece in pieces:
        if piece.folded:
            cut.append(piece)
            continue
        begin = piece.first
        for moment in kept[bisect_left(kept, piece.first) : bisect_right(kept, piece.last)]:
            if begin < moment:
                cut.append(_Piece(begin, moment - 1))
            cut.append(_Piece(moment, moment))
            begin = moment + 1
        if begin <= piece.last:
            cut.append(_Piece(begin, piece.last))
    total = sum(piece.columns for piece in cut)
    for at in sorted(range(len(cut)), key=lambda at: (-cut[at].columns, at)):
        if total <= most or cut[at].columns < 2:
            break
        total -= cut[at].columns - 1
        cut[at] = _Piece(cut[at].first, cut[at].last, folded=True)
    return cut


def _fold_middle(pieces: Sequence[_Piece], most: int, asked: Sequence[int]) -> list[_Piece]:
    """The first and the last columns, those around the first of the `asked` moments, and all between in one each."""
    single = [
        _Piece(moment, moment) if not piece.folded else piece
        for piece in pieces
        for moment in ([piece.first] if piece.folded else range(piece.first, piece.last + 1))
    ]
    middle = bisect_right(single, asked[0], key=lambda piece: piece.first) - 1 if asked else 0
    near = range(middle - _AROUND, middle + _AROUND + 1) if asked else range(0)
    head = (most - len(near) - bool(asked)) // 2
    tail = len(single) - (most - len(near) - bool(asked) - head - 1)
    found: list[_Piece] = []
    begin: int | None = None  # of what is to be folded
    for at, piece in enumerate(single):
        if at < head or at >= tail or at in near:
            if begin is not None:
                folded = _Piece(single[begin].first, single[at - 1].last, folded=True)
                found.append(folded if at - begin > 1 else single[begin])
                begin = None
            found.append(piece)
        elif begin is None:
            begin = at
    return found


def _columns(moments: Moments, pieces: Sequence[_Piece]) -> Iterator[Column]:
    trace = moments.trace
    for piece in pieces:
        if not piece.folded:
            for moment in range(piece.first, piece.last + 1):
                yield _column(moments, moment)
            continue
        first, last = moments.step_of(piece.first), moments.step_of(piece.last)
        lines = [step.line for step in trace.steps[first : last + 1]]
        inside = moments.backward_of(piece.first)
        only_nodes = inside is not None and inside[0] == (moments.backward_of(piece.last) or (None,))[0]
        yield Column(
            kind="passes" if piece.passes else "nodes" if only_nodes else "lines",
            first=piece.first,
            last=piece.last,
            step=first,
            backward=inside[0] if inside and only_nodes else None,
            passes=piece.passes,
            lines=(min(lines), max(lines)),
        )


def _column(moments: Moments, moment: int) -> Column:
    step, inside = moments.step_of(moment), moments.backward_of(moment)
    if inside is None:
        return Column(kind="line", first=moment, last=moment, step=step)
    backward, at = inside
    node = moments.trace.backwards[backward].fired[at].node
    return Column(kind="node", first=moment, last=moment, step=step, backward=backward, node=node)


def column_at(columns: Sequence[Column], moment: int) -> int:
    """The index of the column that holds `moment`."""
    return max(bisect_right(columns, moment, key=_FIRST) - 1, 0)
