"""`.detach()` in place of `.data`: the write is then counted, and backward refuses what it would get wrong."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import call_for
from app.explain.edits.tree import Tree
from app.explain.facts import made_by
from app.trace.model import Trace


def detach_for_data(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """On the line where what was written through was taken from `.data`."""
    through = diagnosis.evidence.get("through")
    chain = {key for key, _ in made_by(trace, through)} if isinstance(through, str) else set()
    for operation in trace.operations:
        if operation.op != ".data" or chain.isdisjoint(operation.outputs):
            continue
        for node in tree.at(trace, operation, cst.Attribute):
            if isinstance(tree.parent(node), cst.AugAssign):
                continue  # no call can be assigned to
            yield Proposal(
                title=f"Use `.detach()` instead of `.data` on line {tree.line_of(node)}",
                source=tree.with_changes({node: call_for(node, "detach")}),
            )
