"""A gradient that was kept changed at a later backward, or two leaves share one.

`.grad` is a tensor, and backward adds to it in place. A name for it is no copy: at the next backward it shows the sum,
as `.grad` does. Where one tensor was set as the `.grad` of two leaves, each of them adds to the same memory.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.keep_copy import keep_copy
from app.explain.facts import called, code, ids, lines_of, listed
from app.explain.rule import Page
from app.trace.flow import ACCUMULATE
from app.trace.model import Binding, Trace, Write

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.grad.html"
PAGE = Page(
    title="Kept gradient that changes",
    severity="warning",
    see="The variables show one tensor for `first` and `second`, and both hold the sum after the second backward.",
    mend="Keep a copy: `first = w.grad.clone()`. Or set `w.grad = None` before the next backward.",
    example="""\
import torch

w = torch.ones(2, requires_grad=True)
(w * 2).sum().backward()
first = w.grad
(w * 5).sum().backward()
second = w.grad
print(first, second)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (keep_copy,)


def check(trace: Trace) -> Iterator[Diagnosis]:
    added: defaultdict[str, list[Write]] = defaultdict(list)
    for write in trace.writes:
        if write.op == ACCUMULATE and write.through is not None:
            added[write.storage].append(write)
    if not added:
        return
    grads = {turn.tensor for tensor in trace.tensors.values() for turn in tensor.grads if turn.tensor}
    by_tensor: defaultdict[str, list[Binding]] = defaultdict(list)
    for binding in trace.bindings:
        if binding.tensor in grads:
            by_tensor[binding.tensor].append(binding)
    for key, bindings in by_tensor.items():
        writes = added.get(trace.tensors[key].storage or "", [])
        if writes and (found := kept_twice(trace, key, bindings, writes) or used_twice(trace, key, bindings, writes)):
            yield kept(trace, key, *found)
    yield from shared(trace, added)


def kept_at(trace: Trace, key: str, binding: Binding) -> int:
    """The last moment at which the reader bound that name to it: a line of a loop binds it again and again."""
    if "[" in binding.name:
        return binding.moment
    line = next((step.line for step in reversed(trace.steps) if step.moment <= binding.moment), None)
    again = [
        one.moment
        for one in trace.operations
        if one.op == ".grad" and key in one.outputs and trace.line(one.step) == line
    ]
    return max([binding.moment, *again])


def kept_twice(
    trace: Trace, key: str, bindings: list[Binding], writes: list[Write]
) -> tuple[Binding, str, Write, int] | None:
    """Two names for one gradient, and a backward that added to it between."""
    moments = sorted((kept_at(trace, key, binding), at) for at, binding in enumerate(bindings))
    for (first, one), (second, other) in pairwise(moments):
        before, after = bindings[one], bindings[other]
        if before.frame != after.frame or before.name == after.name or is_unbound(trace, before, second):
            continue
        between = [write for write in writes if first < write.moment <= second]
        if between:
            return before, code(after.name), between[0], line_at(trace, second)
    return None


def used_twice(
    trace: Trace, key: str, bindings: list[Binding], writes: list[Write]
) -> tuple[Binding, str, Write, int] | None:
    """An operator that was given both the kept gradient and the `.grad` of now, which are one."""
    for operation in trace.operations:
        if operation.inputs.count(key) < 2 or operation.inside:
            continue
        for binding in bindings:
            since = kept_at(trace, key, binding)
            between = [write for write in writes if since < write.moment <= operation.moment]
            if between and not is_unbound(trace, binding, operation.moment):
                return (
                    binding,
                    f"the `.grad` of line {trace.line(operation.step)}",
                    between[0],
                    trace.line(operation.step),
                )
    return None


def is_unbound(trace: Trace, binding: Binding, moment: int) -> bool:
    """Whether the name stood for something else by then."""
    return any(
        other.name == binding.name and other.frame == binding.frame and binding.moment < other.moment <= moment
        for other in trace.bindings
    )


def line_at(trace: Trace, moment: int) -> int:
    """The line of the step that had begun by then."""
    at = bisect_right(trace.steps, moment, key=lambda step: step.moment) - 1
    return trace.steps[max(at, 0)].line


def kept(trace: Trace, key: str, binding: Binding, other: str, write: Write, used_line: int) -> Diagnosis:
    kept_line = line_at(trace, binding.moment)
    name = code(binding.name)
    return Diagnosis(
        rule="gradient-shared",
        severity="warning",
        title=f"{name} changed at the backward after it was kept",
        cause=(
            f"Line {kept_line} kept the gradient itself as {name}, not a copy. Backward on line {write.line} added to "
            f"it in place, so {name} and {other} are one tensor, and hold the sum."
        ),
        fix=f"Keep a copy on line {kept_line}: add `.clone()` to it.",
        lines=lines_of(kept_line, write.line, used_line),
        source=SOURCE,
        evidence={"tensor": key, "name": binding.name, "storage": write.storage},
        moment=write.moment,
        refs=ids(key, write.storage),
    )


def shared(trace: Trace, added: dict[str, list[Write]]) -> Iterator[Diagnosis]:
    """Leaves whose `.grad` is over one memory, to which more than one of them added."""
    having: defaultdict[str, dict[str, int]] = defaultdict(dict)  # storage → leaf → since when
    for key, tensor in trace.tensors.items():
        for turn in tensor.grads:
            storage = trace.tensors[turn.tensor].storage if turn.tensor else None
            if storage in added:
                having[storage].setdefault(key, turn.moment)
    for storage, leaves in having.items():
        if len(leaves) < 2:
            continue
        since = max(leaves.values())
        adding = {
            key
            for backward in trace.backwards
            for fired in backward.fired
            if fired.moment > since and trace.nodes[fired.node].name == ACCUMULATE
            for key in trace.nodes[fired.node].tensors
            if key in leaves
        }
        later = [write for write in added[storage] if write.moment > since]
        if len(adding) > 1 and later:
            yield of_leaves(trace, storage, list(leaves), line_at(trace, since), later[0])


def of_leaves(trace: Trace, storage: str, leaves: list[str], line: int, write: Write) -> Diagnosis:
    names = listed([trace.tensors[key].label for key in leaves])
    return Diagnosis(
        rule="gradient-shared",
        severity="warning",
        title=f"{names} share one `.grad`",
        cause=(
            f"Since line {line}, the `.grad` of {names} is one memory. Backward on line {write.line} added the "
            f"gradients of both to it, so neither is that of its own leaf."
        ),
        fix=f"Set a copy on line {line}: `.grad.clone()` of {called(trace, leaves[0])}.",
        lines=lines_of(line, write.line),
        source=SOURCE,
        evidence={"leaves": list(leaves), "storage": storage},
        moment=write.moment,
        refs=ids(*leaves, storage),
    )
