"""A single number to start backward from, or a gradient in the shape of what it starts from."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.backwards import calls_of, root_of
from app.explain.edits.nodes import is_name, method, method_name, with_keyword
from app.explain.edits.tree import Tree
from app.trace.model import Trace


def scalar_root(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`y.sum().backward()`, or `y.backward(gradient=torch.ones_like(y))`."""
    for operation in trace.operations:
        if not operation.raised or operation.op not in ("backward", "grad"):
            continue
        for call in calls_of(tree, trace, operation):
            root = root_of(tree, call)
            if root is None or isinstance(root, cst.List | cst.Tuple):
                continue
            line, shown, torch = tree.line_of(call), tree.text(root), tree.alias()
            if (
                method_name(call) == "backward"
                and call.args
                and call.args[0].keyword is None
                and torch
                and is_name(root)
            ):
                given = cst.parse_expression(f"{torch}.ones_like({shown})")
                yield Proposal(
                    title=f"Give a gradient of its shape on line {line}: `{torch}.ones_like({shown})`",
                    source=tree.with_changes({call.args[0].value: given}),
                )
                continue
            summed = method(root, "sum")
            yield Proposal(
                title=f"Start from the sum on line {line}: `{tree.text(summed)}`",
                source=tree.with_changes({root: summed}),
            )
            if torch is None or not is_name(root):
                continue  # a long expression would be computed twice
            name = "grad_outputs" if method_name(call) == "grad" else "gradient"
            if name == "gradient" and root is not _receiver(call):
                name = "grad_tensors"
            yield Proposal(
                title=f"Give a gradient on line {line}: `{name}={torch}.ones_like({shown})`",
                source=tree.with_changes({call: with_keyword(call, name, f"{torch}.ones_like({shown})")}),
            )


def _receiver(call: cst.Call) -> cst.BaseExpression | None:
    return call.func.value if isinstance(call.func, cst.Attribute) else None
