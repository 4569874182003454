"""The forward run again before a second backward: each then has a graph of its own."""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.backwards import bound, calls
from app.explain.edits.tree import Change, Line, Statement, Tree
from app.explain.facts import makers, upstream
from app.trace.model import Backward, Trace

MOST = 4  # lines that are worth repeating


def forward_again(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """The lines that made what the last backward of the finding starts from, copied before it."""
    last = next((each for each in reversed(trace.backwards) if trace.line(each.step) in diagnosis.lines), None)
    if last is None:
        return
    for call in calls(tree, trace, last):
        statement = tree.statement(call)
        line = tree.whole_line(statement)
        copies = _forward(tree, trace, last, statement)
        if line is not None and _is_repeated(trace, last):
            # what stands in the loop is run again anyway, and before it, what does not
            inside = [each for each in copies if each in tree.block(statement)]
            copies = [each for each in copies if each not in inside]
            line = next(iter(inside), line)
        if line is None or not copies or len(copies) > MOST:
            return
        numbers = [str(tree.line_of(each)) for each in copies]
        where = f"line {numbers[0]}" if len(numbers) == 1 else f"lines {', '.join(numbers[:-1])} and {numbers[-1]}"
        first, *others = (*copies, line)
        bare = [each.with_changes(leading_lines=()) for each in others]
        changes: dict[object, Change] = {line: (first.with_changes(leading_lines=line.leading_lines), *bare)}
        yield Proposal(
            title=f"Repeat {where} before line {tree.line_of(line)}",
            source=tree.with_changes(changes),  # type: ignore[arg-type]  # a line is a node
        )
        return


def _is_repeated(trace: Trace, backward: Backward) -> bool:
    """Whether the backward before it was called on the same line."""
    line = trace.line(backward.step)
    return sum(trace.line(each.step) == line for each in trace.backwards) > 1


def _forward(tree: Tree, trace: Trace, backward: Backward, statement: Statement) -> list[Line]:
    """The statements, in order, that recorded what `backward` goes through: those that only bind a name."""
    above = upstream(makers(trace), backward.roots)
    lines = sorted(
        {
            trace.line(tensor.step)
            for key in above
            if (tensor := trace.tensors[key]).step is not None and tensor.node is not None and not tensor.is_leaf
        }
    )
    found: list[Line] = []
    for number in lines:
        for each in tree.statements(number):
            line = tree.whole_line(each)
            if each is not statement and line is not None and list(bound(each)):
                found.append(line)
    return found
