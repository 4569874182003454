"""The tracer that one writes first: `sys.settrace` for lines, a TorchDispatchMode for operators.

It keeps far less than Tapescope does: no storages, no counters' groups, no graph, no saved tensors, no
gradients, no names. It is here to be slower all the same.
"""

import sys
from types import CodeType, FrameType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

Versions = tuple[tuple[tuple[int, ...], int], ...]


class Naive(TorchDispatchMode):
    """Lines in order; of every aten operator its name and the shapes and versions of what went in and came out."""

    def __init__(self, code: CodeType) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._code = code
        self.lines: list[int] = []
        self.operators: list[tuple[str, Versions, Versions]] = []

    def run(self, namespace: dict[str, object]) -> None:
        """Run the code in `namespace`, traced."""
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            with self:
                exec(self._code, namespace)  # noqa: S102  # our own snippet
        finally:
            sys.settrace(before)

    def _called(self, frame: FrameType, _event: str, _argument: object) -> Any:
        return self._line if frame.f_code.co_filename == self._code.co_filename else None

    def _line(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            self.lines.append(frame.f_lineno)
        return self._line

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run one aten operator and note it."""
        read = _seen(args)
        result = func(*args, **(kwargs or {}))
        self.operators.append((str(func), read, _seen(result)))
        return result


def _seen(values: object) -> Versions:
    if isinstance(values, torch.Tensor):
        return ((tuple(values.shape), values._version),)
    if isinstance(values, (list, tuple)):
        return tuple(seen for value in values for seen in _seen(value))
    return ()
