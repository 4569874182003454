"""Devices: there is a CPU here, and tensors without memory."""

from app.explain.errors.explanation import Explanation, Failure
from app.explain.facts import listed

_NONE_SUCH = (
    "not compiled with CUDA",
    "No CUDA GPUs",
    "CUDA driver",
    "not linked with support for",
    "not built with",
    "mps",
)
_META = (
    "meta tensor",
    "on device meta",
    "device meta",
    "meta and cpu",
    "Meta tensors",
    "meta device",
    "'Meta'",
    '"Meta"',
)


def explain(failure: Failure) -> Explanation | None:
    """By torch's text: the snippet's tensors tell nothing of devices that are not there."""
    if any(words in failure.message for words in _NONE_SUCH):
        return failure.explained(
            "device",
            "There is no such device here",
            f"{failure.written} on line {failure.line} asks for a device that this torch was not built for. "
            "Snippets run on a "
            "CPU here.",
            "Leave the device out. In a program of your own: "
            '`device = "cuda" if torch.cuda.is_available() else "cpu"`.',
        )
    if any(words in failure.message for words in _META):
        names = [tensor.label for tensor in failure.tensors if tensor.storage is None]
        return failure.explained(
            "device",
            "A tensor on the device `meta` has no values",
            f"{failure.written} on line {failure.line} needs values"
            + (f" of {listed(names)}" if names else "")
            + ". A tensor on `meta` has a shape and a dtype and no memory.",
            "Make it on the CPU, or fill an empty one there: `torch.empty_like(t, device='cpu')`.",
        )
    if "Expected all tensors to be on the same device" in failure.message:
        return failure.explained(
            "device",
            "The tensors are on different devices",
            f"{failure.written} on line {failure.line} takes tensors from different devices, and does not move them.",
            "`.to(device)` on the one that is in the wrong place.",
        )
    return None
