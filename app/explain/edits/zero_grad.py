"""Gradients cleared before the next backward adds to them."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.backwards import calls
from app.explain.edits.nodes import is_name, method_name, receiver
from app.explain.edits.tree import Tree
from app.trace.model import Trace

MOST = 4  # leaves cleared in one line


def zero_grad(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`optimizer.zero_grad()` before the backward that the optimizer's step follows, or before another."""
    steps: dict[str, int] = {}
    for operation in trace.operations:
        for call in tree.at(trace, operation, cst.Call):
            if method_name(call) == "step" and (given := receiver(call)) is not None and is_name(given):
                steps[tree.text(given)] = tree.line_of(call)
    for name, line in steps.items():
        # the nearest backward above the step first
        statements = sorted(_statements(tree, trace), key=lambda each: (tree.line_of(each) > line, -tree.line_of(each)))
        for statement in statements:
            yield _cleared(tree, statement, f"{name}.zero_grad()")


def clear_grad(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`w.grad = None`, or `net.zero_grad()`, before the last backward, for leaves that are updated by hand."""
    leaves = diagnosis.evidence.get("leaves")
    keys = leaves if isinstance(leaves, list) else [write.through for write in trace.writes]
    names = dict.fromkeys(
        tensor.name
        for key in keys
        if isinstance(key, str) and (tensor := trace.tensors[key]).is_leaf and tensor.requires_grad and tensor.name
    )
    alone = [name for name in names if name.isidentifier()][:MOST]
    modules = {name.partition(".")[0] for name in names if "." in name}
    cleared = " = ".join(f"{name}.grad" for name in alone) + " = None" if alone else ""
    if not alone and len(modules) == 1:
        cleared = f"{modules.pop()}.zero_grad()"
    for statement in _statements(tree, trace) if cleared else ():
        yield _cleared(tree, statement, cleared)


def _cleared(tree: Tree, statement: cst.BaseSmallStatement, text: str) -> Proposal:
    return Proposal(
        title=f"Put `{text}` before line {tree.line_of(statement)}",
        source=tree.with_changes(tree.before(statement, text)),
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
