"""Normalisation layers that were made for another number of features."""

import re

from app.explain.errors.explanation import Explanation, Failure, code, shape

_DIMENSIONS = re.compile(r"^expected (\d)D(?: or \dD)? input \(got (\d)D input\)")


def explain(failure: Failure) -> Explanation | None:
    """By the shape of what was handed over, and of what the layer keeps."""
    dimensions = _DIMENSIONS.search(failure.message)
    if dimensions and failure.operation is None:
        wanted, got = dimensions.groups()
        return failure.explained(
            "normalisation",
            f"The input has {got} dimensions, and the layer takes {wanted}",
            f"Line {failure.line}, {code(failure.text.strip())}, hands an input of {got} dimensions to a layer for "
            f"{wanted}.",
            "`BatchNorm1d` takes batch and features, `BatchNorm2d` pictures: batch, channels, height, width.",
        )
    if len(failure.tensors) < 2:
        return None
    given, kept = failure.tensors[0].shape, failure.tensors[1].shape
    if failure.op in ("layer_norm", "rms_norm") and given[-len(kept) :] != kept:
        return failure.explained(
            "normalisation",
            f"{failure.name(0)} does not end in {shape(kept)}",
            f"{failure.written} on line {failure.line} normalises over the last dimensions, which must be "
            f"{shape(kept)}. "
            f"It was handed {failure.shaped(0)}.",
            f"Make the layer with {shape(given[-len(kept) :])}, or look at which dimension holds the features.",
        )
    if failure.op in ("batch_norm", "instance_norm", "group_norm") and len(given) > 1 and kept and given[1] != kept[0]:
        return failure.explained(
            "normalisation",
            f"{failure.name(0)} has {given[1]} features, and the layer keeps {kept[0]}",
            f"{failure.written} on line {failure.line} normalises each feature, which stand in dimension 1. "
            f"{failure.shaped(0)} has {given[1]} of them; the layer was made for {kept[0]}.",
            f"Make the layer with `{given[1]}`, or look at which dimension holds the features.",
        )
    if failure.op == "batch_norm" and "more than 1 value per channel" in failure.message:
        return failure.explained(
            "normalisation",
            "One value has no spread",
            f"{failure.written} on line {failure.line} works out mean and variance of each feature over the batch. "
            f"{failure.shaped(0)} has one value for each.",
            "Use a larger batch, or call `.eval()` on the model to normalise by what it has kept.",
        )
    return None
