"""Optimizers that were given nothing to optimize, or something else than parameters."""

from app.explain.errors.explanation import Explanation, Failure, code


def explain(failure: Failure) -> Explanation | None:
    """By torch's text; what is handed to an optimizer is no tensor."""
    message, line = failure.message, failure.line
    at = f"Line {line}, {code(failure.text.strip())},"
    if "optimizer got an empty parameter list" in message:
        return failure.explained(
            "optimizer",
            "The optimizer was given no parameters",
            f"{at} hands over a list or generator with nothing in it.",
            "`parameters()` is a generator and gives each only once: call it again, or make a list of it. Are the "
            "layers "
            "attributes of the module, or in an `nn.ModuleList`?",
        )
    if failure.error.type == "TypeError" and (
        "optimizer can only optimize" in message or "params argument given to" in message
    ):
        return failure.explained(
            "optimizer",
            "The optimizer was given something else than parameters",
            f"{at} hands over what is no list of tensors. torch says: {failure.said}.",
            "Write `model.parameters()`, or a list: `[w]`.",
        )
    if failure.error.type == "TypeError" and "object is not iterable" in message and "optim" in failure.text:
        return failure.explained(
            "optimizer",
            "`parameters` was not called"
            if "'method'" in message
            else "The optimizer was given the model, not its parameters",
            f"{at} hands over a single thing where a list of tensors is wanted.",
            "Write `model.parameters()`.",
        )
    if failure.error.type == "ValueError" and message.startswith("Invalid ") and "optim" in failure.text:
        return failure.explained(
            "optimizer",
            "A setting of the optimizer is out of range",
            f"{at} sets a number that the optimizer does not take. torch says: {failure.said}.",
            "Learning rates are positive; momentum and betas are from 0 to below 1.",
        )
    return None
