"""`y.retain_grad()` after `y` is made: backward then keeps its gradient."""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.backwards import bound
from app.explain.edits.tree import Tree
from app.trace.model import Trace


def retain_grad(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """After the statement that binds the tensor of the finding."""
    key = diagnosis.evidence.get("tensor")
    tensor = trace.tensors.get(key) if isinstance(key, str) else None
    if tensor is None or tensor.step is None:
        return
    line = trace.line(tensor.step)
    for statement in tree.statements(line):
        for target in bound(statement):
            name = tree.text(target)
            if name in tensor.names:
                yield Proposal(
                    title=f"Put `{name}.retain_grad()` after line {line}",
                    source=tree.with_changes(tree.after(statement, f"{name}.retain_grad()")),
                )
