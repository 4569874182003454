"""The line that turns `requires_grad` on, moved above the line that computes with the leaf."""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.tree import Line, Statement, Tree
from app.trace.model import Trace


def require_earlier(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`w.requires_grad_()`, or the loop that does it for all parameters, before `y = w * 2`."""
    if not diagnosis.evidence.get("late"):
        return
    told, used = diagnosis.lines[:2]
    for late in _lines(tree, told):
        for first in _lines(tree, used):
            block = list(tree.block(_statement(late)))
            if late in block and first in block and block.index(first) < block.index(late):
                yield Proposal(
                    title=f"Move line {tree.line_of(late)} above line {tree.line_of(first)}",
                    source=tree.with_changes({late: None, first: (late, first)}),
                )
                return


def _lines(tree: Tree, line: int) -> Iterator[Line]:
    """The line itself, and the loops and the like around it, inside out."""
    for statement in tree.statements(line):
        for each in (statement, *tree.around(statement)):
            if isinstance(each, Line):
                yield each
        return


def _statement(line: Line) -> Statement:
    return line if isinstance(line, Statement) else line.body[0]
