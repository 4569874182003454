"""Losses: targets whose shape, dtype or values do not go with the predictions."""

from app.explain.errors.explanation import Explanation, Failure, shape
from app.trace.model import Tensor

_OF_CLASSES = frozenset(["cross_entropy", "nll_loss"])
_ELEMENTWISE = frozenset(
    [
        "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "kl_div",
        "binary_cross_entropy_with_logits", "soft_margin_loss", "poisson_nll_loss", "gaussian_nll_loss",
    ]
)  # fmt: skip
_INTEGERS = frozenset(["int64", "uint8", "int32", "int16", "int8", "bool"])


def explain(failure: Failure) -> Explanation | None:
    """By shapes and dtypes of predictions and targets, in the order in which a loss takes them."""
    if failure.op not in _OF_CLASSES | _ELEMENTWISE or len(failure.tensors) < 2:
        return None
    scores, target = failure.tensors[:2]
    if failure.op in _ELEMENTWISE:
        return _elementwise(failure, scores, target)
    return _of_classes(failure, scores, target)


def _elementwise(failure: Failure, scores: Tensor, target: Tensor) -> Explanation | None:
    if scores.shape == target.shape:
        if scores.dtype != target.dtype:
            return failure.explained(
                "loss",
                f"{failure.name(1)} is of `{target.dtype}`, and predictions are of `{scores.dtype}`",
                f"{failure.written} on line {failure.line} compares {failure.typed(0)} with {failure.typed(1)}.",
                "`.float()` on the targets makes numbers of them that can be compared.",
            )
        return None
    squeezed = [size for size in scores.shape if size != 1] == [size for size in target.shape if size != 1]
    return failure.explained(
        "loss",
        f"{failure.name(0)} and {failure.name(1)} do not have the same shape",
        f"{failure.written} on line {failure.line} compares {failure.shaped(0)} with {failure.shaped(1)}, element "
        "by element.",
        f"They differ by dimensions of size 1 alone: `.view_as` or `.squeeze(-1)` on {failure.name(0)} makes them "
        "alike."
        if squeezed
        else "Each prediction needs one target. Look at which dimension of the two is the batch.",
    )


def _of_classes(failure: Failure, scores: Tensor, target: Tensor) -> Explanation | None:
    batch = scores.shape[0] if len(scores.shape) > 1 else 1
    classes = scores.shape[1] if len(scores.shape) > 1 else scores.shape[0] if scores.shape else 0
    wanted = f"`[{batch}]`" if len(scores.shape) <= 2 else shape((batch, *scores.shape[2:]))
    if "out of bounds" in failure.message:
        return failure.explained(
            "loss",
            f"A class in {failure.name(1)} is not among the {classes}",
            f"{failure.written} on line {failure.line} takes {failure.shaped(0)}: {classes} scores for each "
            "sample. Targets "
            f"are therefore numbers from 0 to {classes - 1}. torch says: {failure.said}.",
            "Classes are counted from 0. The last layer gives one score for each class: is it large enough?",
        )
    if target.shape != scores.shape and target.dtype not in _INTEGERS and target.shape == (batch,):
        return failure.explained(
            "loss",
            f"{failure.name(1)} is of `{target.dtype}`, and class numbers are integers",
            f"{failure.written} on line {failure.line} takes the number of a class for each sample. "
            f"{failure.typed(1)} holds "
            "other numbers.",
            f"`.long()` on {failure.name(1)} makes class numbers of it. A target of the shape "
            f"{shape(scores.shape)} may hold "
            "probabilities instead.",
        )
    if target.shape == scores.shape and target.dtype in _INTEGERS:
        return failure.explained(
            "loss",
            f"{failure.name(1)} has a number for each class, and they are integers",
            f"{failure.written} on line {failure.line}: targets of the shape of the scores, {shape(scores.shape)}, "
            "are read as "
            f"probabilities, so they must be floating. {failure.name(1)} is of `{target.dtype}`.",
            f"`.float()` makes probabilities of them; `.argmax(1)` makes class numbers of the shape {wanted}.",
        )
    return failure.explained(
        "loss",
        f"{failure.name(1)} does not have a target for each sample",
        f"{failure.written} on line {failure.line} takes scores, here {failure.shaped(0)}, and a class number for "
        "each sample: "
        f"the shape {wanted}. It was handed {failure.shaped(1)}.",
        f"Targets are class numbers of the shape {wanted}, or probabilities of the shape {shape(scores.shape)}.",
    )
