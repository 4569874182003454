"""`retain_graph=True`: the first backward then leaves the graph for the second."""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.backwards import calls
from app.explain.edits.nodes import with_keyword
from app.explain.edits.tree import Tree
from app.trace.model import Trace


def retain_graph(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """In the call that freed the graph."""
    step = diagnosis.evidence.get("first_step")
    for backward in trace.backwards:
        if backward.step == step:
            for call in calls(tree, trace, backward):
                yield Proposal(
                    title=f"Keep the graph: `retain_graph=True` on line {tree.line_of(call)}",
                    source=tree.with_changes({call: with_keyword(call, "retain_graph", "True")}),
                )
            return
