"""Gradients cleared before the next backward adds to them."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.backwards import calls
from app.explain.edits.tree import Tree, is_name, method_name, receiver
from app.trace.model import Trace


def zero_grad(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`optimizer.zero_grad()` before the line of the last backward, for the optimizer that the run stepped with."""
    steppers = dict.fromkeys(
        tree.text(given)
        for operation in trace.operations
        for call in tree.at(trace, operation, cst.Call)
        if method_name(call) == "step" and (given := receiver(call)) is not None and is_name(given)
    )
    for statement in _statements(tree, trace):
        for name in steppers:
            yield Proposal(
                title=f"Put `{name}.zero_grad()` before line {tree.line_of(statement)}",
                source=tree.with_changes(tree.before(statement, f"{name}.zero_grad()")),
            )


def clear_grad(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`w.grad = None` before the line of the last backward, for leaves that are updated by hand."""
    written = {write.through for write in trace.writes}
    names = [
        tensor.name
        for key, tensor in trace.tensors.items()
        if key in written and tensor.is_leaf and tensor.requires_grad and tensor.name and tensor.name.isidentifier()
    ]
    cleared = " = ".join(f"{name}.grad" for name in names[:4]) + " = None"
    for statement in _statements(tree, trace) if names else ():
        yield Proposal(
            title=f"Put `{cleared}` before line {tree.line_of(statement)}",
            source=tree.with_changes(tree.before(statement, cleared)),
        )


def _statements(tree: Tree, trace: Trace) -> Iterator[cst.BaseSmallStatement]:
    """Where backward is called; of several, the last first."""
    seen = set()
    for backward in reversed(trace.backwards):
        for call in calls(tree, trace, backward):
            statement = tree.statement(call)
            if isinstance(statement, cst.BaseSmallStatement) and statement not in seen:
                seen.add(statement)
                yield statement
