"""Questions about a Trace that several rules ask."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter

from msgspec import Struct

from app.explain.memo import once
from app.trace.model import Backward, Fired, Node, Operation, SavedTensor, Tensor, Trace, Write

_RUNNING = frozenset(["running_mean", "running_var"])


class Read(Struct, frozen=True):
    """A saved tensor as backward came to read it."""

    backward: Backward
    fired: Fired
    node: Node
    saved: SavedTensor
    tensor: Tensor


def refused(trace: Trace) -> Read | None:
    """The saved tensor whose version check ended a backward, whether or not the snippet caught that."""
    for backward in trace.backwards:
        fired = backward.fired[-1] if backward.raised and backward.fired else None
        if fired is None or fired.finished:
            continue
        for saved in (node := trace.nodes[fired.node]).saved:
            if saved.tensor is not None and saved.version_read not in (None, saved.version):
                return Read(backward, fired, node, saved, trace.tensors[saved.tensor])
    return None


def hidden(trace: Trace) -> Iterator[Read]:
    """Every saved tensor that passed its version check though its contents had changed, in the order read."""
    for backward in trace.backwards:
        for fired in backward.fired:
            for check in fired.checks:
                if check.intact is False:
                    saved = (node := trace.nodes[fired.node]).saved[check.slot]
                    if saved.tensor is None or saved.version_read != saved.version or saved.hooked:
                        continue
                    if not (saved.slot in _RUNNING and is_in_training(trace, node)):
                        yield Read(backward, fired, node, saved, trace.tensors[saved.tensor])


def is_in_training(trace: Trace, node: Node) -> bool:
    """Whether `batch_norm` recorded `node` in training: it kept the batch's own mean, and leaves the running one be."""
    own = next((saved.tensor for saved in node.saved if saved.slot == "result1"), None)
    return own is not None and 0 not in trace.tensors[own].shape


def writes_since(trace: Trace, read: Read) -> Iterator[Write]:
    """The writes of the memory of a saved tensor between its save and its read."""
    for write in trace.writes:
        if write.storage == read.tensor.storage and read.saved.saved_at <= write.step and is_before(write, read):
            yield write


def is_before(write: Write, read: Read) -> bool:
    """Whether `write` was made before `read`: by moments, as the line of backward may run others first."""
    if write.moment and read.fired.moment:
        return write.moment < read.fired.moment
    return write.step <= read.backward.step


def latest_before(trace: Trace, backward: Backward) -> int:
    """The last step that had begun when `backward` was called: `f(x).sum().backward()` runs the lines of `f`."""
    begun = (at for at, step in enumerate(trace.steps) if 0 < step.moment <= backward.moment)
    return max(begun, default=backward.step)


def raised_operation(trace: Trace) -> Operation | None:
    """The operator call that ended the run."""
    if trace.outcome.kind != "raised" or not trace.operations:
        return None
    return next((operation for operation in reversed(trace.operations) if operation.raised), None)


def ended_by(trace: Trace) -> Operation | None:
    """The operator call whose exception ended the run, on its line: in a hook, before `backward`."""
    error = trace.outcome.error
    if trace.outcome.kind != "raised" or error is None:
        return None
    raised = [operation for operation in reversed(trace.operations) if operation.raised]
    return next((operation for operation in raised if trace.line(operation.step) == error.line), None)


def lines_of(*lines: int | None) -> tuple[int, ...]:
    """Those of `lines` that are known, each once."""
    return tuple(dict.fromkeys([line for line in lines if line]))


def ids(*keys: str | None) -> tuple[str, ...]:
    """Those of `keys` that there are, each once."""
    return tuple(dict.fromkeys([key for key in keys if key]))


def operation_of(trace: Trace, write: Write) -> Operation | None:
    """The operator call that made `write`."""
    at = bisect_left(trace.operations, write.moment, key=attrgetter("moment"))
    for operation in trace.operations[at:]:
        if operation.moment > write.moment:
            return None
        if operation.op == write.op and (write.through in operation.inputs or write.through in operation.outputs):
            return operation
    return None


def ended_with(trace: Trace, text: str) -> bool:
    """Whether the run ended with an exception whose message has `text`. Only ever to confirm other evidence."""
    error = trace.outcome.error
    return trace.outcome.kind == "raised" and error is not None and text in error.message


def made_by(trace: Trace, tensor: str) -> Iterator[tuple[str, Tensor]]:
    """`tensor` and the tensors whose memory it was handed on from, nearest first."""
    seen: set[str] = set()
    key: str | None = tensor
    while key is not None and key not in seen:
        seen.add(key)
        yield key, trace.tensors[key]
        key = trace.tensors[key].base


@once
def makers(trace: Trace) -> dict[str, set[str]]:
    """For each tensor, the tensors that operators made it from."""
    above: dict[str, set[str]] = defaultdict(set)
    for operation in trace.operations:
        for key in operation.outputs:
            above[key].update(operation.inputs)
    return above


def upstream(above: Mapping[str, Iterable[str]], tensors: Iterable[str]) -> set[str]:
    """`tensors` and all that they were made from; `above` is `makers` of the Trace."""
    found: set[str] = set()
    todo = list(tensors)
    while todo:
        key = todo.pop()
        if key not in found:
            found.add(key)
            todo += above.get(key, ())
    return found


def downstream(trace: Trace, tensor: str, since: int = 0) -> set[str]:
    """`tensor` and every tensor that operators made from it, `since` a moment: they stand in the order they ran."""
    found = {tensor}
    for operation in trace.operations:
        if operation.moment < since:
            continue
        if not found.isdisjoint(operation.inputs):
            found.update(operation.outputs)
    return found


def reached(trace: Trace) -> set[str]:
    """The leaves to which some backward gave a gradient, or was asked for one."""
    leaves = {
        key
        for backward in trace.backwards
        for fired in backward.fired
        if trace.nodes[fired.node].name == "AccumulateGrad"
        for key in trace.nodes[fired.node].tensors
    }
    return leaves | {key for backward in trace.backwards for key in backward.inputs}


def listed(names: list[str]) -> str:
    """Names as code in a sentence: "`a`", "`a` and `b`", "`a`, `b` and 3 more"."""
    return enumerated([f"`{name}`" for name in names])


def enumerated(parts: list[str]) -> str:
    """Parts of a sentence: "this", "this and that", "this, that and 3 more"."""
    if len(parts) > 4:
        return ", ".join(parts[:3]) + f" and {len(parts) - 3} more"
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def kept(trace: Trace, read: Read) -> str:
    """What to call the saved tensor: by the name of another over its memory where it has none, as of a weight."""
    name, expression = read.tensor.name, read.tensor.expression
    named = (other.name for other in trace.tensors.values() if other.counter == read.tensor.counter and other.name)
    if not name and not expression and (other := next(named, None)):
        return f"a view of {code(other)}"
    return called(trace, read.saved.tensor or "")


def all_kept(trace: Trace, reads: Iterable[Read]) -> str:
    """What to call several saved tensors, each once."""
    return enumerated(list(dict.fromkeys(kept(trace, read) for read in reads)))


def code(text: str) -> str:
    """`text` as code in a sentence, in one line and without the mark that would end it."""
    return "`" + text.replace("`", "'") + "`"


def writer(op: str) -> str:
    """What to call an operator that wrote."""
    return "the assignment" if op == "__setitem__" else code(op)


def sentence(text: str) -> str:
    """`text` with a capital letter first."""
    return text[:1].upper() + text[1:]


def called(trace: Trace, tensor: str) -> str:
    """What to call a tensor in a sentence."""
    found = trace.tensors[tensor]
    text = found.name or found.expression
    return code(text) if text else "a temporary tensor"
