"""What became of a snippet: its trace, and what follows from it."""

from msgspec import Struct

from app.explain import explain
from app.explain.contrast import GradContrast, contrast
from app.explain.diagnosis import Diagnosis
from app.explain.errors import explain_error
from app.explain.errors.explanation import Explanation
from app.trace.model import Reference, Trace


class Sandboxed(Struct, frozen=True, kw_only=True):
    """What came out of the sandbox for a snippet; `not_compared` says why there is no reference where it takes one."""

    trace: Trace
    reference: Reference | None = None
    not_compared: str | None = None


class Run(Struct, frozen=True, kw_only=True):
    """A snippet's run and what follows from it.

    `contrasts` are the gradients that the values which were saved would change; `not_compared` says why there
    is no reference run where there should be one. `explained` is the error that ended it, where it is not autograd's.
    """

    trace: Trace
    diagnoses: tuple[Diagnosis, ...]
    reference: Reference | None = None
    contrasts: tuple[GradContrast, ...] = ()
    not_compared: str | None = None
    explained: Explanation | None = None


def run_of(came: Sandboxed, source: str) -> Run:
    """What follows from it."""
    diagnoses = explain(came.trace)
    return Run(
        trace=came.trace,
        diagnoses=diagnoses,
        reference=came.reference,
        contrasts=() if came.reference is None else contrast(came.trace, came.reference),
        not_compared=came.not_compared,
        explained=explain_error(came.trace, source, diagnoses),
    )
