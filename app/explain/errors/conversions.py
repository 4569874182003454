"""Tensors taken for one number or one truth value, and lists that are no tensor."""

import re

from app.explain.errors.explanation import Explanation, Failure, code

_MAKES_A_LOSS = re.compile(r"\b\w+Loss\([^)]")


def explain(failure: Failure) -> Explanation | None:
    """By the operator, and by how many elements it took."""
    if failure.op == "__bool__" and failure.tensors and _MAKES_A_LOSS.search(failure.text):
        return failure.explained(
            "conversion",
            "A loss is made first, and called then",
            f"Line {failure.line}, {code(failure.text.strip())}, hands tensors over where the loss is made. There "
            "it takes "
            "settings.",
            "Write `nn.MSELoss()(prediction, target)`, or `F.mse_loss(prediction, target)`.",
        )
    if failure.op == "__bool__" and failure.tensors:
        return failure.explained(
            "conversion",
            f"{failure.name(0)} is many truth values, not one",
            f"Line {failure.line} takes {failure.shaped(0)} for true or false. Each of its elements has an answer "
            "of its own.",
            "`.any()` or `.all()` makes one of them. `torch.where` chooses element by element.",
        )
    if failure.op in ("item", "__float__", "__int__", "__index__", "__complex__") and failure.tensors:
        return failure.explained(
            "conversion",
            f"{failure.name(0)} is not one number",
            f"{failure.written} on line {failure.line} makes a Python number of {failure.shaped(0)}. Only a tensor "
            "with one "
            "element is one.",
            "`.tolist()` gives all of them; `.sum()` or an index gives one.",
        )
    if failure.op in ("tensor", "as_tensor", "asarray") and not failure.tensors:
        ragged = "expected sequence of length" in failure.message
        return failure.explained(
            "conversion",
            "These lists are not of one length" if ragged else "This is no table of numbers",
            f"{failure.written} on line {failure.line} makes a tensor of it. "
            + ("In a tensor every row has as many elements." if ragged else "A tensor holds numbers, nothing else."),
            "Fill the shorter rows up, or keep a list of tensors." if ragged else "Convert it to numbers first.",
        )
    if failure.error.type == "ValueError" and "values to unpack" in failure.message:
        return failure.explained(
            "conversion",
            "There are not as many values as names",
            f"Line {failure.line}, {failure.written}, takes a value apart into names. Python says: {failure.said}.",
            "A tensor is taken apart along its first dimension. Print its `.shape`.",
        )
    return None
