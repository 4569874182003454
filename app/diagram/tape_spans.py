"""What columns of the tape have in common: a grad mode they ran in, a call of a function, a backward."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from app.diagram.tape_moments import Column
from app.trace.model import Trace
from app.trace.moments import Moments

_MODES = {"no_grad": "no_grad", "inference": "inference_mode"}
_DEEPEST = 2  # calls in calls that are told


class Span(Struct, frozen=True, kw_only=True):
    """Columns side by side, first and last."""

    kind: Literal["mode", "call", "backward"]
    first: int
    last: int
    text: str


def spans_of(moments: Moments, columns: Sequence[Column]) -> tuple[Span, ...]:
    """Calls, the outer before the inner, and grad modes; of a fold only what holds for all of it."""
    trace = moments.trace
    found: list[Span] = []
    if any(step.function is not None for step in trace.steps):
        stacks = [_stack(moments, column) for column in columns]
        for depth in range(_DEEPEST):
            inside = [stack[depth] if len(stack) > depth else None for stack in stacks]
            for first, last in _alike(inside):
                frame = inside[first]
                if frame is not None:
                    found.append(Span(kind="call", first=first, last=last, text=f"in {frame[1]}"))
    turns = list(_turns(trace))
    if len(turns) > 1:
        starts = [moment for moment, _ in turns]
        modes = [_mode(turns, starts, column) for column in columns]
        for first, last in _alike(modes):
            mode = modes[first]
            if mode is not None:
                found.append(Span(kind="mode", first=first, last=last, text=mode))
    return tuple(found)


def backwards_of(trace: Trace, columns: Sequence[Column]) -> tuple[Span, ...]:
    """Each backward from its first node to its last, with the lines that hooks ran in between."""
    ends: dict[int, tuple[int, int]] = {}
    for at, column in enumerate(columns):
        if column.backward is not None:
            ends[column.backward] = (ends.get(column.backward, (at, at))[0], at)
    ran = Counter[str]()
    titles: list[str] = []
    for backward in trace.backwards:
        ran[backward.call] += bool(backward.fired)
        titles.append(f"{backward.call} {ran[backward.call]}")
    return tuple(
        Span(
            kind="backward",
            first=first,
            last=last,
            text=titles[index] if ran[trace.backwards[index].call] > 1 else trace.backwards[index].call,
        )
        for index, (first, last) in ends.items()
    )


def _alike(found: Sequence[object]) -> Iterator[tuple[int, int]]:
    """Where the same stands side by side: first and last."""
    first = 0
    for at in range(1, len(found) + 1):
        if at == len(found) or found[at] != found[first]:
            yield first, at - 1
            first = at


def _stack(moments: Moments, column: Column) -> list[tuple[int, str]]:
    """The calls that a column lies in as a whole, the outermost first: number of the frame, name of the function."""
    stack = _calls(moments.trace, column.step)
    if column.folded and stack:
        last = _calls(moments.trace, moments.step_of(column.last))
        stack = [frame for frame in stack if frame in last]
    return stack


def _calls(trace: Trace, step: int | None) -> list[tuple[int, str]]:
    found = []
    while step is not None:
        one = trace.steps[step]
        if one.function is not None:
            found.append((one.frame, one.function))
        step = one.caller if one.caller is not None and one.caller < step else None
    return found[::-1]


def _turns(trace: Trace) -> Iterator[tuple[int, str]]:
    """Where the grad mode changed: moment, and the mode from then on."""
    before = ""
    for step in trace.steps:
        if step.mode != before:
            before = step.mode
            yield step.moment, before


def _mode(turns: Sequence[tuple[int, str]], starts: Sequence[int], column: Column) -> str | None:
    """What a column's moments ran in, where it is not the usual mode, and the same for all."""
    first, last = bisect_right(starts, column.first), bisect_right(starts, column.last)
    if first != last or not first or column.backward is not None:
        return None
    return _MODES.get(turns[first - 1][1])
