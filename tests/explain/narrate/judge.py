"""What plain torch says at each line of a program: versions, memory, and which tensors share a counter."""

import warnings
from contextlib import redirect_stdout
from io import StringIO

import torch
from msgspec import Struct

from app.worker.instrument import compile_with_calls
from app.worker.steps import calls_to

_PROBE = 1_000


class Seen(Struct, frozen=True):
    """A tensor as a name showed it."""

    version: int | None
    memory: int
    counter: int  # a number for each group of names that count together


def states(source: str) -> list[dict[str, Seen]]:
    """What each name stood for before each line that ran, and at the end. Top level only."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    found: list[dict[str, Seen]] = []

    def line(_: int) -> None:
        found.append(_look(namespace))

    with (
        warnings.catch_warnings(record=True),
        redirect_stdout(StringIO()),
        calls_to(line, lambda: None, lambda *_: None, lambda _: None, lambda: None),
    ):
        warnings.simplefilter("default")  # as in a fresh interpreter
        try:
            exec(compile_with_calls(source), namespace)  # noqa: S102  # a snippet is there to be run
        except Exception as error:  # noqa: BLE001  # how it ends is no matter here
            del error
        finally:
            torch.set_grad_enabled(True)
    return [*found, _look(namespace)]


def _look(namespace: dict[str, object]) -> dict[str, Seen]:
    tensors = {name: value for name, value in namespace.items() if isinstance(value, torch.Tensor)}
    counted = {name: tensor for name, tensor in tensors.items() if _version(tensor) is not None}
    groups: dict[str, int] = {}
    for number, (name, tensor) in enumerate(counted.items()):
        if name in groups:
            continue
        before = {other: one._version for other, one in counted.items()}
        _set(tensor, before[name] + _PROBE)
        groups |= {other: number for other, one in counted.items() if one._version >= _PROBE and other not in groups}
        _set(tensor, before[name])
    return {
        name: Seen(
            version=_version(tensor),
            memory=tensor.untyped_storage().data_ptr(),
            counter=groups.get(name, -1),
        )
        for name, tensor in tensors.items()
    }


def _version(tensor: torch.Tensor) -> int | None:
    try:
        return tensor._version
    except RuntimeError:  # it was made in inference mode
        return None


def _set(tensor: torch.Tensor, version: int) -> None:
    torch._C._autograd._unsafe_set_version_counter((tensor,), (version,))
