"""A copy of what is kept for later: it then no longer follows the tensor that goes on changing."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import method, method_name
from app.explain.edits.tree import Tree
from app.trace.model import Trace

_SHARING = ("detach", "view", "reshape", "numpy", "t", "flatten", "squeeze", "unsqueeze", "expand", "expand_as")


def keep_copy(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`.clone()` after `w.grad`, `w.data`, `w.detach()` or a view on a line of the finding."""
    for line in diagnosis.lines:
        for statement in tree.statements(line):
            for call in tree.own(statement, cst.Call):
                if method_name(call) == "state_dict":
                    shown = tree.text(call)
                    copied = cst.parse_expression(f"{{name: value.clone() for name, value in {shown}.items()}}")
                    yield Proposal(
                        title=f"Keep copies of what is in `{shown}` on line {line}",
                        source=tree.with_changes({call: copied}),
                    )
            for value in _kept(statement):
                if not _shares(value):
                    continue
                new = method(value, "copy" if method_name(value) == "numpy" else "clone")
                yield Proposal(
                    title=f"Keep a copy on line {line}: `{tree.text(new)}`", source=tree.with_changes({value: new})
                )


def _kept(statement: cst.CSTNode) -> Iterator[cst.BaseExpression]:
    """What a statement binds to a name, or appends to a list."""
    if isinstance(statement, cst.Assign):
        yield statement.value
        if isinstance(statement.value, cst.ListComp):
            yield statement.value.elt
        elif isinstance(statement.value, cst.DictComp):
            yield statement.value.value
    elif isinstance(statement, cst.Expr) and method_name(statement.value) == "append":
        yield from (each.value for each in cst.ensure_type(statement.value, cst.Call).args)


def _shares(value: cst.BaseExpression) -> bool:
    if isinstance(value, cst.Attribute):
        return value.attr.value in ("grad", "data", "T", "mT")
    return method_name(value) in _SHARING
