"""Questions about a Trace that several rules ask."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from app.explain.memo import once
from app.trace.model import Backward, Fired, Node, Operation, SavedTensor, Tensor, Trace, Write


class Read(Struct, frozen=True):
    """A saved tensor as backward came to read it."""

    backward: Backward
    fired: Fired
    node: Node
    saved: SavedTensor
    tensor: Tensor

    @property
    def intact(self) -> bool | None:
        """Whether it held then what was saved: a graph that is kept is read again, and may have changed between."""
        found = (check for check in self.fired.checks if self.node.saved[check.slot] is self.saved)
        check = next(found, None)
        return check.intact if check else self.saved.intact


def reads(trace: Trace) -> Iterator[Read]:
    """Every saved tensor that backward read, in the order read."""
    for backward in trace.backwards:
        for fired in backward.fired:
            node = trace.nodes[fired.node]
            for saved in node.saved:
                if saved.tensor is not None and saved.version_read is not None:
                    yield Read(backward, fired, node, saved, trace.tensors[saved.tensor])


def refused(trace: Trace) -> Read | None:
    """The saved tensor whose version check ended a backward, whether or not the snippet caught that."""
    for read in reads(trace):
        if read.backward.raised and not read.fired.finished and read.saved.version_read != read.saved.version:
            return read
    return None


def hidden(trace: Trace) -> Iterator[Read]:
    """Every saved tensor that passed its version check though its contents had changed."""
    for read in reads(trace):
        if read.intact is False and read.saved.version_read == read.saved.version and not read.saved.hooked:
            yield read


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
    shown = [f"`{name}`" for name in names[:4]]
    if len(names) > 4:
        return ", ".join(shown[:3]) + f" and {len(names) - 3} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def code(text: str) -> str:
    """`text` as code in a sentence, in one line and without the mark that would end it."""
    return "`" + text.replace("`", "'") + "`"


def called(trace: Trace, tensor: str) -> str:
    """What to call a tensor in a sentence."""
    found = trace.tensors[tensor]
    text = found.name or found.expression
    return code(text) if text else "a temporary tensor"
