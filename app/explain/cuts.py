"""Questions about cuts that several rules ask: what left the graph, how, and which leaves that cost their gradient."""

from app.explain.diagnosis import Diagnosis
from app.explain.facts import called, code, downstream, listed, reached
from app.trace.flow import By, Cut, cuts
from app.trace.model import Trace

_HOW: dict[By, str] = {
    "data": "with `.data`",
    "no_grad": "by running with grad mode off, as under `torch.no_grad()`",
    "python-scalar": "as a Python number",
    "numpy": "as a numpy array",
    "copy-constructor": "by copying it into a new tensor",
    "non-differentiable": "through an operator that has no derivative",
}


_AS_VALUES = frozenset(["numpy", "__array__", "item", "tolist", "__float__", "__int__"])


def how(cut: Cut) -> str:
    """By what means `cut` took the value out of its graph."""
    return _HOW.get(cut.by) or f"with {code(cut.op + '()')}"


def taken_as_values(trace: Trace, until: int) -> tuple[Cut, ...]:
    """The cuts up to the step `until` whose values left torch as numbers or an array: they may have come back."""
    read = {
        key
        for operation in trace.operations
        if operation.op in _AS_VALUES and operation.step <= until
        for key in operation.inputs
    }
    return tuple(
        cut
        for cut in cuts(trace)
        if cut.step <= until and (cut.by in ("python-scalar", "numpy") or (cut.result and cut.result in read))
    )


def unreached_by(trace: Trace) -> dict[Cut, list[str]]:
    """The cuts on the way to a loss, each with the leaves above it that no backward reached."""
    if not any(backward.fired and not backward.raised for backward in trace.backwards):
        return {}
    with_gradient = reached(trace)
    wanting = {
        key: downstream(trace, key)
        for key, tensor in trace.tensors.items()
        if tensor.is_leaf and tensor.requires_grad and tensor.alive and tensor.name and key not in with_gradient
    }
    if not wanting:
        return {}
    fired = {fired.node for backward in trace.backwards for fired in backward.fired}
    found: dict[Cut, list[str]] = {}
    for cut in cuts(trace):
        if not fired.intersection(cut.into):
            continue
        leaves = [key for key, made in wanting.items() if cut.source in made]
        if leaves:
            # one call of an operator is one cut, however many tensors it took
            first = next((other for other in found if (other.step, other.op) == (cut.step, cut.op)), cut)
            found.setdefault(first, []).extend(leaves)
            for key in leaves:
                del wanting[key]
    return found


def instead(cut: Cut, source: str, line: int) -> str:
    """What to do on the line of `cut` to have a graph."""
    if cut.by == "no_grad":
        return f"run line {line} with grad mode on"
    if cut.by == "non-differentiable":
        return f"use an operator on line {line} that has a derivative"
    return f"hand on {source} itself on line {line}"


def is_convention(cut: Cut) -> bool:
    """Whether the cut is where one is meant: whole networks evaluated under no_grad, a target network, a teacher."""
    return cut.by == "no_grad"


def told(trace: Trace, cut: Cut, leaves: list[str], source: str) -> Diagnosis:
    """The finding of a cut, in words: a warning, or a note where it is the convention."""
    line, name = trace.line(cut.step), called(trace, cut.source)
    names = [trace.tensors[key].label for key in leaves]
    deliberate = is_convention(cut)
    return Diagnosis(
        rule="deliberate-cut" if deliberate else "graph-cut",
        severity="note" if deliberate else "warning",
        title=f"The graph is cut at line {line}",
        cause=(
            f"Line {line} takes {name} out of the graph {how(cut)}. The loss depends on it all the same, "
            f"but backward cannot go on from there, so {listed(names)} got no gradient."
        ),
        fix=f"If {listed(names)} should learn from this loss, {instead(cut, name, line)}. If not, leave it as it is.",
        lines=(line,),
        source=source,
        evidence={"by": cut.by, "op": cut.op, "source": cut.source, "result": cut.result, "leaves": list(leaves)},
        moment=cut.moment or None,
        refs=tuple(key for key in (cut.source, cut.result, *leaves) if key),
    )
