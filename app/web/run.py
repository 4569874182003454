"""What became of a snippet: its trace, and what follows from it."""

from msgspec import Struct

from app.explain.contrast import GradContrast
from app.explain.diagnosis import Diagnosis
from app.explain.errors.explanation import Explanation
from app.trace.model import Reference, Trace


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
