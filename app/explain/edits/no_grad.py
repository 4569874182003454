"""`with torch.no_grad():` around an update by hand: it is then not recorded."""

from collections.abc import Iterator, Sequence

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import method_name, receiver
from app.explain.edits.tree import Line, Statement, Tree
from app.explain.edits.writes import places
from app.trace.model import Trace


def no_grad(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """Around the write that torch refused, and those of other leaves right after it."""
    torch = tree.alias()
    for operation in reversed(trace.operations):
        if not operation.raised or trace.line(operation.step) not in diagnosis.lines or torch is None:
            continue
        found = [place.statement for place in places(tree, trace, operation)]
        found = found or [each for each in tree.statements(trace.line(operation.step)) if isinstance(each, cst.Expr)]
        for statement in found:
            if isinstance(statement, cst.AugAssign | cst.Expr | cst.Assign):
                yield from wrapped(tree, trace, statement, torch)
        return


def wrapped(tree: Tree, trace: Trace, statement: Statement, torch: str) -> Iterator[Proposal]:
    """`statement`, and the updates of leaves that follow it, under `no_grad`."""
    line = tree.whole_line(statement)
    if line is None:
        return  # it shares its line with others
    lines = [line, *_following(tree, trace, statement)]
    first, last = tree.line_of(lines[0]), tree.line_of(lines[-1])
    where = f"line {first}" if first == last else f"lines {first} to {last}"
    yield Proposal(
        title=f"Put {where} under `with {torch}.no_grad():`",
        source=tree.with_changes(tree.under(f"with {torch}.no_grad():", lines)),
    )


def _following(tree: Tree, trace: Trace, statement: Statement) -> Sequence[Line]:
    leaves = {name for each in trace.tensors.values() if each.is_leaf and each.requires_grad for name in each.names}
    block = list(tree.block(statement))
    start = block.index(tree.whole_line(statement)) + 1  # type: ignore[arg-type]  # it has a line of its own
    found: list[Line] = []
    for line in block[start:]:
        if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
            break
        target = _written(line.body[0])
        if target is None or tree.text(target) not in leaves:
            break
        found.append(line)
    return found


def _written(small: cst.BaseSmallStatement) -> cst.CSTNode | None:
    if isinstance(small, cst.AugAssign):
        return small.target
    if isinstance(small, cst.Expr) and isinstance(small.value, cst.Call):
        name = method_name(small.value) or ""
        return receiver(small.value) if name.endswith("_") and not name.endswith("__") else None
    return None
