"""Questions about cuts that several rules ask: what left the graph, how, and which leaves that cost their gradient."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from app.explain.diagnosis import Diagnosis
from app.explain.facts import called, code, downstream, listed
from app.explain.forced import forced
from app.explain.heads import is_compared, is_fed_beside_others
from app.explain.leaves import handed, unreached
from app.explain.memo import once
from app.trace.flow import By, Cut, cuts
from app.trace.model import Operation, Trace
from app.trace.moments import standing

_HOW: dict[By, str] = {
    "data": "with `.data`",
    "no_grad": "by running with grad mode off, as under `torch.no_grad()`",
    "python-scalar": "as a Python number",
    "numpy": "as a numpy array",
    "copy-constructor": "by copying values into a new tensor",
    "non-differentiable": "through an operator that has no derivative",
    "requires-grad-forced": "by making it a leaf",
}

_AS_VALUES = frozenset(["numpy", "__array__", "item", "tolist", "__float__", "__int__"])
CHECKPOINT = "check_backward_validity"  # what a reentrant checkpoint runs first, over its inputs

all_cuts = once(cuts)


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
        for cut in all_cuts(trace)
        if cut.step <= until and (cut.by in ("python-scalar", "numpy") or (cut.result and cut.result in read))
    )


@once
def unreached_by(trace: Trace) -> dict[Cut, list[str]]:
    """The cuts on the way to a loss, each with the leaves above it that wanted a gradient and got none."""
    wanting = {key: downstream(trace, key) for key in unreached(trace)}
    if not wanting:
        return {}
    backwards = [backward for backward in trace.backwards if backward.call == "backward"]
    fired = {fired.node for backward in backwards for fired in backward.fired}
    found: dict[Cut, list[str]] = {}

    def charge(cut: Cut) -> None:
        leaves = [key for key, made in wanting.items() if cut.source in made]
        if leaves:
            # one call of an operator is one cut, however many tensors it took
            first = next((other for other in found if (other.step, other.op) == (cut.step, cut.op)), cut)
            found.setdefault(first, []).extend(leaves)
            for key in leaves:
                del wanting[key]

    for cut in all_cuts(trace):
        if fired.intersection(cut.into):
            charge(cut)
    if wanting:
        for cut in (*_came_back_as_values(trace, fired), *forced(trace, wanting)):
            charge(cut)
    return found


def _came_back_as_values(trace: Trace, fired: set[str]) -> Iterator[Cut]:
    """The cuts whose values left torch, where a computed number or array came into what backward ran afterwards."""
    plain = [operation for operation in trace.operations if operation.plain]
    back = [(operation.moment, key) for operation in plain for key in operation.outputs]
    taken = taken_as_values(trace, len(trace.steps))
    steps = {cut.step for cut in taken}
    # `torch.Tensor([a, b])`, which no function mode sees, makes its tensor on the line that takes the numbers
    back += [
        (tensor.moment, key)
        for key, tensor in trace.tensors.items()
        if tensor.op is None and tensor.step in steps and tensor.names and not tensor.requires_grad
    ]
    back = [(moment, key) for moment, key in back if _leads_to(trace, key, moment, fired)]
    for cut in taken:
        if any(moment >= cut.moment for moment, _ in back):
            into = [node for moment, key in back if moment >= cut.moment and (node := trace.tensors[key].node)]
            yield replace(cut, into=tuple(into))


def _leads_to(trace: Trace, tensor: str, moment: int, fired: set[str]) -> bool:
    """Whether a tensor made from `tensor` has a node in `fired`."""
    return any(trace.tensors[made].node in fired for made in downstream(trace, tensor, moment))


def in_checkpoint(trace: Trace, cut: Cut) -> Operation | None:
    """The reentrant checkpoint that ran the operator of `cut`, where none of its inputs required grad."""
    if cut.by != "no_grad":
        return None
    outer: int | None = cut.step
    steps = set[int]()
    while outer is not None and outer not in steps:
        steps.add(outer)
        outer = trace.steps[outer].caller
    return next(
        (
            operation
            for operation in trace.operations
            if operation.op == CHECKPOINT
            and operation.step in steps
            and operation.moment <= cut.moment
            and not any(standing(trace.tensors[key], operation.moment).requires_grad for key in operation.inputs)
        ),
        None,
    )


def instead(cut: Cut, source: str, line: int) -> str:
    """What to do on the line of `cut` to have a graph."""
    if cut.by == "no_grad":
        return f"run line {line} with grad mode on"
    if cut.by == "requires-grad-forced":
        return f"leave out what line {line} does, and compute {source} with a graph"
    if cut.by == "non-differentiable":
        return f"use an operator on line {line} that has a derivative"
    if cut.by in ("python-scalar", "numpy"):
        return f"compute with {source} itself, not with the values that line {line} takes"
    return f"hand on {source} itself on line {line}"


def is_convention(trace: Trace, cut: Cut, leaves: Iterable[str]) -> bool:
    """Whether the cut is where one is meant.

    A target or a teacher is compared with a result that has a graph; a discriminator is fed a result without beside
    others; a whole network runs under `no_grad`. Not where an optimizer holds what a network under `no_grad` lost.
    """
    if cut.by == "no_grad":
        held = handed(trace)
        of_modules = all("." in trace.tensors[key].label and trace.tensors[key].is_parameter for key in leaves)
        if of_modules and held is None:
            return True
    made = {key for operation in trace.operations for key in operation.outputs if key not in operation.inputs}
    if cut.source not in made and cut.by != "no_grad":
        return False  # a leaf itself is no result of a network
    return is_compared(trace, cut) or is_fed_beside_others(trace, cut)


def told(trace: Trace, cut: Cut, leaves: list[str], source: str) -> Diagnosis:
    """The finding of a cut, in words: a warning, or a note where it is the convention."""
    line, name = trace.line(cut.step), called(trace, cut.source)
    lines: tuple[int, ...] = (line,)
    way = how(cut)
    if cut.by == "no_grad":  # all that the line gave
        given = [one.outputs[-1] for one in trace.operations if one.step == cut.step and one.outputs]
        name = called(trace, given[-1]) if given else name
    if cut.by == "requires-grad-forced" and cut.result:
        name = called(trace, cut.result)
        earlier = next((c for c in all_cuts(trace) if c.result and cut.result in downstream(trace, c.result)), None)
        if earlier is not None and earlier.step != cut.step:
            lines = (line, trace.line(earlier.step))
            way += (
                f": line {lines[1]} had already taken it out {how(earlier)}, and to require grad does not bring it back"
            )
    names = [trace.tensors[key].label for key in leaves]
    deliberate = is_convention(trace, cut, leaves)
    return Diagnosis(
        rule="deliberate-cut" if deliberate else "graph-cut",
        severity="note" if deliberate else "warning",
        title=f"The graph is cut at line {line}",
        cause=(
            f"Line {line} takes {name} out of the graph {way}. The loss depends on it all the same, "
            f"but backward cannot go on from there, so {listed(names)} got no gradient."
        ),
        fix=f"If {listed(names)} should learn from this loss, {instead(cut, name, line)}. If not, leave it as it is.",
        lines=lines,
        source=source,
        evidence={"by": cut.by, "op": cut.op, "source": cut.source, "result": cut.result, "leaves": list(leaves)},
        moment=cut.moment or None,
        refs=tuple(key for key in (cut.source, cut.result, *leaves) if key),
    )
