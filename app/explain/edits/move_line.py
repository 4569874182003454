"""A line moved to where it helps: a write behind backward, `zero_grad()` behind the step, `requires_grad_()` up."""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.backwards import calls
from app.explain.edits.tree import Tree
from app.trace.model import Backward, Trace


def move_after_backward(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """The line of the write, below the line of the backward, where both stand in one block.

    Not where what was written is read before: it was meant to take part.
    """
    written = diagnosis.lines[0]
    lines = [line for each in tree.statements(written) if (line := tree.whole_line(each)) is not None]
    moved = next(iter(lines), None)
    for backward in reversed(trace.backwards):
        if trace.line(backward.step) not in diagnosis.lines or moved is None:
            continue
        if _is_read(trace, written, backward):
            return
        for call in calls(tree, trace, backward):
            statement = tree.statement(call)
            line, block = tree.whole_line(statement), list(tree.block(statement))
            if line is None or moved not in block or block.index(moved) >= block.index(line):
                continue
            yield Proposal(
                title=f"Move line {written} below line {tree.line_of(line)}",
                source=tree.with_changes({moved: None, line: (line, moved)}),
            )
            return


def clear_after_step(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """The line that cleared the gradients, or its loop, below that of the step which found none."""
    pair = tree.beside(*diagnosis.lines[:2]) if diagnosis.evidence.get("cleared") else None
    if pair is not None and tree.line_of(pair[0]) < tree.line_of(pair[1]):
        cleared, step = pair
        yield Proposal(
            title=f"Move line {tree.line_of(cleared)} below line {tree.line_of(step)}",
            source=tree.with_changes({cleared: None, step: (step, cleared)}),
        )


def require_earlier(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`w.requires_grad_()`, or the loop that does it for all parameters, above the line that computes with the leaf."""
    pair = tree.beside(*diagnosis.lines[:2]) if diagnosis.evidence.get("late") else None
    if pair is not None and tree.line_of(pair[0]) > tree.line_of(pair[1]):
        told, used = pair
        yield Proposal(
            title=f"Move line {tree.line_of(told)} above line {tree.line_of(used)}",
            source=tree.with_changes({told: None, used: (told, used)}),
        )


def _is_read(trace: Trace, line: int, backward: Backward) -> bool:
    """Whether an operator took memory that was written on `line` between that and `backward`."""
    writes = [write for write in trace.writes if write.line == line and write.step <= backward.step]
    storages = {write.storage for write in writes}
    first = min((write.step for write in writes), default=backward.step)
    return any(
        first <= operation.step <= backward.step
        and trace.line(operation.step) != line
        and operation.op not in ("backward", "grad", "detach", ".data")
        and any(trace.tensors[key].storage in storages for key in operation.inputs)
        for operation in trace.operations
    )
