"""`create_graph=True`: the gradient then has a graph of its own, and can be differentiated again."""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.backwards import calls
from app.explain.edits.nodes import with_keyword
from app.explain.edits.tree import Tree
from app.trace.model import Trace


def create_graph(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """In the latest call that made gradients without one, on a line of the finding first."""
    plain = [each for each in trace.backwards if not each.creates_graph and not each.raised]
    plain.sort(key=lambda each: (trace.line(each.step) not in diagnosis.lines, -each.step))
    seen = set()
    for backward in plain:
        for call in calls(tree, trace, backward):
            if call not in seen:
                seen.add(call)
                yield Proposal(
                    title=f"Record the gradient: `create_graph=True` on line {tree.line_of(call)}",
                    source=tree.with_changes({call: with_keyword(call, "create_graph", "True")}),
                )
