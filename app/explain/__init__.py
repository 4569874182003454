"""Trace → Diagnoses: pure functions of one run."""

from app.explain.diagnosis import Diagnosis
from app.explain.rules import RULES
from app.trace.model import Trace

_ORDER = {"error": 0, "wrong": 1, "warning": 2, "note": 3}


def explain(trace: Trace) -> tuple[Diagnosis, ...]:
    """What the run shows went wrong, most important first."""
    found: dict[tuple[str, str, tuple[int, ...]], Diagnosis] = {}
    for rule in RULES:
        for diagnosis in rule.check(trace):
            # a line of a loop is told of once, by its first pass
            found.setdefault((diagnosis.rule, diagnosis.title, diagnosis.lines), diagnosis)
    return tuple(sorted(found.values(), key=lambda diagnosis: _ORDER[diagnosis.severity]))
