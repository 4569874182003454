"""`h = h.detach()` between two passes: the state is carried on without the graph of the pass before."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.backwards import bound
from app.explain.edits.tree import Tree
from app.trace.model import Trace


def detach_state(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """After the line of backward in the loop, for each variable that one pass left to the next."""
    for backward in trace.backwards:
        for statement in tree.statements(trace.line(backward.step)):
            loop = next((each for each in tree.around(statement) if isinstance(each, cst.For | cst.While)), None)
            if loop is None or not isinstance(statement, cst.BaseSmallStatement):
                continue
            names = _carried(tree, trace, loop)
            for name in names[:2]:
                yield Proposal(
                    title=f"Put `{name} = {name}.detach()` after line {tree.line_of(statement)}",
                    source=tree.with_changes(tree.after(statement, f"{name} = {name}.detach()")),
                )
            if names:
                return


def _carried(tree: Tree, trace: Trace, loop: cst.For | cst.While) -> list[str]:
    """The variables bound in `loop` whose tensor, with a graph, an operator of a later pass took."""
    found: dict[str, None] = {}
    bound_in = {tree.text(target) for each in tree.inside(loop) for target in bound(each)}
    passes = [at for at, step in enumerate(trace.steps) if step.line == tree.line_of(loop)]
    for operation in trace.operations:
        for key in operation.inputs:
            tensor = trace.tensors[key]
            if tensor.node is None or tensor.is_leaf or tensor.step is None:
                continue
            if any(tensor.step < at <= operation.step for at in passes):
                found.update(dict.fromkeys(name for name in tensor.names if name in bound_in))
    return list(found)
