"""A write, or an optimizer's step, moved behind the backward that needs what was there before."""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.backwards import calls
from app.explain.edits.tree import Tree
from app.trace.model import Trace


def move_after_backward(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """The line of the write, below the line of the backward, where both stand in one block."""
    written = diagnosis.lines[0]
    lines = [line for each in tree.statements(written) if (line := tree.whole_line(each)) is not None]
    moved = next(iter(lines), None)
    for backward in reversed(trace.backwards):
        if trace.line(backward.step) not in diagnosis.lines or moved is None:
            continue
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
