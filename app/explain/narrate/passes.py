"""Which pass of which loop a line ran in: read from the order in which lines ran, not from the source.

Within one frame only a loop goes back to an earlier line: to the one that begins it, before each further pass and once
more at the end.
"""

from msgspec import Struct

from app.trace.model import Trace


class _Loop:
    """A loop under way."""

    __slots__ = ("line", "number")

    def __init__(self, line: int) -> None:
        self.line, self.number = line, 1


class Passes(Struct, frozen=True):
    """By step: the pass of the innermost loop that it belongs to, 0 for none; and where a loop ended."""

    number: list[int]
    ends: frozenset[int]
    following: list[int]  # the next step in the same frame; -1 for none


def passes_of(trace: Trace) -> Passes:
    """The passes of every step."""
    steps = trace.steps
    following = [-1] * len(steps)
    last: dict[int, int] = {}  # by frame
    reach: dict[int, int] = {}  # by line that begins a loop: the furthest line known to belong to it
    for at, step in enumerate(steps):
        before = last.get(step.frame)
        last[step.frame] = at
        if before is not None:
            following[before] = at
            line = steps[before].line
            if step.line < line:
                reach[step.line] = max(line, reach.get(step.line, 0))
    if not reach:
        return Passes([0] * len(steps), frozenset(), following)
    for line in sorted(reach, reverse=True):  # an inner loop's lines are the outer one's too
        reach[line] = max(end for inner, end in reach.items() if line <= inner <= reach[line])
    return _numbered(trace, following, reach)


def _numbered(trace: Trace, following: list[int], reach: dict[int, int]) -> Passes:
    steps = trace.steps
    body: dict[int, int] = {}  # by line that begins a loop: the first line of a pass
    for at, step in enumerate(steps):
        if step.line in reach and (after := following[at]) >= 0 and steps[after].line > step.line:
            body[step.line] = min(steps[after].line, body.get(step.line, steps[after].line))
    is_whole = trace.outcome.kind == "finished" and not trace.truncated
    number, ends = [0] * len(steps), set()
    under_way: dict[int, list[_Loop]] = {}  # by frame, the outermost first
    for at, step in enumerate(steps):
        loops = under_way.setdefault(step.frame, [])
        line = step.line
        while loops and not loops[-1].line <= line <= reach[loops[-1].line]:
            loops.pop()
        if line in reach:
            after = following[at]
            again = bool(loops) and loops[-1].line == line
            if after >= 0 and steps[after].line == body.get(line):
                if again:
                    loops[-1].number += 1
                else:
                    loops.append(_Loop(line))
            else:
                if again:
                    loops.pop()
                if after >= 0 or (at == len(steps) - 1 and is_whole):
                    ends.add(at)
                continue
        if loops:
            number[at] = loops[-1].number
    return Passes(number, frozenset(ends), following)
