"""What a numeric check found: each leaf's gradient beside finite differences of the program as it ran.

Three numbers stand side by side for one element. `backward` is what the reader's backward gave. `program` is how much
the differentiated value moved, measured, when the element was moved and the whole snippet ran again. `graph` is what
the recorded graph gives from the values that were saved; it differs from `backward` only where they were overwritten.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.trace.model import Count, Dims, Name, Outcome, Scalar

Verdict = Literal["agrees", "differs", "kink", "not-finite", "ended"]
Unchecked = Literal["unnamed", "used", "dtype", "overlapping", "late"]


class ElementCheck(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One element of a leaf, moved a little to both sides."""

    at: Dims  # its index
    backward: Scalar | None  # the gradient; None where backward gave the leaf none
    graph: Scalar | None  # the gradient from intact saved values; None where that run did not come so far
    program: Scalar | None  # the central difference; None where the moved program gave no number
    verdict: Verdict  # of `program` against `backward`; "kink": not differentiable here; "ended": it ended earlier
    ahead: Scalar | None = None  # the difference to the one side, at a kink
    behind: Scalar | None = None  # and to the other


class LeafCheck(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One leaf, and the call that is compared: the first `backward()` that reached it, else `autograd.grad`."""

    name: Name | None  # the reader's; None where it never had one
    shape: Dims
    dtype: Name  # in the reader's own run
    call: Literal["backward", "grad"]
    line: Count | None  # of that call
    reached: bool = True  # whether the graph led to it
    refused: bool = False  # whether the call raised: there is no gradient of backward's
    elements: Annotated[tuple[ElementCheck, ...], Meta(max_length=64)] = ()
    left_out: Count = 0  # elements that were not moved
    unchecked: Unchecked | None = None  # why none was
    own: Annotated[
        tuple[Scalar | None, ...], Meta(max_length=64)
    ] = ()  # gradients of the reader's own run, where other
    hooked: bool = False  # a hook on it may have changed its gradient


class Numeric(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A numeric check of one snippet. Only where `verdict` is "compared" it has leaves that were."""

    outcome: Outcome  # of the plain run, up to where it was needed
    verdict: Literal["compared", "no-backward", "refused", "not-deterministic", "no-leaf", "late"]
    precise: bool = True  # in float64; else as the snippet is, with a larger step
    step: float = 0.0  # relative to an element's size, or to 1 where that is less
    runs: Count = 0  # of the snippet
    leaves: Annotated[tuple[LeafCheck, ...], Meta(max_length=100)] = ()
    left_out: Count = 0  # leaves that are not in `leaves`
