"""A backward added to a `.grad` that an update of the leaf had already used.

Backward adds to `.grad`; it never replaces it. Whoever updates the leaves has to clear their gradients before the
next backward. Otherwise each update also uses the gradients of all earlier passes again.
"""

from collections import defaultdict
from collections.abc import Iterator

from msgspec import Struct

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.zero_grad import clear_grad, zero_grad
from app.explain.facts import listed
from app.explain.leaves import gradient_reads
from app.explain.rule import Page
from app.trace.model import Trace, Write

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html"
PAGE = Page(
    title="Gradient added to one that was already used",
    severity="warning",
    see="On the tape of `w.grad` a write by `AccumulateGrad` follows each update, and nothing clears it between.",
    mend="Call `optimizer.zero_grad()` in each pass before backward. Without an optimizer set `w.grad = None`.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
for step in range(2):
    loss = (w * w).sum()
    loss.backward()
    optimizer.step()
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (zero_grad, clear_grad)
ADDED = "AccumulateGrad"
_LOOKS = frozenset([".grad", "backward", "grad"])  # read the gradient without using its values


class Added(Struct, frozen=True, kw_only=True):
    """A backward that added to a used gradient, and what shows that it mattered."""

    leaf: str
    gradient: str  # its storage
    added: Write
    update: Write  # that had used it before


def check(trace: Trace) -> Iterator[Diagnosis]:
    found = list(added_to_used(trace))
    if not found:
        return
    first = found[0]
    together = [one for one in found if (one.added.line, one.update.line) == (first.added.line, first.update.line)]
    yield diagnose(trace, together)


def added_to_used(trace: Trace) -> Iterator[Added]:
    """For each leaf, the first backward of that kind."""
    gradients: set[str] = {write.storage for write in trace.writes if write.op == ADDED}
    if not gradients:
        return
    leaves = leaves_of(trace, gradients)
    lines = lineages(trace, set(leaves.values()))
    updates = writes_of(trace, {storage for leaf in leaves.values() for storage in lines[leaf]})
    changes = writes_of(trace, gradients)
    used = uses_of(trace, gradients)
    for gradient, leaf in leaves.items():
        of_leaf = sorted((write for one in lines[leaf] for write in updates[one]), key=lambda write: write.moment)
        yield from first_added(trace, gradient, leaf, changes[gradient], used[gradient], of_leaf)


def first_added(
    trace: Trace,
    gradient: str,
    leaf: str,
    changes: list[Write],
    used: list[int],
    of_leaf: list[Write],
) -> Iterator[Added]:
    """The first addition to `gradient` after an update that used it, where that was used again."""
    until = last_moment(trace, gradient, leaf)
    clean_since = 0  # the moment at which it was cleared, or rescaled, by anything but backward
    update: Write | None = None
    for index, change in enumerate(changes):
        if change.op != ADDED:
            clean_since = change.moment
            continue
        before = [write for write in of_leaf if clean_since <= write.moment < change.moment]
        update = next((write for write in reversed(before) if uses_within(used, clean_since, write.moment)), None)
        if update is None:
            continue
        following = next((later.moment for later in changes[index + 1 :] if later.op != ADDED), until)
        again = any(
            change.moment < write.moment <= following and uses_within(used, change.moment, write.moment)
            for write in of_leaf
        )
        looked_at = following == until and any(
            read.moment > change.moment and leaf in read.inputs for read in gradient_reads(trace)
        )
        if again or looked_at:
            yield Added(leaf=leaf, gradient=gradient, added=change, update=update)
            return


def uses_within(used: list[int], first: int, last: int) -> bool:
    """Whether any of the moments `used` lies there."""
    return any(first <= moment <= last for moment in used)


def lineages(trace: Trace, leaves: set[str]) -> dict[str, set[str]]:
    """For each leaf, its storages: `w.data = other` gives it another one."""
    first: dict[str, str] = {}
    found: dict[str, set[str]] = {leaf: set() for leaf in leaves}
    for key, tensor in trace.tensors.items():
        first[key] = first.get(tensor.continues or "", key)
        if first[key] in found and tensor.storage:
            found[first[key]].add(tensor.storage)
    return found


def leaves_of(trace: Trace, gradients: set[str]) -> dict[str, str]:
    """For each storage of a gradient, the leaf whose `.grad` it was, as first seen."""
    found: dict[str, str] = {}
    for key, tensor in trace.tensors.items():
        for turn in tensor.grads if not tensor.continues else ():
            storage = trace.tensors[turn.tensor].storage if turn.tensor else None
            if storage in gradients and storage is not None:
                found.setdefault(storage, key)
    return found


def writes_of(trace: Trace, storages: set[str]) -> defaultdict[str, list[Write]]:
    """The writes of each of `storages`, in order."""
    found: defaultdict[str, list[Write]] = defaultdict(list)
    for write in trace.writes:
        if write.storage in storages:
            found[write.storage].append(write)
    return found


def uses_of(trace: Trace, gradients: set[str]) -> defaultdict[str, list[int]]:
    """The moments at which an operator read the values of each gradient to make or write something else."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for operation in trace.operations:
        if operation.op in _LOOKS:
            continue
        for at, key in enumerate(operation.inputs):
            storage = trace.tensors[key].storage
            if storage in gradients and storage is not None and (at or key not in operation.outputs):
                found[storage].append(operation.moment)
    return found


def last_moment(trace: Trace, gradient: str, leaf: str) -> int:
    """The moment until which `gradient` stayed the `.grad` of `leaf`: far away where it stayed."""
    held = False
    for turn in trace.tensors[leaf].grads:
        holds = turn.tensor is not None and trace.tensors[turn.tensor].storage == gradient
        if held and not holds:
            return turn.moment
        held = held or holds
    return 1 << 62


def diagnose(trace: Trace, found: list[Added]) -> Diagnosis:
    first = found[0]
    line, update = first.added.line, first.update.line
    leaves = list(dict.fromkeys(one.leaf for one in found))
    names = [trace.tensors[key].label for key in leaves]
    grads = listed([f"{name}.grad" for name in names])
    cleared = "Set it to None" if len(names) == 1 else "Set them to None"
    optimizer = next((group for group in trace.param_groups if set(group.params) & set(leaves)), None)
    how = f"Call `zero_grad()` of the {optimizer.optimizer}" if optimizer else cleared
    return Diagnosis(
        rule="gradient-accumulated",
        severity="warning",
        title=f"Backward adds to {grads}, which line {update} had already used",
        cause=(
            f"Line {update} updated {listed(names)} with {grads}. Backward on line {line} then added the next gradient "
            "to that one: it adds and never replaces. The next update uses both."
        ),
        fix=f"{how} in each pass, after line {update} and before backward on line {line}.",
        lines=tuple(dict.fromkeys([line, update])),
        source=SOURCE,
        evidence={"leaves": list(leaves), "gradients": [one.gradient for one in found]},
        moment=first.added.moment or None,
        refs=(*leaves, *(one.gradient for one in found)),
    )
