"""`allow_unused=True`: None for an input that the output does not depend on."""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.backwards import calls
from app.explain.edits.nodes import with_keyword
from app.explain.edits.tree import Tree
from app.trace.model import Trace


def allow_unused(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """In the call that torch refused."""
    for backward in trace.backwards:
        if backward.raised and backward.call == "grad" and trace.line(backward.step) in diagnosis.lines:
            for call in calls(tree, trace, backward):
                yield Proposal(
                    title=f"Take None for it: `allow_unused=True` on line {tree.line_of(call)}",
                    source=tree.with_changes({call: with_keyword(call, "allow_unused", "True")}),
                )
