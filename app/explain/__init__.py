"""Trace → Diagnoses: pure functions of one run."""

from app.explain.diagnosis import Diagnosis
from app.explain.rules import RULES
from app.trace.model import Trace

_ORDER = {"error": 0, "wrong": 1, "warning": 2, "note": 3}


def explain(trace: Trace) -> tuple[Diagnosis, ...]:
    """What the run shows went wrong, most important first."""
    found = [diagnosis for rule in RULES for diagnosis in rule.check(trace)]
    return tuple(sorted(found, key=lambda diagnosis: _ORDER[diagnosis.severity]))
