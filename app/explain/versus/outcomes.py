"""How two runs came out: their endings in one sentence each, and the gradients that they left."""

from collections.abc import Iterator

from msgspec import Struct

from app.explain.contrast import difference
from app.explain.facts import code
from app.explain.versus.parting import differ, said
from app.trace.model import Trace, Values

MOST_NAMED = 3


class GradPair(Struct, frozen=True, kw_only=True):
    """What two runs left in the `.grad` of the same name; `off_by` is right − left, None where that cannot be."""

    name: str
    left: Values | None
    right: Values | None
    off_by: Values | None

    @property
    def differs(self) -> bool:
        """Whether they left different gradients."""
        if self.left is None or self.right is None:
            return self.left is not self.right
        return differ(self.left, self.right)


def grad_pairs(left: Trace, right: Trace) -> tuple[GradPair, ...]:
    """Every leaf that wants a gradient in either run, by its name."""
    names = dict.fromkeys([*_wanting(left), *_wanting(right)])
    pairs = []
    for name in names:
        mine, yours = (trace.final[name].grad if name in trace.final else None for trace in (left, right))
        pairs.append(GradPair(name=name, left=mine, right=yours, off_by=difference(yours, mine)))
    return tuple(pairs)


def _wanting(trace: Trace) -> Iterator[str]:
    for name, final in trace.final.items():
        if final.is_leaf and final.requires_grad:
            yield name


def ending(side: str, trace: Trace, pairs: tuple[GradPair, ...]) -> str:
    """How one run ended, with the gradients in which it differs from the other."""
    outcome, error = trace.outcome, trace.outcome.error
    line = outcome.line if outcome.line is not None else error.line if error else None
    place = f" on line {line}" if line is not None else ""
    if outcome.kind == "raised" and error is not None:
        return f"The {side} raised {code(error.type)}{place}."
    if outcome.kind == "stopped":
        return f"The {side} was stopped{place}."
    grads = [(pair.name, pair.left if side == "left" else pair.right) for pair in pairs if pair.differs]
    words = [f"{code(name + '.grad')} is {said(grad) if grad else 'None'}" for name, grad in grads[:MOST_NAMED]]
    return f"The {side} finished{': ' + '; '.join(words) if words else ''}."
