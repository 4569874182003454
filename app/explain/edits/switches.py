"""One word of a call for another: modes and settings that autograd can work with."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.no_grad import wrapped
from app.explain.edits.nodes import (
    assignment,
    is_name,
    keyword,
    method,
    method_name,
    owner_of_set,
    receiver,
    with_keyword,
)
from app.explain.edits.tree import Change, Tree, tree_of
from app.trace.model import Trace


def no_grad_for_inference(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`torch.no_grad()` in place of `torch.inference_mode()`."""
    changes: dict[cst.CSTNode, Change] = {
        node: node.with_changes(attr=cst.Name("no_grad"))
        for node in tree.own_of_all(cst.Attribute, "inference_mode")
        if node.attr.value == "inference_mode"
    }
    if changes:
        line = min(tree.line_of(node) for node in changes)
        yield Proposal(
            title=f"Use `no_grad` instead of `inference_mode` on line {line}", source=tree.with_changes(changes)
        )


def checkpoint_without_reentry(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`use_reentrant=False`: such a checkpoint needs no input that requires grad."""
    for call in tree.own_of_all(cst.Call, "checkpoint"):
        given = keyword(call, "use_reentrant")
        if method_name(call) in ("checkpoint", "checkpoint_sequential") and (given is None or _is_true(given.value)):
            yield Proposal(
                title=f"Checkpoint without re-entry: `use_reentrant=False` on line {tree.line_of(call)}",
                source=tree.with_changes({call: with_keyword(call, "use_reentrant", "False")}),
            )


def detach_for_off(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`y = y.detach()` for `y.requires_grad_(False)` and `y.requires_grad = False`."""
    for line in diagnosis.lines:
        for statement in tree.statements(line):
            target = _switched_off(statement)
            if target is not None and is_name(target):
                new = assignment(target, method(target, "detach"))
                yield Proposal(
                    title=f"Take it out of the graph on line {line}: `{tree.text(new)}`",
                    source=tree.with_changes({statement: new}),
                )


def no_grad_for_data(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`with torch.no_grad():` around a write, in place of `.data`: autograd then counts the write."""
    torch = tree.alias()
    for statement in tree.statements(diagnosis.lines[0]) if torch else ():
        taken = [node for node in tree.own(statement, cst.Attribute) if node.attr.value == "data"]
        if len(taken) != 1 or tree.whole_line(statement) is None:
            continue
        plain = tree_of(tree.with_changes({taken[0]: taken[0].value}))
        if plain is None:
            return
        for again in plain.statements(diagnosis.lines[0]):
            for proposal in wrapped(plain, trace, again, torch or "torch"):
                title = f"{proposal.title}, without `.data`"
                yield Proposal(title=title, source=proposal.source)


def _is_true(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Name) and node.value == "True"


def _switched_off(statement: cst.CSTNode) -> cst.BaseExpression | None:
    if isinstance(statement, cst.Expr) and method_name(statement.value) == "requires_grad_":
        return receiver(cst.ensure_type(statement.value, cst.Call))
    return owner_of_set(statement, "requires_grad")
