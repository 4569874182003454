"""What differs between a Trace, asked for each of its moments, and plain torch stopped there (`stops.py`)."""

from collections.abc import Iterator
from typing import Any

from app.trace.history import History, Variable
from app.trace.model import Fired, Trace, Values
from tests.worker.compare import of_contents
from tests.worker.told_by_trace import listed

Told = dict[str, Any]


def differences_at_moments(told: Told, trace: Trace) -> Iterator[str]:
    """Each in a sentence: the lines and nodes in the order in which they ran, and the state before each line."""
    history = History(trace)
    stops, steps = told["stops"], trace.steps
    lines = [stop["line"] for stop in stops[:-1]]
    if lines != [step.line for step in steps]:
        yield f"ran the lines {lines}, traced {[step.line for step in steps]}"
        return
    for stop, step in zip(stops[:-1], steps, strict=True):
        stack = [[frame.function, frame.line] for frame in history.stack(step.moment)]
        if stack != stop["stack"]:
            yield f"line {step.line}, moment {step.moment}: stack is {stop['stack']}, traced {stack}"
        where = f"before line {step.line}, moment {step.moment}"
        for what in of_state(stop, history, step.moment - 1, step.frame, told["stdout"]):
            yield f"{where}: {what}"
    for what in of_state(stops[-1], history, history.moments.count, 0, told["stdout"]):
        yield f"at the end: {what}"
    yield from of_order(told["order"], history)


def of_state(stop: Told, history: History, moment: int, frame: int, stdout: str) -> Iterator[str]:
    """Differences of the tensors that the names of one frame stood for."""
    if "silent" in stop:
        yield "plain torch did not answer"
        return
    variables = {one.name: one for one in history.variables(frame, moment) if one.tensor is not None}
    plain = stop["tensors"]
    if plain.keys() != {name for name in variables if name in plain or name.isidentifier()}:
        yield f"names are {sorted(plain)}, traced {sorted(variables)}"
    common = {name: variables[name] for name in plain if name in variables}
    for name, variable in common.items():
        yield from (f"{name}: {what}" for what in of_variable(plain[name], variable, history, moment))
    tensors = history.trace.tensors
    for what, names in (("memory", stop["sized"]), ("counters", [n for n in plain if plain[n]["version"] is not None])):
        keys = {
            name: tensors[variable.tensor or ""].storage if what == "memory" else tensors[variable.tensor or ""].counter
            for name, variable in common.items()
            if name in names
        }
        traced = [[one, other] for one in sorted(keys) for other in sorted(keys) if one < other]
        traced = [[one, other] for one, other in traced if keys[one] is not None and keys[one] == keys[other]]
        expected = [[one, other] for one, other in stop[what] if one in keys and other in keys]
        if traced != expected:
            yield f"{what} is shared by {expected}, traced {traced}"
    printed = len(stdout.encode()[: stop["printed_bytes"]].decode(errors="replace"))
    if history.printed(moment) != printed:
        yield f"{printed} characters were printed, traced {history.printed(moment)}"


def of_variable(plain: Told, traced: Variable, history: History, moment: int) -> Iterator[str]:
    """Differences of one tensor."""
    trace = history.trace
    for what in ("version", "requires_grad"):
        if plain[what] != getattr(traced, what):
            yield f"{what} is {plain[what]}, traced {getattr(traced, what)}"
    # Of a view whose base was written since, the tracer asks no node: to ask makes torch record one.
    if not plain["stale"]:
        grad_fn = trace.nodes[traced.node].name if traced.node else None
        if (plain["is_leaf"], plain["grad_fn"]) != (traced.is_leaf, grad_fn):
            yield f"is_leaf, grad_fn are {plain['is_leaf'], plain['grad_fn']}, traced {traced.is_leaf, grad_fn}"
    tensor = trace.tensors[traced.tensor or ""]
    if is_shown(trace, traced.tensor or ""):
        yield from of_contents("contents", plain["contents"], traced.values)
    elif tuple(plain["contents"]["shape"]) != tensor.shape:
        yield f"shape is {plain['contents']['shape']}, traced {tensor.shape}"
    if traced.grad is None or is_shown(trace, traced.grad):
        grad = history.values(traced.grad, moment) if traced.grad else None
        yield from of_contents(".grad", plain["grad"], grad)


def is_shown(trace: Trace, tensor: str) -> bool:
    """Whether the cells of its storage, as they are, are its elements, and few enough to list."""
    one = trace.tensors[tensor]
    if one.storage is None or one.lazy or one.dtype != trace.storages[one.storage].dtype:
        return False
    return trace.storages[one.storage].size_bytes <= 4_096


def of_order(order: list[Any], history: History) -> Iterator[str]:
    """Differences of the lines and nodes, in the order in which they began, and of what those nodes did."""
    trace = history.trace
    moments: list[tuple[int, Fired | None]] = [(step.moment, None) for step in trace.steps]
    moments += [(fired.moment, fired) for backward in trace.backwards for fired in backward.fired]
    moments.sort(key=lambda moment: moment[0])
    order = [one for one in order if one != "end"]
    if len(order) > len(moments):
        # A node that keeps nothing has no hook of ours before it runs: where it raises itself, it is not seen.
        order = [one for one in order if one == "line" or "sent" in one or one["checks"]]
    plain = [one if one == "line" else one["node"] for one in order]
    traced = ["line" if fired is None else trace.nodes[fired.node].name for _, fired in moments]
    if [moment for moment, _ in moments] != list(range(1, len(moments) + 1)):
        yield f"moments are {[moment for moment, _ in moments]}"
    if plain != traced:
        yield f"ran {plain}, traced {traced}"
        return
    for (moment, fired), one in zip(moments, order, strict=False):
        if fired is not None:
            yield from (f"moment {moment}, {one['node']}: {what}" for what in of_node(one, fired, history))


def of_node(plain: Told, traced: Fired, history: History) -> Iterator[str]:
    """Differences of one node that ran."""
    trace = history.trace
    node = trace.nodes[traced.node]
    finished = "sent" in plain
    if finished != traced.finished:
        yield f"finished is {finished}, traced {traced.finished}"
    elif finished:
        for what, expected, found in (
            ("sent", plain["sent"], traced.grad_inputs),
            ("received", plain["received"], traced.grad_outputs),
        ):
            if expected != (gradients := [listed(value) for value in found]):
                yield f"{what} {expected}, traced {gradients}"
    checks = {node.saved[check.slot].slot: [check.version, check.intact] for check in traced.checks}
    if plain["checks"].keys() != checks.keys():
        yield f"saved {sorted(plain['checks'])}, traced {sorted(checks)}"
    for slot, (version, intact) in plain["checks"].items():
        if slot in checks and (checks[slot][0] != version or (intact is not None and checks[slot][1] != intact)):
            yield f"{slot} is at version, intact: {version, intact}, traced {checks[slot]}"
    if "grad" in plain:
        leaf = history.as_of(node.tensors[0], traced.moment)
        grad = history.grad(leaf, traced.moment) if leaf else None
        values: Values | None = history.values(grad, traced.moment) if grad else None
        yield from of_contents(".grad of the leaf", plain["grad"], values)
