"""What the recorded graph stands for, beside what the run gave: the evidence for a silent wrong gradient."""

from msgspec import Struct

from app.explain.facts import hidden
from app.trace.model import Reference, Scalar, Trace, Values


class GradContrast(Struct, frozen=True, kw_only=True):
    """A gradient of this run, and the one from the values that were saved."""

    name: str
    got: Values | None
    intact: Values | None
    off_by: Values | None  # got − intact; None where the two cannot be subtracted


def needs_reference(trace: Trace) -> bool:
    """Whether backward read something else than what was saved, unnoticed: worth a second run."""
    return next(hidden(trace), None) is not None


def contrast(trace: Trace, reference: Reference) -> tuple[GradContrast, ...]:
    """The gradients that differ between the run and the reference run of the same snippet."""
    if reference.outcome.kind != trace.outcome.kind:
        return ()
    found = []
    for name, final in trace.final.items():
        intact = reference.grads.get(name)
        if final.grad != intact and final.is_leaf and final.requires_grad:
            off_by = difference(final.grad, intact)
            found.append(GradContrast(name=name, got=final.grad, intact=intact, off_by=off_by))
    return tuple(found)


def difference(got: Values | None, intact: Values | None) -> Values | None:
    """`got` − `intact`, element by element."""
    if got is None or intact is None or got.flat is None or intact.flat is None or got.shape != intact.shape:
        return None
    flat = tuple(subtract(one, other) for one, other in zip(got.flat, intact.flat, strict=True))
    return Values(shape=got.shape, dtype=got.dtype, flat=flat)


def subtract(one: Scalar, other: Scalar) -> Scalar:
    """`one` − `other`; "nan" where either is not finite."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        real, imag = subtract(one[0], other[0]), subtract(one[1], other[1])
        return "nan" if isinstance(real, tuple) or isinstance(imag, tuple) else (real, imag)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one - other
    return "nan"
