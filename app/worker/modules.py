"""Which module call each operator ran in."""

import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import torch
from msgspec import Struct

from app.worker.names import clean

_call_module = torch.nn.Module.__call__

ModuleRef = weakref.ref[torch.nn.Module]


class CallRecord(Struct, frozen=True, gc=False):
    """One call of a module, which it does not keep alive."""

    module: ModuleRef
    kind: str
    parent: int | None
    step: int


class ModuleCalls:
    """Every call of an nn.Module, in order, and the reader's paths to the modules."""

    def __init__(self) -> None:
        self.calls: list[CallRecord] = []
        self.current: int | None = None
        self._paths: dict[int, tuple[ModuleRef, str, bool]] = {}  # by id of the one reference that a module has

    def name(self, path: str, module: torch.nn.Module, is_local: bool) -> None:
        """Note the reader's path to `module`; the first one stays, but one from the top level goes before."""
        reference = weakref.ref(module)
        known = self._paths.get(id(reference))
        if known is None or (known[2] and not is_local):
            self._paths[id(reference)] = reference, path, is_local

    def path(self, call: int) -> str:
        """The path of the module that `call` called, else its class's name."""
        record = self.calls[call]
        known = self._paths.get(id(record.module))
        return known[1] if known else record.kind

    @contextmanager
    def observed(
        self, step: Callable[[FrameType], int], returned: Callable[[object, FrameType], None]
    ) -> Iterator[None]:
        """Follow calls of modules; `returned` is told what an outermost one gave, and its caller."""

        def call(module: torch.nn.Module, *args: object, **kwargs: object) -> object:
            outer = self.current
            caller = sys._getframe(1)
            kind = clean(type(module).__name__)
            self.calls.append(CallRecord(weakref.ref(module), kind, outer, step(caller)))
            self.current = len(self.calls) - 1
            try:
                result = _call_module(module, *args, **kwargs)
            finally:
                self.current = outer
            if outer is None:
                returned(result, caller)
            return result

        torch.nn.Module.__call__ = call  # type: ignore[method-assign]
        try:
            yield
        finally:
            torch.nn.Module.__call__ = _call_module  # type: ignore[method-assign]
