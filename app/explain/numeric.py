"""What a numeric check says, in sentences: finite differences beside backward, and why they may part.

Texts are plain, as in a Diagnosis: code stands in backticks, and "line 5" names a line of the snippet.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from app.explain.facts import code, downstream, listed
from app.trace.figures import exact, number, numbers, shape_words
from app.trace.model import Backward, Finite, Scalar, Trace
from app.trace.numeric import ElementCheck, LeafCheck, Numeric, Unchecked

SHOWN = 6  # elements of a leaf
_SUSPECTS = 3
_NEAR = 1e-4

Mark = Literal["passed", "wrong", "note"]
_PASSES_BY = {
    ".data": "hands the values on, and autograd does not see it",
    "detach": "cuts the graph",
    "detach_": "cuts the graph",
    "item": "makes a plain number of it",
    "tolist": "makes plain numbers of it",
    "numpy": "hands it to numpy",
}


class Cell(Struct, frozen=True, kw_only=True):
    """One number: short for the eye, and whole."""

    text: str
    exact: str


class ElementStory(Struct, frozen=True, kw_only=True):
    """One row: where, the three numbers, and whether the first two agree."""

    where: str
    backward: Cell | None
    program: Cell | None
    graph: Cell | None
    verdict: str
    mark: Mark


class LeafStory(Struct, frozen=True, kw_only=True):
    """One leaf: its rows, and sentences on it. `with_graph` where the recorded graph has numbers of its own."""

    name: str | None
    shape: str
    elements: tuple[ElementStory, ...]
    texts: tuple[str, ...]
    with_graph: bool


class NumericStory(Struct, frozen=True, kw_only=True):
    """All of it. `distinction` says which question was asked; None where nothing was compared."""

    headline: str
    mark: Mark
    texts: tuple[str, ...]
    leaves: tuple[LeafStory, ...] = ()
    distinction: str | None = None


DISTINCTION = (
    "Two questions look alike. Finite differences ask what the program does: they see every write, every `.detach()` "
    "and every `no_grad` as it ran. Intact saved values ask what the recorded graph stands for: nothing that "
    "happened to "
    "a value after it was saved counts. Where nothing was hidden from autograd, both have the same answer."
)
_UNCHECKED: dict[Unchecked, str] = {
    "unnamed": "It was made and used within one statement and has no name, so it could not be moved.",
    "used": "It was used in the statement that first gave it a name, so it could not be moved in time.",
    "dtype": "Its numbers are too coarse for finite differences. In float32 or float64 it can be checked.",
    "overlapping": "Several of its elements are one cell of memory, so none can be moved alone.",
    "late": "There was no time left for it.",
}
_STOPPED = {
    "crash": "It ended the whole process, without an exception.",
    "memory": "It asked for more memory than there is.",
    "output": "It printed more than is kept.",
    "size": "What was found is too large to send.",
}
_WORDS: dict[str, tuple[str, Mark]] = {
    "agrees": ("agree", "passed"),
    "differs": ("disagree", "wrong"),
    "kink": ("not differentiable here", "note"),
    "not-finite": ("not a finite number", "note"),
    "ended": ("ended before", "note"),
}


def tell(checked: Numeric, trace: Trace | None = None) -> NumericStory:
    """The check in words. From `trace`, a run of the same snippet, come the lines that may be the reason."""
    if checked.verdict != "compared":
        return NumericStory(headline=_nothing(checked), mark="note", texts=tuple(_ended(checked)))
    leaves = tuple(_leaf(leaf, trace) for leaf in checked.leaves)
    headline, mark = _headline(checked)
    return NumericStory(
        headline=headline,
        mark=mark,
        texts=tuple(_how(checked)),
        leaves=leaves,
        distinction=DISTINCTION if any(leaf.elements for leaf in leaves) else None,
    )


def disagrees(checked: Numeric) -> bool:
    """Whether some leaf has another slope than its gradient: a trace may tell the reason."""
    return any(element.verdict == "differs" for leaf in checked.leaves for element in leaf.elements)


def _nothing(checked: Numeric) -> str:
    if checked.outcome.kind == "stopped" and checked.outcome.reason != "time":
        return "The gradients were not checked: the snippet did not come to its end."
    return {
        "no-backward": "There is no gradient to check: no backward ran.",
        "refused": "There is no gradient to check: backward was refused before it reached a leaf.",
        "no-leaf": "There is no gradient to check: no leaf here wants one.",
        "not-deterministic": "Two runs of this snippet do not give the same value, so nothing was compared.",
        "late": "There was no time to check the gradients: the snippet takes too long to be run again.",
        "compared": "",
    }[checked.verdict]


def _ended(checked: Numeric) -> Iterator[str]:
    error = checked.outcome.error
    if checked.verdict == "not-deterministic":
        yield (
            "Finite differences run the snippet again with one number moved. Here the value changes when nothing is "
            "moved: by the clock, by a source of chance without a seed, or by what an earlier run left behind."
        )
    elif checked.outcome.reason in _STOPPED:
        yield _STOPPED[checked.outcome.reason]
    elif checked.verdict == "late":
        yield "A shorter loop or a smaller tensor can be checked."
    elif error is not None:
        place = f" on line {error.line}" if error.line is not None else ""
        yield f"The run ended with {code(error.type)}{place}."


def _how(checked: Numeric) -> Iterator[str]:
    kind = "float64" if checked.precise else "the snippet's own types"
    yield (
        f"Each element was moved a little to both sides, and the snippet was run again as it is: {checked.runs} "
        "runs in "
        f"{kind}. “Program” is how far the differentiated value moved, divided by how far the element was moved."
    )
    if not checked.precise:
        yield "The snippet could not be run in float64, so the step is larger and numbers are compared more coarsely."
    if checked.left_out:
        yield f"{checked.left_out} more leaves were not checked."


def _headline(checked: Numeric) -> tuple[str, Mark]:
    by_verdict: dict[str, list[str]] = {}
    for leaf in checked.leaves:
        for verdict in {element.verdict for element in leaf.elements}:
            by_verdict.setdefault(verdict, []).append(leaf.name or "")
    refused = any(leaf.refused for leaf in checked.leaves if leaf.elements)
    first = "The recorded graph" if refused else "Backward"
    if "differs" in by_verdict:
        return f"{first} and the program disagree for {_listed(by_verdict['differs'])}.", "wrong"
    if not by_verdict:
        return "None of the leaves could be checked.", "note"
    if any(_overwritten(element) for leaf in checked.leaves for element in leaf.elements):
        return "Backward agrees with the program. The recorded graph stands for other numbers.", "wrong"
    if set(by_verdict) == {"agrees"}:
        return f"{first} and the program agree.", "passed"
    return f"{first} and the program agree wherever they can be compared.", "passed"


def _listed(names: list[str]) -> str:
    return listed([name.replace("`", "'") for name in names])


def _leaf(leaf: LeafCheck, trace: Trace | None) -> LeafStory:
    with_graph = leaf.refused or any(map(_overwritten, leaf.elements))
    shown = sorted(leaf.elements, key=lambda element: element.verdict == "agrees")[:SHOWN]
    rows = _rows(sorted(shown, key=lambda each: each.at), leaf, with_graph=with_graph)
    return LeafStory(
        name=leaf.name,
        shape=f"{shape_words(leaf.shape)} {leaf.dtype}",
        elements=rows,
        texts=tuple(_texts(leaf, trace, len(leaf.elements) - len(rows))),
        with_graph=with_graph,
    )


def _rows(elements: Sequence[ElementCheck], leaf: LeafCheck, *, with_graph: bool) -> tuple[ElementStory, ...]:
    nothing = [None] * len(elements)
    backward = _cells([element.backward for element in elements]) if leaf.reached else nothing
    program = _cells([element.program for element in elements])
    graph = _cells([element.graph for element in elements]) if with_graph else nothing
    return tuple(
        ElementStory(
            where=f"[{', '.join(map(str, element.at))}]" if element.at else "the value",
            backward=backward[at],
            program=program[at],
            graph=graph[at],
            verdict=_WORDS[element.verdict][0],
            mark=_WORDS[element.verdict][1],
        )
        for at, element in enumerate(elements)
    )


def _cells(values: Sequence[Scalar | None]) -> list[Cell | None]:
    """One column, all with the same decimals; what is nothing but the rounding of a difference is 0."""
    texts = iter(numbers([_rounded(value) for value in values if value is not None]))
    return [None if value is None else Cell(text=next(texts), exact=exact(value)) for value in values]


def _rounded(value: Scalar) -> Scalar:
    return (_settled(value[0]), _settled(value[1])) if isinstance(value, tuple) else _settled(value)


def _settled(value: Finite) -> Finite:
    return 0.0 if isinstance(value, float) and abs(value) < 1e-9 else value


def _overwritten(element: ElementCheck) -> bool:
    """Whether the graph, from what was saved, gives another number than backward did."""
    if element.backward is None or element.graph is None:
        return False
    pairs = zip(_parts(element.backward), _parts(element.graph), strict=True)
    return any(
        not abs(one - other) <= _NEAR * max(1e-3, abs(one), abs(other)) for one, other in pairs if one == one
    )  # not a number


def _parts(value: Scalar) -> tuple[float, ...]:
    return tuple(map(float, value)) if isinstance(value, tuple) else (float(value),)


def _texts(leaf: LeafCheck, trace: Trace | None, hidden: int) -> Iterator[str]:
    if leaf.unchecked is not None:
        yield _UNCHECKED[leaf.unchecked]
        return
    call = "`backward()`" if leaf.call == "backward" else "`autograd.grad`"
    where = f"{call} on line {leaf.line}" if leaf.line is not None else call
    name = code(leaf.name or "it")
    verdicts = {element.verdict for element in leaf.elements}
    if leaf.refused:
        yield (
            f"PyTorch refused {where}. “Graph” is what it would have given from the values that were saved. "
            "The program as it ran includes the write that made PyTorch refuse."
        )
    elif not leaf.reached:
        yield (
            f"{where[0].upper() if where[0] != '`' else where[0]}{where[1:]} gave {name} no gradient: the graph "
            "does not lead to it."
        )
        if "differs" in verdicts:
            yield "The program depends on it all the same."
    else:
        yield f"Compared at {where}."
    if any(map(_overwritten, leaf.elements)):
        yield (
            "“Graph” is what the recorded graph gives from the values that were saved. Backward read others: they had "
            "been overwritten. The graph was recorded before that write; the program as it ran includes it."
        )
    if "differs" in verdicts and not leaf.refused:
        yield from _reasons(leaf, trace)
    yield from _places(leaf)
    if hidden:
        yield f"{hidden} more elements were compared" + (" and agree." if verdicts == {"agrees"} else ".")
    if leaf.left_out:
        yield f"{leaf.left_out} more elements were not moved."
    if leaf.own:
        yield (
            f"Your own run, in {leaf.dtype}, gave other gradients than the same run in float64: "
            "rounding, or a step that depends on the type."
        )


def _places(leaf: LeafCheck) -> Iterator[str]:
    kink = next((element for element in leaf.elements if element.verdict == "kink"), None)
    if kink is not None and kink.ahead is not None and kink.behind is not None:
        at = f"At {code(str(list(kink.at)))}" if kink.at else "Here"
        yield (
            f"{at} the slope is {number(kink.behind)} to one side and {number(kink.ahead)} to the other: "
            "it has no single slope there. PyTorch takes one by convention."
        )
    if any(element.verdict == "ended" for element in leaf.elements):
        yield "With an element moved the program does not come to that line: what it does depends on the exact number."
    if any(element.verdict == "not-finite" for element in leaf.elements):
        yield "Beside some elements the program gives no finite number, so there is no difference to take."


def _reasons(leaf: LeafCheck, trace: Trace | None) -> Iterator[str]:
    suspects = tuple(_suspects(leaf, trace)) if trace is not None else ()
    if suspects:
        yield from suspects
    elif leaf.hooked:
        yield "A hook on it changes the gradient on its way."
    else:
        yield (
            "Something between was not recorded, or was recorded otherwise: `.detach()`, `.data`, `no_grad`, a "
            "hook, or "
            "a custom Function with a `backward` of its own."
        )
    yield (
        "That is right where it is meant, as in a stopped gradient or a straight-through estimator. Else it is "
        "a mistake."
    )


def _suspects(leaf: LeafCheck, trace: Trace) -> Iterator[str]:
    """Where, between the leaf and the call, values passed by autograd or by rules of the reader's own."""
    final = trace.final.get(leaf.name or "")
    named = (key for key, tensor in trace.tensors.items() if leaf.name in tensor.names)
    key = final.tensor if final is not None and final.tensor is not None else next(named, None)
    call = next((call for call in trace.backwards if trace.line(call.step) == leaf.line), None)
    if key is None or call is None:
        return
    told: set[str] = set()
    for text in _passing_by(trace, downstream(trace, key), call, trace.tensors[key].node):
        if text not in told and len(told) < _SUSPECTS:
            told.add(text)
            yield text


def _passing_by(trace: Trace, below: set[str], call: Backward, leaf: str | None) -> Iterator[str]:
    for operation in trace.operations:
        if operation.moment > call.moment or below.isdisjoint(operation.inputs):
            continue
        line, what = trace.line(operation.step), code(operation.expression or operation.op)
        if operation.op in _PASSES_BY:
            yield f"Line {line}: {what} {_PASSES_BY[operation.op]}."
        elif not operation.grad_enabled and operation.outputs:
            yield f"Line {line}: {what} ran under `no_grad`, so it was not recorded."
    for key in dict.fromkeys(fired.node for fired in call.fired):
        node = trace.nodes[key]
        if node.custom and node.step is not None and leaf in _leads_to(trace, key):
            name = node.name.removesuffix("Backward")
            yield f"Line {trace.line(node.step)}: {code(name)} has a `backward` of its own, and it says another slope."


def _leads_to(trace: Trace, node: str) -> set[str | None]:
    """The nodes below `node`, itself included."""
    found: set[str | None] = set()
    todo = [node]
    while todo:
        key = todo.pop()
        if key not in found:
            found.add(key)
            todo += [edge.node for edge in trace.nodes[key].inputs if edge is not None]
    return found
