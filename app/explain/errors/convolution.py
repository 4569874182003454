"""Convolution and pooling: channels, dimensions, and kernels larger than what they slide over."""

import re

from app.explain.errors.explanation import Explanation, Failure, shape

_CONVOLUTIONS = re.compile(r"conv(_transpose)?([123])d$")
_POOLS = re.compile(r"(?:max|avg|lp|adaptive_max|adaptive_avg)_pool([123])d")
_TOO_SMALL = ("Kernel size can't be greater", "Output size is too small", "output size is too small")


def explain(failure: Failure) -> Explanation | None:
    """By the dimensions and channels of what was handed over, and of the weight."""
    convolution, pool = _CONVOLUTIONS.match(failure.op), _POOLS.match(failure.op)
    if not failure.tensors or not (convolution or pool):
        return None
    given = failure.tensors[0].shape
    spatial = int(convolution[2] if convolution else pool[1] if pool else 0)
    kind = "convolution" if convolution else "pooling"
    if len(given) not in (spatial + 1, spatial + 2):
        axes = {1: "length", 2: "height and width", 3: "depth, height and width"}[spatial]
        return failure.explained(
            kind,
            f"{failure.name(0)} has {len(given)} dimensions, and `{failure.op}` takes {spatial + 2}",
            f"{failure.written} on line {failure.line} takes batch, channels, {axes}; without a batch one "
            "dimension less. "
            f"It was handed {failure.shaped(0)}.",
            "`.unsqueeze(0)` adds a dimension of size 1 in front: once for channels, once more for the batch.",
        )
    if any(words in failure.message for words in _TOO_SMALL):
        return failure.explained(
            kind,
            f"{failure.name(0)} is smaller than the kernel",
            f"{failure.written} on line {failure.line} slides a kernel over {failure.shaped(0)}, and the kernel "
            "does not "
            "fit into it even once.",
            "Use a smaller kernel or `padding=`, or fewer layers that shrink the picture before this one.",
        )
    if not convolution or len(failure.tensors) < 2 or failure.tensors[0].dtype != failure.tensors[1].dtype:
        return None
    return _of_channels(failure, spatial, transposed=bool(convolution[1]))


def _channels(count: int) -> str:
    return f"{count} channel{'' if count == 1 else 's'}"


def _of_channels(failure: Failure, spatial: int, *, transposed: bool) -> Explanation | None:
    given, weight = failure.tensors[0].shape, failure.tensors[1].shape
    channels = given[-spatial - 1]
    said = re.search(r"to have (\d{1,19}) channels", failure.message)
    wanted = int(said[1]) if said else weight[0 if transposed else 1]
    if channels == wanted:
        return None
    last = len(given) > 1 and given[-1] == wanted
    return failure.explained(
        "convolution",
        f"{failure.name(0)} has {_channels(channels)}, and the layer takes {wanted}",
        f"{failure.written} on line {failure.line} takes {wanted} channels, by its weight of shape {shape(weight)}. "
        f"{failure.shaped(0)} has {channels} where channels stand, in dimension {-spatial - 1}.",
        "Here the channels stand last. `.movedim(-1, 1)` brings them to where torch has them."
        if last
        else f"Make the layer with `in_channels={channels}`, or hand it something with {wanted} channels.",
    )
