"""A diagnosis as the page shows it: with the moment to go to and the things on the page that it is about."""

from collections.abc import Iterator, Sequence, Set
from typing import Literal

from msgspec import Struct

from app.explain.diagnosis import Diagnosis, Severity
from app.trace.history import History
from app.trace.model import Trace

MOST_THINGS = 6

Kind = Literal["tensor", "storage", "counter", "node"]
_KINDS: dict[str, Kind] = {"t": "tensor", "s": "storage", "v": "counter", "n": "node"}


class Thing(Struct, frozen=True, kw_only=True):
    """Something drawn on the page, by the label that it has there. `ref` is its id in the Trace."""

    ref: str
    kind: Kind
    label: str


class Finding(Struct, frozen=True, kw_only=True):
    """One diagnosis. `moment` is the one that shows it, on `line`; `lights` are the ids that it lights there."""

    diagnosis: Diagnosis
    moment: int | None = None
    line: int | None = None
    things: tuple[Thing, ...] = ()

    @property
    def lights(self) -> str:
        """Ids, apart by spaces."""
        return " ".join(thing.ref for thing in self.things)


def findings_of(history: History, diagnoses: Sequence[Diagnosis], drawn: Set[str]) -> tuple[Finding, ...]:
    """`diagnoses`, pointing at what is `drawn`."""
    return tuple(_finding(history, diagnosis, drawn) for diagnosis in diagnoses)


def gravest_by_line(diagnoses: Sequence[Diagnosis]) -> dict[int, tuple[int, Severity]]:
    """For each line that a diagnosis holds guilty: which one, from 1, and how grave. They come gravest first."""
    found: dict[int, tuple[int, Severity]] = {}
    for number, diagnosis in enumerate(diagnoses, start=1):
        for line in diagnosis.lines[:1]:
            found.setdefault(line, (number, diagnosis.severity))
    return found


def _finding(history: History, diagnosis: Diagnosis, drawn: Set[str]) -> Finding:
    things = tuple(_things(history.trace, [ref for ref in dict.fromkeys(diagnosis.refs) if ref in drawn]))
    moment = diagnosis.moment
    if moment is None or not 1 <= moment <= history.moments.count:
        return Finding(diagnosis=diagnosis, things=things)
    return Finding(diagnosis=diagnosis, moment=moment, line=history.moments.line_of(moment), things=things)


def _things(trace: Trace, refs: Sequence[str]) -> Iterator[Thing]:
    for ref in refs[:MOST_THINGS]:
        kind = _KINDS[ref[0]]
        if kind == "tensor":
            tensor = trace.tensors[ref]
            if tensor.name or tensor.expression:
                yield Thing(ref=ref, kind=kind, label=tensor.label)
        elif kind == "node":
            yield Thing(ref=ref, kind=kind, label=trace.nodes[ref].name)
        else:
            yield Thing(ref=ref, kind=kind, label=ref.upper() if kind == "storage" else ref)
