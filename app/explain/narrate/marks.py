"""The mark of each moment: the most telling thing that happened for autograd."""

from collections.abc import Iterator
from typing import Literal

from app.explain.narrate.index import ADDED, Index
from app.explain.narrate.nodes import Reading, refused
from app.explain.narrate.writes import NO_OPERATOR
from app.trace.flow import ACCUMULATE
from app.trace.model import Backward, Fired, Write

# names of the marks of the page; "unseen": a write that autograd missed and that changed what backward read, "missed":
# one that changed nothing for it
Mark = Literal["saved", "write", "missed", "unseen", "passed", "refused", "wrong", "accumulated", "raised", "stopped"]
_RANK: dict[Mark, int] = {
    "saved": 0,
    "accumulated": 1,
    "passed": 2,
    "write": 3,
    "missed": 4,
    "unseen": 5,
    "wrong": 6,
    "raised": 7,
    "stopped": 8,
    "refused": 9,
}


def marks_of(index: Index) -> dict[int, Mark]:
    """Every moment that has one, in order."""
    best: dict[int, Mark] = {}
    for moment, mark in _found(index):
        if moment not in best or _RANK[mark] > _RANK[best[moment]]:
            best[moment] = mark
    return dict(sorted(best.items()))


def _found(index: Index) -> Iterator[tuple[int, Mark]]:
    trace, last = index.trace, index.moments.count
    for node in index.recorded.all:
        if node.saved:
            yield node.moment, "saved"
    for write in index.writes.all:
        if write.op != ADDED:
            yield write.moment, _mark_of(index, write)
    for one in index.operations.all:
        if one.raised and not any(backward.fired for backward in index.backwards.at(one.moment)):
            yield one.moment, "raised"
    for backward in trace.backwards:
        for fired in backward.fired:
            if (mark := _mark_of_node(index, backward, fired, is_last=fired.moment == last)) is not None:
                yield fired.moment, mark
    for moment in index.broken_off:
        yield moment, "raised"
    if trace.outcome.kind == "raised":
        yield last, "raised"
    if trace.outcome.kind == "stopped":
        yield last, "stopped"


def _mark_of(index: Index, write: Write) -> Mark:
    if index.is_harmful(write):
        return "unseen"
    if not index.is_unseen(write) or (write.counter is None and write.op != NO_OPERATOR):
        return "write"  # batch_norm keeps statistics without counting: nothing to point at
    return "missed"


def _mark_of_node(index: Index, backward: Backward, fired: Fired, *, is_last: bool) -> Mark | None:
    node = index.trace.nodes[fired.node]
    if node.name == ACCUMULATE:
        return "accumulated"
    if not fired.checks:
        return None
    if not fired.finished:
        return "refused" if refused(index.trace, backward, fired, is_last=is_last) is not None else None
    passed = True
    for check in fired.checks:
        if check.slot < len(node.saved):
            reading = Reading(node.saved[check.slot], check)
            if reading.is_wrong:
                return "wrong"
            passed = passed and not reading.differs
    return "passed" if passed else None
