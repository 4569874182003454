"""The first moment at which two runs part, and in what: told in the readers' own names and lines."""

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from app.explain.facts import code, listed
from app.explain.versus.graphs import Graphs
from app.trace.figures import numbers, shape_words
from app.trace.history import History, State, Variable
from app.trace.model import Scalar, Trace, Values

MOST_VALUES = 6
_MODES = {"grad": "on", "no_grad": "off", "inference": "off, as it is in inference mode"}
_ADDRESS = re.compile(r"0x[0-9a-f]+")  # of an object: another one in every run
NEARLY = 1e-6  # relative: what two orders of the same sum may differ by


class Parting(Struct, frozen=True, kw_only=True):
    """Where two runs part. `column` is the place among the paired stops; `ways` say in what, the most telling first."""

    column: int
    left_line: int
    right_line: int
    ways: tuple[str, ...]


class Side(Struct, frozen=True):
    """One run at one moment."""

    history: History
    state: State
    moment: int

    @property
    def trace(self) -> Trace:
        """The whole run."""
        return self.history.trace


def parting_of(
    left: History, right: History, stops: tuple[Sequence[int], Sequence[int]], columns: Sequence[tuple[int, int]]
) -> Parting | None:
    """The first column in which the two runs differ; None where they never do."""
    if not left.trace.steps or not right.trace.steps:
        return None
    graphs = Graphs(left, right)
    for column, (one, other) in enumerate(columns):
        here, there = _side(left, stops[0][one]), _side(right, stops[1][other])
        ways = tuple(dict.fromkeys((*_ways(here, there), *graphs.ways(here.moment, there.moment))))
        if ways:
            return Parting(column=column, left_line=here.state.line, right_line=there.state.line, ways=ways)
    return None


def _side(history: History, moment: int) -> Side:
    return Side(history, history.state(moment), moment)


def _ways(left: Side, right: Side) -> Iterator[str]:
    """In what the two differ, the most telling first."""
    yield from _named_ways(left, right, 0)
    for depth, (frame, other) in enumerate(zip(left.state.stack, right.state.stack, strict=False)):
        if frame.function != other.function:
            break
        if frame.function:
            yield from (f"In {code(frame.function)}: {way}" for way in _named_ways(left, right, depth))
    yield from _modes(left, right)
    yield from _endings(left, right)
    printed, other_printed = _printed(left), _printed(right)
    if printed != other_printed:
        yield "They have printed different things."


def _named_ways(left: Side, right: Side, depth: int) -> Iterator[str]:
    """In what the names of one call differ, of those under way."""
    mine, yours = _named(left, depth), _named(right, depth)
    both = [name for name in mine if name in yours]
    pairs = [(name, mine[name], yours[name]) for name in both]
    yield from _sharing("counter", left, right, pairs)
    yield from _sharing("storage", left, right, pairs)
    for differs in (_kinds, _values, _recording, _versions, _gradients):
        for name, one, other in pairs:
            yield from differs(name, one, other, left, right)
    yield from _alone(mine, yours, "left", "right")
    yield from _alone(yours, mine, "right", "left")


def _named(side: Side, depth: int) -> dict[str, Variable]:
    """What the names of a call stand for; at depth 0 those of the top level."""
    frame = side.state.stack[depth].number if depth else 0
    return {variable.name: variable for variable in side.state.variables.get(frame, ())}


Pair = tuple[str, Variable, Variable]


def _sharing(what: str, left: Side, right: Side, pairs: Sequence[Pair]) -> Iterator[str]:
    """Names that share a version counter, or memory, in one of the runs alone."""
    mine = _groups(left, [(name, one) for name, one, _ in pairs], what)
    yours = _groups(right, [(name, other) for name, _, other in pairs], what)
    for name, _, _ in reversed(pairs):  # the latest name is the one that is new here
        one, other = mine.get(name), yours.get(name)
        if one is None or other is None or one == other:
            continue
        (alone, shared), group = (("left", "right"), other) if len(one) < len(other) else (("right", "left"), one)
        fellows = listed([fellow for fellow in group if fellow != name])
        if what == "counter":
            yield (
                f"On the {alone} {code(name)} has a version counter of its own; "
                f"on the {shared} it shares the one of {fellows}."
            )
        else:
            yield f"On the {shared} {code(name)} stands over the memory of {fellows}; on the {alone} it has its own."
        return


def _groups(side: Side, named: Sequence[tuple[str, Variable]], what: str) -> dict[str, tuple[str, ...]]:
    """For each name, those that share its counter or its storage, itself among them."""
    together: dict[str, list[str]] = {}
    key_of: dict[str, str] = {}
    for name, variable in named:
        tensor = side.trace.tensors[variable.tensor] if variable.tensor else None
        key = None if tensor is None else tensor.counter if what == "counter" else tensor.storage
        if key is not None:
            together.setdefault(key, []).append(name)
            key_of[name] = key
    return {name: tuple(together[key]) for name, key in key_of.items()}


def _kinds(name: str, one: Variable, other: Variable, left: Side, right: Side) -> Iterator[str]:
    if (one.tensor is None) != (other.tensor is None) or one.text != other.text:
        yield f"{code(name)} is {_thing(one, left)} on the left and {_thing(other, right)} on the right."
    elif one.tensor and other.tensor:
        mine, yours = left.trace.tensors[one.tensor], right.trace.tensors[other.tensor]
        if (mine.shape, mine.dtype) != (yours.shape, yours.dtype):
            yield f"{code(name)} is {_thing(one, left)} on the left and {_thing(other, right)} on the right."


def _thing(variable: Variable, side: Side) -> str:
    if variable.tensor is None:
        return code(variable.text or "nothing")
    tensor = side.trace.tensors[variable.tensor]
    return f"a tensor of shape {shape_words(tensor.shape)}, {tensor.dtype}"


def _values(name: str, one: Variable, other: Variable, _: Side, __: Side) -> Iterator[str]:
    if one.values is not None and other.values is not None and differ(one.values, other.values):
        yield f"{code(name)} holds {said(one.values)} on the left and {said(other.values)} on the right."


def _recording(name: str, one: Variable, other: Variable, left: Side, right: Side) -> Iterator[str]:
    if one.tensor is None or other.tensor is None:
        return
    if one.requires_grad != other.requires_grad:
        yes, no = ("left", "right") if one.requires_grad else ("right", "left")
        yield f"{code(name)} requires grad on the {yes}, and not on the {no}."
    mine, yours = (_maker(variable, side) for variable, side in ((one, left), (other, right)))
    if mine != yours:
        yield f"{code(name)} {_made(mine)} on the left and {_made(yours)} on the right."


def _maker(variable: Variable, side: Side) -> str | None:
    return side.trace.nodes[variable.node].name if variable.node else None


def _made(node: str | None) -> str:
    return f"has the node {code(node)}" if node else "has no node in the graph"


def _versions(name: str, one: Variable, other: Variable, _: Side, __: Side) -> Iterator[str]:
    if one.version is not None and other.version is not None and one.version != other.version:
        yield f"{code(name)} stands at version {one.version} on the left and at {other.version} on the right."


def _gradients(name: str, one: Variable, other: Variable, left: Side, right: Side) -> Iterator[str]:
    mine, yours = (_grad(variable, side) for variable, side in ((one, left), (other, right)))
    if (mine is None) != (yours is None):
        has, lacks = ("left", "right") if mine is not None else ("right", "left")
        yield f"{code(f'{name}.grad')} is there on the {has}, and None on the {lacks}."
    elif mine is not None and yours is not None and differ(mine, yours):
        yield f"{code(f'{name}.grad')} is {said(mine)} on the left and {said(yours)} on the right."


def _grad(variable: Variable, side: Side) -> Values | None:
    return side.history.values(variable.grad, side.moment) if variable.grad else None


def _alone(mine: dict[str, Variable], yours: dict[str, Variable], here: str, there: str) -> Iterator[str]:
    if names := [name for name in mine if name not in yours]:
        yield f"On the {here} there is {listed(names)}, which the {there} does not have."


def _modes(left: Side, right: Side) -> Iterator[str]:
    mine, yours = (side.trace.steps[side.state.step].mode for side in (left, right))
    if mine != yours:
        yield f"On the left grad mode is {_MODES[mine]}; on the right it is {_MODES[yours]}."


def _endings(left: Side, right: Side) -> Iterator[str]:
    mine, yours = (_ending(side) for side in (left, right))
    if mine != yours:
        yield f"The left {mine}; the right {yours}."
    elif (one := _message(left)) != (other := _message(right)) and one is not None and other is not None:
        yield f"The left {mine}, and so does the right, with another message."


def _has_ended(side: Side) -> bool:
    return side.moment >= side.history.moments.count and side.trace.outcome.kind != "finished"


def _ending(side: Side) -> str:
    """How the run ended, where it has."""
    outcome = side.trace.outcome
    if not _has_ended(side):
        return "goes on"
    if outcome.error is not None and outcome.kind == "raised":
        return f"raises {code(outcome.error.type)}"
    return f"is stopped ({outcome.reason})" if outcome.reason else "is stopped"


def _message(side: Side) -> str | None:
    """What the exception says that ended the run, where it has; without addresses of objects."""
    error = side.trace.outcome.error
    return _ADDRESS.sub("0x", error.message) if error is not None and _has_ended(side) else None


def _printed(side: Side) -> str:
    return side.trace.stdout[: side.state.printed]


def said(values: Values) -> str:
    """Numbers as a sentence has them."""
    if values.flat is None:
        return f"other numbers ({shape_words(values.shape)})"
    shown = numbers(values.flat[:MOST_VALUES])
    return ", ".join(shown) + (", …" if len(values.flat) > MOST_VALUES else "")


def differ(one: Values, other: Values) -> bool:
    """Whether two contents differ by more than the rounding of one sum in another order."""
    if one.shape != other.shape:
        return True
    if one.flat is None or other.flat is None:
        return one.summary != other.summary
    return any(_apart(a, b) for a, b in zip(one.flat, other.flat, strict=True))


def _apart(one: Scalar, other: Scalar) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return _apart(one[0], other[0]) or _apart(one[1], other[1])
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) > NEARLY * max(abs(one), abs(other))
    return one != other
