"""A copy that was kept to compare with, or to go back to, is no copy: it follows the live tensor.

`detach()`, `.data` and `state_dict()` give tensors over the same memory. An optimizer writes parameters in place, so
what was kept changes with them. Loading it back does nothing, and a difference to it is always 0.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.clone_alias import clone_alias
from app.explain.edits.keep_copy import keep_copy
from app.explain.facts import called, code, ids, lines_of, listed, made_by
from app.explain.rule import Page
from app.trace.model import Operation, Tensor, Trace, Write

SOURCE = "https://docs.pytorch.org/docs/stable/notes/serialization.html"
PAGE = Page(
    title="Snapshot that follows the live tensor",
    severity="warning",
    see="The memory shows `before` and `w` over the same cells. Each update of `w` changes what `before` shows.",
    mend="Keep a copy: `before = w.detach().clone()`. For a whole module: `copy.deepcopy(model.state_dict())`.",
    example="""\
import torch

w = torch.ones(2, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
before = w.detach()
(w * w).sum().backward()
optimizer.step()
print(w - before)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (keep_copy, clone_alias)
_ALIASING = frozenset(["detach", ".data"])


def check(trace: Trace) -> Iterator[Diagnosis]:
    taken: defaultdict[str, list[str]] = defaultdict(list)
    for key, tensor in trace.tensors.items():
        if tensor.op in _ALIASING and tensor.storage and tensor.base and is_live(trace.tensors[tensor.base]):
            taken[tensor.storage].append(key)
    if not taken:
        return
    writes: defaultdict[str, list[Write]] = defaultdict(list)
    for write in trace.writes:
        if write.storage in taken:
            writes[write.storage].append(write)
    taken = defaultdict(list, {storage: keys for storage, keys in taken.items() if storage in writes})
    found = used_with_itself(trace, taken, writes)
    if found:
        yield from found
        return
    yield from kept_twice(trace, taken, writes)


def is_live(tensor: Tensor) -> bool:
    """Whether it is what is trained."""
    return tensor.is_leaf and tensor.requires_grad


def followed(trace: Trace, kept: str, writes: list[Write], until: int) -> Write | None:
    """The first write by which a kept tensor changed: not through itself, which is then only a handle."""
    since = trace.tensors[kept].moment
    later = [write for write in writes if since < write.moment < until]
    through = {key for write in later if write.through for key, _ in made_by(trace, write.through)}
    return later[0] if later and kept not in through else None


def used_with_itself(trace: Trace, taken: dict[str, list[str]], writes: dict[str, list[Write]]) -> list[Diagnosis]:
    """Where an operator was given what was kept and the live tensor, which are one."""
    kept = {key for keys in taken.values() for key in keys}
    together: dict[int, list[tuple[str, str, Write, Operation]]] = {}
    for operation in trace.operations:
        if len(operation.inputs) < 2 or kept.isdisjoint(operation.inputs) or operation.op.startswith("_foreach"):
            continue
        for key in operation.inputs:
            if key not in kept:
                continue
            one = trace.tensors[key]
            live = next((k for k in operation.inputs if k != key and is_same_window(trace.tensors[k], one)), None)
            write = followed(trace, key, writes[one.storage or ""], operation.moment) if live else None
            if live and write:
                together.setdefault(operation.step, []).append((key, live, write, operation))
                break
    return [of_use(trace, found) for found in together.values()]


def is_same_window(one: Tensor, other: Tensor) -> bool:
    """Whether both are over the same cells in the same way."""
    return (one.storage, one.offset, one.shape, one.stride) == (other.storage, other.offset, other.shape, other.stride)


def kept_twice(trace: Trace, taken: dict[str, list[str]], writes: dict[str, list[Write]]) -> Iterator[Diagnosis]:
    """Snapshots of one leaf from before and after an update, which were both kept to the end."""
    saved = {entry.tensor for node in trace.nodes.values() for entry in node.saved} if taken else set()
    for storage, keys in taken.items():
        alive = [key for key in keys if trace.tensors[key].alive and key not in saved]
        for first, second in pairwise(alive):
            write = followed(trace, first, writes[storage], trace.tensors[second].moment)
            if write and is_same_window(trace.tensors[first], trace.tensors[second]):
                yield of_two(trace, first, second, write)
                return


def of_use(trace: Trace, found: list[tuple[str, str, Write, Operation]]) -> Diagnosis:
    key, live, write, operation = found[0]
    step = trace.tensors[key].step
    taken_line = trace.line(step) if step is not None else None
    line = trace.line(operation.step)
    names = listed(list(dict.fromkeys(trace.tensors[trace.tensors[one].base or one].label for one, *_ in found)))
    how = code(source_of(trace, key))
    use = f"Line {line} gives both to {code(operation.op)}, which gets the same numbers twice."
    if operation.op == "copy_":
        use = f"Line {line} copies it to where it is already: nothing changes."
    return Diagnosis(
        rule="snapshot-shares-storage",
        severity="warning",
        title=f"What line {taken_line or line} kept of {names} follows {'it' if len(found) == 1 else 'them'}",
        cause=(
            f"{how} on line {taken_line or line} is no copy: it is over the memory of {names}. "
            f"Line {write.line} then wrote that memory, so the kept values changed too. {use}"
        ),
        fix=f"Keep a copy on line {taken_line or line}: `.clone()` of a tensor, `copy.deepcopy` of a state dict.",
        lines=lines_of(taken_line, write.line, line),
        source=SOURCE,
        evidence={"kept": key, "live": live, "storage": write.storage},
        moment=write.moment,
        refs=ids(key, live, write.storage),
    )


def source_of(trace: Trace, key: str) -> str:
    """The reader's words for what gave a kept tensor."""
    made = next((one for one in trace.operations if key in one.outputs and key not in one.inputs), None)
    return (made.expression if made else None) or trace.tensors[key].label


def of_two(trace: Trace, first: str, second: str, write: Write) -> Diagnosis:
    step, later = trace.tensors[first].step, trace.tensors[second].step
    line = trace.line(step) if step is not None else None
    second_line = trace.line(later) if later is not None else None
    live = trace.tensors[first].base or first
    return Diagnosis(
        rule="snapshot-shares-storage",
        severity="warning",
        title=f"What was kept of {called(trace, live)} follows it",
        cause=(
            f"{code(source_of(trace, first))} on line {line} is no copy: it is over the memory of "
            f"{called(trace, live)}. Line {write.line} then wrote that memory, and line {second_line} kept it once "
            "more. Both show the values of now."
        ),
        fix=f"Keep a copy on line {line}: `.clone()` of a tensor, `copy.deepcopy` of a state dict.",
        lines=lines_of(line, write.line, second_line),
        source=SOURCE,
        evidence={"kept": [first, second], "live": live, "storage": write.storage},
        moment=write.moment,
        refs=ids(first, second, live, write.storage),
    )
